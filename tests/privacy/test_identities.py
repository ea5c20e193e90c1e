"""Accounts, dates of birth, names and keys by what code, carriers and protocols call them."""

from datetime import date
from typing import Any

import pytest

from core.privacy.masking import mask_text, mask_value

ACCOUNT = "618290447315"


@pytest.mark.parametrize(
    "notation",
    [
        '{{"account_number": "{0}"}}', "account_number={0}", "accountNumber: {0}", "bank_account_no='{0}'",
        "bankAccountNumber={0}", "acct_num = {0}", '{{\\"account_no\\": \\"{0}\\"}}', "acc_no:{0}",
        "A/C No. {0}",
        "beneficiary account {0}", "{0}, IFSC HDFC0001234", "{0} (IFSC code: HDFC0001234)",
    ],
)  # fmt: skip
def test_an_account_is_masked_in_whatever_notation_it_is_named(notation: str) -> None:
    """JSON and arguments of a call join the words of its name."""
    masked = mask_text(f"paid {notation.format(ACCOUNT)} today")
    assert "[account …7315]" in masked
    assert ACCOUNT not in masked


@pytest.mark.parametrize("name", ["bankAccount", "beneficiary_account", "savings_acct"])
def test_a_field_with_an_account_is_masked_and_one_with_a_word_is_not(name: str) -> None:
    """``bank_account: main`` says which one, and no number."""
    assert mask_value({name: ACCOUNT}) == {name: "[account …7315]"}
    assert mask_value({name: "main"}) == {name: "main"}
    assert mask_text(f"account_id={ACCOUNT}") == f"account_id={ACCOUNT}"


@pytest.mark.parametrize(
    "said", ["15/11/1991", "15-11-91", "1991-11-15", "15 November 1991", "15th Nov 1991"]
)
@pytest.mark.parametrize(
    "named",
    ["dob: {}", "DOB={}", "date of birth is {}", "born on {}", "mera janm {} ko hua", '"dateOfBirth": "{}"'],
)
def test_a_date_of_birth_is_masked_where_it_is_named(named: str, said: str) -> None:
    """In English and Hindi; other dates stay."""
    assert mask_text(f"{named.format(said)} on 2026-11-20").count("[dob]") == 1
    assert mask_text(f"call on {said}, birthday offers") == f"call on {said}, birthday offers"


@pytest.mark.parametrize("value", ["1991-11-15", 19911115, date(1991, 11, 15)])
@pytest.mark.parametrize("name", ["dob", "dateOfBirth", "birth_date", "customerDob"])
def test_a_field_with_a_date_of_birth_is_masked(name: str, value: Any) -> None:
    """As text, number or date."""
    assert mask_value({name: value}) == {name: "[dob]"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "contact_name",
            "caller_id_name",
            "Caller-Caller-ID-Name",
            "maidenName",
            "participantName",
            "nickname",
        ),
        *("customer_full_name", "customer-full-name", "customerFullName", "borrowerFirstName", "clientName"),
        *("recipientName", "senderName", "ProfileName", "pushName", "whatsappName", "prospectName"),
        "caller_name_raw",
    ],
)
def test_names_of_people_are_masked_as_carriers_call_them(name: str) -> None:
    """As a field and in text."""
    assert mask_value({name: "Neha Sharma"}) == {name: "[name]"}
    assert "Neha" not in mask_text(f"{name}=Neha Sharma")


@pytest.mark.parametrize(
    "name",
    [
        "agent_name",
        "campaignName",
        "model_name",
        "event_name",
        "hostname",
        "filename",
        "name",
        "customer_tier_name",
    ],
)
def test_names_of_things_stay(name: str) -> None:
    """As a field and in text."""
    assert mask_value({name: "Diwali Offer"}) == {name: "Diwali Offer"}
    assert mask_text(f"{name}=Diwali Offer") == f"{name}=Diwali Offer"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"borrowerName":"नेहा","n":1}', '{"borrowerName":"[name]","n":1}'),
        ("{'leadName': 'Neha Sharma'}", "{'leadName': '[name]'}"),
        (r"{\"lead_name\": \"Neha Sharma\"}", r"{\"lead_name\": \"[name]\"}"),
        ('{"address": "12, MG Road, Pune"}', '{"address": "[address]"}'),
        ("leadName: neha sharma", "leadName: [name]"),
        ("lead_name=neha sharma status=ok", "lead_name=[name] status=ok"),
        ("lead_name=neha not found", "lead_name=[name] not found"),
        ('{"participant": {"id": 1, "name": "Neha"}}', '{"participant": {"id": 1, "name": "[name]"}}'),
        ('{"contacts": [{"name": "Neha"}]}', '{"contacts": [{"name": "[name]"}]}'),
        ("Customer(id=1, name='Neha Sharma', n=2)", "Customer(id=1, name='[name]', n=2)"),
        ('{"agent": {"name": "Asha"}}', '{"agent": {"name": "Asha"}}'),
        ('{"lead_name":"","n":1}', '{"lead_name":"","n":1}'),
        ("Campaign(name='Diwali')", "Campaign(name='Diwali')"),
        ('formattedAddress: "12 MG Road, Pune"', 'formattedAddress: "[address]"'),
    ],
)
def test_a_name_or_address_in_text_is_masked_to_its_end_within_its_quotes(text: str, expected: str) -> None:
    """So that JSON remains JSON, and no family name stays."""
    assert mask_text(text) == expected
    assert mask_text(expected) == expected


