"""What is masked, what is left alone, and that nothing valid gets through."""

import string
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.privacy import keys
from core.privacy.keys import VENDORS
from core.privacy.masking import mask_text, mask_value
from core.privacy.numbers import is_luhn, is_verhoeff

AADHAAR = "234123412346"

MASKED = {
    "ring 9876543210 now": "ring [phone …3210] now",
    "+919876543210": "[phone …3210]",
    "+91 98765 43210": "[phone …3210]",
    "+91-98765-43210": "[phone …3210]",
    "+91 (987) 654-3210": "[phone …3210]",
    "(+91) 98765 43210": "([phone …3210]",
    "0091 98765 43210": "[phone …3210]",
    "098765 43210": "[phone …3210]",
    "12 9876543210": "12 [phone …3210]",
    "9876543210 9876543211": "[phone …3210] [phone …3211]",
    "987.654.3210": "[phone …3210]",
    "98765.43210": "[phone …3210]",
    "9 8 7 6 5 4 3 2 1 0": "[phone …3210]",
    "sip:+919876543210@host": "sip:[phone …3210]@host",
    "tel:9876543210;ext=1": "tel:[phone …3210];ext=1",
    "नंबर ९८७६५४३२१० है": "नंबर [phone …3210] है",
    "मेरा नंबर ९८७६५ ४३२१०है": "मेरा नंबर [phone …3210]है",
    "/calls?phone=%2B919876543210&page=2": "/calls?phone=%2B[phone …3210]&page=2",
    "9876543210_20241024.wav": "[phone …3210]_20241024.wav",
    "'\\n9876543210'": "'\\n[phone …3210]'",
    '{"to":"+919876543210","pan":"ABCPE1234F"}': '{"to":"[phone …3210]","pan":"[pan]"}',
    "98765-43210/98765-43211": "[phone …3210]/[phone …3211]",
    "+14155552671": "[phone …2671]",
    "ravi.kumar+loan@example.co.in wrote": "[email] wrote",
    "?to=ravi%40example.com": "?to=[email]",
    "PAN ABCPE1234F": "PAN [pan]",
    "pan abcpe1234f": "pan [pan]",
    "ABCPE 1234 F": "[pan]",
    AADHAAR: "[aadhaar …2346]",
    "2341 2341 2346": "[aadhaar …2346]",
    "4111 1111 1111 1111": "[card …1111]",
    "card 4111-1111-1111-1111, 12/29": "card [card …1111], 12/29",
    "378282246310005": "[card …0005]",
    "pay ravi.k@okaxis": "pay [upi]",
    "9876543210@ybl": "[upi]",
    "account no. 123456789012": "account no. [account …9012]",
    "Authorization: Bearer abc.def.ghi": "Authorization: [masked]",
    "sent bearer 0123456789abcdef": "sent bearer [token]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1": "[jwt]",
    "AKIAIOSFODNN7EXAMPLE": "[key]",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- ok": "[private key] ok",
    "-----BEGIN PRIVATE KEY-----\ncut off": "[private key]",
    "mongodb://agent:p@ss@db.example.com/x": "mongodb://[credentials]@db.example.com/x",
    "https://hooks.slack.com/services/T0/B0/abc": "https://hooks.slack.com/[webhook]",
    "password=hunter2&next=/": "password=[masked]&next=/",
    "{'api_key': 'k-1 2', 'n': 1}": "{'api_key': '[masked]', 'n': 1}",
    '{"otp": 123456, "ok": true}': '{"otp": [masked], "ok": true}',
    "your OTP is 482913.": "your OTP is [masked].",
    "redis://:pw@cache:6379/0": "redis://[credentials]@cache:6379/0",
    "Cookie: sessionid=abc; csrftoken=def": "Cookie: [masked]",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG": "aws_secret_access_key = [masked]",
    "GET /x?access_token=abc&page=2": "GET /x?access_token=[masked]&page=2",
}

LEFT_ALONE = [
    "Call completed in 180 seconds",
    "at 1729765845123 ms",
    "at 1729765845123456789 ns",
    "monotonic 6543.123456",
    "ratio 0.9876543210, 12.7654321098",
    "0.8765432109876543",
    "order_id=9876543210",
    "UTR 412345678901",
    "UTR SBIN524123456789",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "98765432-9876-4876-9876-987654321098",
    "pod voice-agent-7d9f8c6b5d-x2k9p",
    "pod voice-agent-6998765432-bcd2f",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736",
    "from 98.76.154.210 and 192.168.100.254",
    "2024-10-24 10:30:45.123 to 24-10-2024 18:00",
    "98765432101234567890123",
    "call_9876543210 ended",
    "max_tokens=512 mapping=1 spin: 3",
    "amount 9876543.21",
    "ABCDE1234F",  # D is no kind of PAN holder
    "1234 5678 9012",
    "4111 1111 1111 1112",
    "user@localhost",
    "qualification: public_secured",
]


