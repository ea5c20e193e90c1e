"""Recall and false positives on the labelled corpus, and other people's definitions of the numbers."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn, verhoeff
from stdnum.in_ import aadhaar, gstin, pan

from benchmarks.masking import table
from core.errors import UserError
from core.privacy.kinds import KINDS
from core.privacy.masking import configure_masking, mask_text, mask_value
from core.privacy.numbers import is_luhn, is_verhoeff
from tests.privacy.corpus import FORMS, Labelled, clean, core_of, personal
from tests.privacy.heard import heard, heard_clean

MOST_FALSE_POSITIVES = 0.01
LEAST_RECALL = 0.95
"""Of each kind of the second corpus; of the first nothing survives."""


def test_nothing_personal_of_the_corpus_survives() -> None:
    assert [one for one in personal() if one.secret in mask_text(one.text)] == []


def test_of_each_kind_heard_nearly_all_is_caught() -> None:
    """Utterances as speech recognition writes them."""
    kinds = Counter(one.kind for one in heard())
    missed = [one for one in heard() if one.secret in mask_text(one.text)]
    lost = Counter(one.kind for one in missed)
    assert {kind: lost[kind] for kind, n in kinds.items() if lost[kind] > (1 - LEAST_RECALL) * n} == {}, (
        missed
    )


@pytest.mark.parametrize("corpus", [clean, heard_clean])
def test_few_clean_texts_of_the_corpus_are_touched(corpus: Callable[[], list[Labelled]]) -> None:
    texts = corpus()
    touched = [one.text for one in texts if mask_text(one.text) != one.text]
    assert len(touched) <= MOST_FALSE_POSITIVES * len(texts), touched


def test_the_corpus_is_large_enough_and_its_numbers_are_what_they_are_called() -> None:
    assert len(personal()) + len(clean()) >= 500
    digits = [form.translate({ord(char): None for char in " -."}) for form in FORMS["aadhaar"]]
    digits = [number for number in digits if number.isascii()]
    assert all(aadhaar.is_valid(number) for number in digits)
    assert all(pan.is_valid(core_of(form).replace(" ", "").upper()) for form in FORMS["pan"])
    assert all(gstin.is_valid(core_of(form).upper()) for form in FORMS["gstin"])
    assert all(luhn.is_valid("".join(filter(str.isdigit, form))) for form in FORMS["card"])


def test_the_published_figures_are_those_of_the_corpora() -> None:
    """docs/masking.md says by kind how much is caught."""
    assert table() in (Path(__file__).resolve().parents[2] / "docs" / "masking.md").read_text()


@given(st.text("0123456789", min_size=1, max_size=25))
def test_the_check_digits_are_those_of_python_stdnum(digits: str) -> None:
    assert is_luhn(digits) == luhn.is_valid(digits)
    assert is_verhoeff(digits) == verhoeff.is_valid(digits)


_FORMATS = [
    getattr(phonenumbers.PhoneNumberFormat, name) for name in ("E164", "INTERNATIONAL", "NATIONAL", "RFC3966")
]


@given(st.integers(6_000_000_000, 9_999_999_999), st.sampled_from(_FORMATS), st.sampled_from("₹:;\n (\"'"))
def test_whatever_google_finds_as_an_indian_mobile_is_masked(digits: int, form: int, around: str) -> None:
    number = phonenumbers.parse(str(digits), "IN")
    text = f"ring{around}{phonenumbers.format_number(number, form)}{around}now"
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(text, "IN")]
    if number in found:
        assert f"[phone …{digits % 10_000:04}]" in mask_text(text)


@given(st.sampled_from(["US", "GB", "AE", "SG", "DE", "AU"]), st.booleans())
def test_numbers_abroad_are_masked_with_their_plus(region: str, mobile: bool) -> None:
    kind = phonenumbers.PhoneNumberType.MOBILE if mobile else phonenumbers.PhoneNumberType.FIXED_LINE
    number = phonenumbers.example_number_for_type(region, kind)
    assert number is not None
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    assert mask_text(f"ring {text} now").startswith("ring [phone …")


SAMPLES = {
    "phone": "9876543210", "aadhaar": "234123412346", "card": "4111 1111 1111 1111", "pan": "ABCPE1234F",
    "account": "a/c 123456789", "gstin": "27AAPFU0939F1ZV", "email": "a@example.com", "upi": "ravi@jio",
    "transcript": "transcript: haan ji", "spoken": "nine eight seven six five four three two one oh",
    "voter": "voter id ABX1234567", "passport": "passport no K1234567", "licence": "DL MH12 20110012345",
    "vehicle": "MH 12 AB 1234",
    "dob": "date of birth: 15/11/1991", "ifsc": "ifsc HDFC0001234", "name": "customer_name=Ravi Kumar",
    "address": "address: 12, MG Road, Pune 411001",
    "secret": "password=hunter2", "token": "sent bearer abcdefgh", "jwt": "eyJhbGciOi.eyJzdWIi.abc",
    "key": "AKIAIOSFODNN7EXAMPLE", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE", "url": "redis://:pw@cache/0",
}  # fmt: skip


@pytest.fixture
def choosing() -> Iterator[None]:
    yield
    configure_masking(off=(), own={})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_can_be_turned_off_alone(kind: str, choosing: None) -> None:
    assert mask_text(SAMPLES[kind]) != SAMPLES[kind]
    configure_masking(off=[kind])
    assert {name for name, text in SAMPLES.items() if mask_text(text) == text} == {kind}


def test_a_field_named_for_a_kind_that_is_off_is_kept(choosing: None) -> None:
    configure_masking(off=["phone", "secret"])
    assert mask_value({"phone": "9876543210", "token": "abc", "email": "a"}) == {
        "phone": "9876543210", "token": "abc", "email": "[email]",
    }  # fmt: skip


def test_own_patterns_are_masked_first(choosing: None) -> None:
    configure_masking(own={"loan": r"\bLN\d{8}\b"})
    assert mask_text("LN12345678 of 9876543210") == "[loan] of [phone …3210]"
    assert mask_value({"ref": ["LN12345678"]}) == {"ref": ["[loan]"]}


@pytest.mark.parametrize(
    ("choice", "said"), [({"off": ["fone"]}, "phone, aadhaar"), ({"own": {"x": "("}}, "regular")]
)
def test_a_choice_that_cannot_be_used_is_refused(choice: dict[str, Any], said: str, choosing: None) -> None:
    with pytest.raises(UserError, match=said):
        configure_masking(**choice)