def test_the_name_of_a_person_is_masked_and_that_of_an_agent_is_not() -> None:
    """In a field of its own, or of several persons."""
    fields = {"participant": {"name": "Neha", "n": 1}, "leads": [{"name": "Ravi"}], "agent": {"name": "Asha"}}
    assert mask_value(fields) == {
        "participant": {"name": "[name]", "n": 1},
        "leads": [{"name": "[name]"}],
        "agent": {"name": "Asha"},
    }
    assert mask_value({"customer": "gold", "contact": 9840117362}) == {
        "customer": "gold",
        "contact": "[phone …7362]",
    }


@pytest.mark.parametrize(
    "name", ["primaryAddress", "house_address", "customer_full_address", "formattedAddress", "addressText"]
)
def test_postal_addresses_are_masked_under_more_names(name: str) -> None:
    """And no address of a machine."""
    assert mask_value({name: "12 MG Road, Pune"}) == {name: "[address]"}
    assert mask_value({name: "10.0.0.1", "memory_address": "0x7f end"}) == {
        name: "10.0.0.1",
        "memory_address": "0x7f end",
    }


@pytest.mark.parametrize("name", ["X-Plivo-Signature-V3", "mfaCode", "2fa_code", "creds", "api_token_v2"])
def test_secrets_are_masked_under_more_names_of_carriers_and_code(name: str) -> None:
    """A version at the end of a name, and codes of a second factor."""
    assert mask_value({name: "730164abc"}) == {name: "[masked]"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pan=NOMUH9293A", "pan=[pan]"),
        ("neha91@fifederal", "[upi]"),
        ("auth_header: Basic dXNlcjpwYXNzd29yZA==", "auth_header: Basic [token]"),
        ("a basic subscription", "a basic subscription"),
        ("POST https://api.telegram.org/bot123456789:AA" + "x" * 33 + "/send", "POST https://api.telegram.org/[key]/send"),
        ("https://discord.com/api/webhooks/12/ab-cd", "https://discord.com/api/webhooks/[webhook]"),
        ("https://x.webhook.office.com/webhookb2/ab@cd/x", "https://x.webhook.office.com/[webhook]"),
        (
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[key]|2^20",
        ),
        ('From: "Neha Sharma" <sip:919840117362@10.0.0.1>', 'From: "[name]" <sip:[phone …7362]@10.0.0.1>'),
        ("To: Neha Sharma <neha@shop.example>", "To: [name] <[email]>"),
        ('"1001" <sip:1001@pbx> if a: B < 5', '"1001" <sip:1001@pbx> if a: B < 5'),
        ("participant sip_919840117362 joined", "participant sip_[phone …7362] joined"),
        ("auth: AUTH PLAIN AG5laGEATWFuZ280NDcx", "auth: [masked] PLAIN [masked]"),
        ("otp: seven three zero one six four ok", "otp: [masked] ok"),
        ("pin=four four seven one", "pin=[masked]"),
        ("nine, eight, um, four, zero, one, one, seven, three, six, two", "[spoken …7362]"),
        ("nine eight triple um four six seven two one five", "[spoken …7215]"),
    ],
)  # fmt: skip
def test_what_has_a_form_of_its_own_is_masked_whole(text: str, expected: str) -> None:
    """Also beside words that only sound like it."""
    assert mask_text(text) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"bytes_sent": 9840117362, "bytes_recv": 9840117362},
        {"password_reset_at": "2026-01-02T03:04:05Z", "x-ratelimit-reset-tokens": "6m0s"},
        {"cost_per_token": "2e-06", "token_expires_at": "2026-01-02"},
    ],
)
def test_measures_and_times_stay_under_their_names(fields: dict[str, Any]) -> None:
    """Whatever else the names speak of."""
    assert mask_value(fields) == fields