@pytest.mark.parametrize(("text", "expected"), MASKED.items())
def test_masked(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_left_alone(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"password": "x", "Api-Key": "y", "accessToken": "z"}, ["[masked]"] * 3),
        ({"OTP": 1234, "card_cvv": "123", "mpin": 12, "auth": {"user": "u"}}, ["[masked]"] * 4),
        ({"otp_sent": True, "token": None, "pincode": 560001}, [True, None, 560001]),
        ({"total_tokens": 512, "tokens": "abc"}, [512, "[masked]"]),
        ({"call_id": "9876543210", "lead_id": "ravi@example.com"}, ["9876543210", "ravi@example.com"]),
        ({"order_id": 9876543210, "customer_id": "9876543210"}, [9876543210, "9876543210"]),
        ({"customer_id": "+919876543210"}, ["[phone …3210]"]),
        ({"to": 9876543210, "dialled": 919876543210}, ["[phone …3210]"] * 2),
        ({"mobile": "022-2456 7890", "email": True}, ["[phone …7890]", True]),
        ({"phones": ["9876543210"], "pan": "x"}, [["[phone …3210]"], "[pan]"]),
        ({"created_ms": 1729765845123, "ns": 1729765845123456789}, [1729765845123, 1729765845123456789]),
        ({"headers": [("Authorization", "Basic abc")]}, [[["Authorization", "[masked]"]]]),
        ({"lead": {"notes": ["ABCPE1234F", {"otp": 1}]}}, [{"notes": ["[pan]", {"otp": "[masked]"}]}]),
    ],
)  # fmt: skip
def test_fields_are_judged_by_name_then_by_value(fields: dict[str, Any], expected: list[Any]) -> None:
    assert list(mask_value(fields).values()) == expected


NAMES_OF_SECRETS = sorted(keys._SECRET_LAST | keys._CODES | {"cvv2", "password", "api_key", "client_secret"})


@pytest.mark.parametrize("name", NAMES_OF_SECRETS)
@pytest.mark.parametrize("form", ["{}", "user_{}", "{}2", "new-{}", "{}_entered", "X-{}", "{}_value"])
def test_every_name_that_is_listed_masks_its_value_wherever_it_stands(name: str, form: str) -> None:
    """As text and as a number, with a number of its own behind it, and with what was done to it."""
    field = form.format(name)
    assert mask_value({field: "730164", field.upper(): 730164}) == {
        field: "[masked]",
        field.upper(): "[masked]",
    }


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_the_key_of_each_listed_service_is_masked(vendor: str) -> None:
    """Under ``<vendor>_key`` in any spelling, whatever it looks like."""
    assert (
        list(mask_value({f"{vendor}_key": "k-1", f"{vendor.upper()}-KEY": "k-1"}).values())
        == ["[masked]"] * 2
    )


def test_a_key_of_an_unknown_service_is_masked_and_one_of_a_table_is_not() -> None:
    """By what it looks like; keys that join tables or find things in caches stay."""
    made = "9f3kq7zz81mmx2c4"
    assert mask_value({"newservice_key": made})["newservice_key"] == "[masked]"
    kept = {"primary_key": made, "cache_key": made, "newservice_key": "language", "routing_key": "calls.9"}
    assert mask_value(kept) == kept


