"""Which alerts a silence means, whatever its patterns and labels hold."""

import time
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.models.silences import Silence, exactly

NOW = datetime(2024, 10, 24, 12, tzinfo=UTC)
PATTERNS = st.text("*ab.\n[\\", max_size=12)


def silence(pattern: str) -> Silence:
    return Silence(
        id="a",
        matchers={"campaign": [pattern]},
        start=NOW,
        end=NOW + timedelta(hours=1),
        author="asha",
        comment="release",
    )


def means(pattern: str, text: str) -> bool:
    """What a star is by its definition: any text, letter by letter."""

    @cache
    def from_(p: int, t: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern.startswith(r"\*", p):
            return t < len(text) and text[t] == "*" and from_(p + 2, t + 1)
        if pattern[p] == "*":
            return from_(p + 1, t) or (t < len(text) and from_(p, t + 1))
        return t < len(text) and pattern[p] == text[t] and from_(p + 1, t + 1)

    return from_(0, 0)


@given(PATTERNS, st.text("*ab.\n[\\", max_size=12))
def test_a_star_stands_for_any_text_and_nothing_else_for_anything(pattern: str, text: str) -> None:
    """As its definition says, letter by letter."""
    assert silence(pattern).matches({"campaign": text}) == means(pattern, text)


@given(st.text("*ab\\", max_size=12), st.text("*ab\\", max_size=12))
def test_a_silence_of_one_alert_silences_no_other(text: str, other: str) -> None:
    """Whatever a campaign is called: the button on a card of an alert about ``*`` would silence them all."""
    made = silence(exactly(text))
    assert made.matches({"campaign": text})
    assert made.matches({"campaign": other}) == (other == text)


@pytest.mark.parametrize("piece", ["*", "*a", "*a*b", "a*", "**b"])
def test_no_pattern_holds_up_the_check(piece: str) -> None:
    """Stars without number, over the longest names: a thousand looks are done in a moment."""
    made = silence((piece * 256)[:500] + "!")
    labels = {"campaign": "ab" * 128}
    began = time.process_time()
    for _ in range(1_000):
        assert not made.matches(labels)
    assert time.process_time() - began < 5


def test_a_pattern_longer_than_any_label_is_refused() -> None:
    """It could mean nothing."""
    with pytest.raises(ValidationError):
        silence("a" * 513)
