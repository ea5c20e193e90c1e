"""A name is masked where it is introduced, and nothing else there."""

import pytest

from core.privacy.masking import configure_masking, mask_text
from tests.privacy.introduced import NOBODY, SAID

PAIRS = [tuple(line.split("|", 1)) for line in SAID.strip().splitlines()]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My name is Ramesh Kumar", "My name is [name]"),
        ("my name is ramesh kumar and i want a loan", "my name is [name] and i want a loan"),
        ("मेरा नाम रमेश कुमार है", "मेरा नाम [name] है"),
        ("mera naam Ramesh Kumar hai", "mera naam [name] hai"),
        ("This is Ramesh speaking", "This is [name] speaking"),
        ("am I speaking with Mr Ramesh Kumar", "am I speaking with Mr [name]"),
        ("क्या मैं रमेश जी से बात कर रहा हूँ", "क्या मैं [name] जी से बात कर रहा हूँ"),
        ("mera naam nahi pata, mera naam ravi hai", "mera naam nahi pata, mera naam [name] hai"),
    ],
)
def test_a_name_goes_and_what_introduces_it_stays(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


@pytest.mark.parametrize(("name", "text"), PAIRS)
def test_an_introduced_name_is_masked(name: str, text: str) -> None:
    masked = mask_text(text)
    assert "[name]" in masked
    assert not any(word in masked for word in name.split() if len(word) > 2)


@pytest.mark.parametrize("text", NOBODY.strip().splitlines())
def test_what_only_begins_like_an_introduction_stays(text: str) -> None:
    assert mask_text(text) == text


def test_names_stay_where_they_are_not_masked() -> None:
    configure_masking(off=["name"])
    try:
        assert mask_text("my name is Ramesh") == "my name is Ramesh"
    finally:
        configure_masking(off=(), own={})