MEASURES = {
    "time_to_first_token": 0.31, "first_token_ms": 310.5, "tokens_per_second": 31.5, "cost_per_token": 0.0001,
    "max_token": 4096, "total_tokens": 512, "token_count": 7, "otp_length": 6, "pin_attempts": 3,
    "password_min_length": 8, "auth_latency_ms": 35.25, "authorization_ms": 12.5, "secret_age_days": 40,
    "otp_sent_at": "2026-11-20", "otp_status": "verified", "pass_rate": 0.93, "cookie_count": 4,
    "password_strength": 0.8,
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_of_something_secret_stays_a_number(name: str) -> None:
    """Times, counts, rates and lengths of tokens, codes and passwords."""
    assert mask_value({name: MEASURES[name]}) == {name: MEASURES[name]}


@pytest.mark.parametrize(
    "name", ["caller_id", "callerId", "callee_ids", "cli", "phone_ref", "wa_id", "MOBILE-KEY"]
)
@pytest.mark.parametrize("value", [9840117362, 9840117362.0, "9840117362", "+919840117362"])
def test_a_number_is_a_phone_where_any_word_of_its_name_says_so(name: str, value: object) -> None:
    """In a list as well; the last word alone, as ``id``, says too little."""
    assert mask_value({name: value, "more": {name: [value]}}) == {
        name: "[phone …7362]",
        "more": {name: ["[phone …7362]"]},
    }


def test_masking_a_masked_field_again_changes_nothing() -> None:
    """As for a handler of somebody's own, which gets masked records."""
    once = mask_value({"phone": "9840117362", "pan": "x", "note": "9840117362"})
    assert mask_value(once) == once


def test_a_phone_as_a_field_name_is_masked() -> None:
    assert mask_value({"9876543210": "busy", 9876543210: "busy"}) == {
        "[phone …3210]": "busy",
        "[phone …3210]_2": "busy",
    }


def test_a_value_that_contains_itself_is_masked_once() -> None:
    loop: list[Any] = ["9876543210"]
    loop.append(loop)
    assert mask_value(loop) == ["[phone …3210]", "[circular]"]


def _with_check_digit(body: str, check: Any) -> str:
    return next(body + digit for digit in string.digits if check(body + digit))


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


_phones = st.builds("{}{}".format, st.sampled_from("6789"), _digits(9))
_written_phones = st.builds(
    lambda phone, form: form.format(phone, phone[:5], phone[5:], phone[:3], phone[3:6], phone[6:]),
    _phones,
    st.sampled_from(
        ["{0}", "+91{0}", "+91 {1} {2}", "0{0}", "{1}-{2}", "{3} {4} {5}", "91 {0}", "{3}.{4}.{5}"]
    ),
)
_cards = _digits(14).map(lambda body: _with_check_digit("4" + body, is_luhn))
_aadhaars = _digits(10).map(lambda body: _with_check_digit("3" + body, is_verhoeff))
_pans = st.from_regex(r"\A[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]\Z")
_emails = st.from_regex(r"\A[a-z][a-z0-9.]{0,20}@[a-z]{1,10}\.(com|in|co\.in)\Z")
_around = st.text(st.sampled_from("abz .,;:!?\n(12[नं🙂"), max_size=12)


@given(st.one_of(_written_phones, _cards, _aadhaars, _pans, _emails), _around, _around)
@example("9876543210", "12", "")
def test_no_valid_number_or_address_survives_intact(value: str, before: str, after: str) -> None:
    assert value not in mask_text(f"{before} {value} {after}")


@given(st.text())
def test_any_text_can_be_masked_and_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=8)
)
def test_any_value_can_be_masked(value: Any) -> None:
    mask_value({"field": value, "phone": value, "password": value})


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 15_000,
        "a@" * 15_000,
        "password" * 4_000,
        "x.y" * 10_000,
        "://" * 10_000,
        "+" * 30_000,
        "eyJ." * 8_000,
    ],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    """Nothing in the patterns grows with the square of the text."""
    began = time.process_time()
    mask_text(text)
    assert time.process_time() - began < 1.0


def test_a_phone_as_a_float_is_masked_and_other_floats_stay() -> None:
    """As pandas hands out a column of phones in which one is missing."""
    assert mask_value({"caller": 9876543210.0, "phone": 9876543210.0}) == {
        "caller": "[phone …3210]",
        "phone": "[phone …3210]",
    }
    assert mask_value({"seconds": 2.0, "share": float("inf")}) == {"seconds": 2.0, "share": float("inf")}


@pytest.mark.parametrize("name", ["transcript", "user_transcript", "utterances", "asr_text", "callerSaid"])
def test_what_somebody_said_is_not_logged_unless_it_is_asked_for(name: str) -> None:
    """No pattern finds all that is personal in it: its length is left, and figures about it are."""
    fields = {
        name: "haan ji, main Meera",
        "turns": {name: ["ji"]},
        "transcript_ms": 120,
        "transcripts_stored": "yes",
    }
    assert mask_value(fields) == {
        name: "[transcript of 19 characters]",
        "turns": {name: ["[transcript of 2 characters]"]},
        "transcript_ms": 120,
        "transcripts_stored": "yes",
    }
    assert mask_value(mask_value(fields)) == mask_value(fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transcript: haan ji, main Meera\nnext", "transcript: [transcript of 19 characters]\nnext"),
        ('{"transcript": "main Meera", "n": 3}', '{"transcript": "[transcript of 10 characters]", "n": 3}'),
        ("transcript stored after 3 s", "transcript stored after 3 s"),
    ],
)
def test_a_transcript_in_a_text_is_masked_to_its_end(text: str, expected: str) -> None:
    """The end of its line, or of its quotes."""
    assert mask_text(text) == expected
    assert mask_text(expected) == expected
