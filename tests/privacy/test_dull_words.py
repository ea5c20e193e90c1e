"""The first look at a text spares it patterns that could find nothing there, and no others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.privacy import masking
from core.privacy.dull_words import _MARK, says_nothing, weight_of
from core.privacy.named import NAME_MARK
from core.privacy.spoken import ASCII_WORDS
from tests.privacy.corpus import clean, personal
from tests.privacy.heard import heard, heard_clean

CORPORA = [one.text for one in (*clean(), *heard_clean(), *personal(), *heard())]
WORDS = sorted({word for text in CORPORA for word in text.split()})
MARKS = sorted({*_MARK.pattern.replace("\\", "").split("|"), *NAME_MARK.pattern.split("|")})
SPOKEN = sorted(word.decode() for word in ASCII_WORDS)
GAPS = st.sampled_from([" ", " ", " ", "  ", "-", ", ", ": ", "=", ".", "\n", " at ", " dot ", "'", '"', ""])
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(MARKS),
    st.sampled_from(SPOKEN),
    st.sampled_from(
        ["-u neha:Mango-4471", "--user", "--proxy-user=a:b4471x", "neha", "shop.example", "Mango:4471"]
    ),
    st.from_regex(r"[0-9]{1,12}", fullmatch=True),
    st.from_regex(r"[a-zA-Z]{1,8}", fullmatch=True),
    st.text(st.characters(max_codepoint=126), max_size=6),
)


def without_first_look(text: str) -> str:
    """What all patterns make of a text."""
    telling = text.encode("ascii").translate(None, masking._DULL) if text.isascii() else masking._ANYTHING
    text = masking._mask_what_words_tell(text, telling, frozenset())
    return masking._mask_forms(text, telling, frozenset(), names=True) if telling else text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(PIECES, GAPS), min_size=1, max_size=14))
def test_a_text_is_masked_as_all_patterns_would(parts: list[tuple[str, str]]) -> None:
    """However words, marks, spoken digits, numbers and signs are put together."""
    text = "".join(word + gap for word, gap in parts)
    assert masking._mask_text(text) == without_first_look(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(CORPORA), min_size=1, max_size=3), st.sampled_from([" ", ", ", "\n", ""]))
def test_texts_of_the_corpora_put_together_are_masked_alike(texts: list[str], gap: str) -> None:
    text = gap.join(texts)
    assert masking._mask_text(text) == without_first_look(text)


@pytest.mark.parametrize(
    "text",
    [
        "Call completed",
        "Agent started, pid 48213",
        "asr_latency_ms=234.5",
        "lead asked for a callback at five",
    ],
)
def test_what_most_lines_say_is_spared_the_patterns(text: str) -> None:
    assert says_nothing(text)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(weight_of.cache_parameters()["maxsize"] + 10):
        weight_of(f"w{number}")
    assert weight_of.cache_info().currsize == weight_of.cache_parameters()["maxsize"]
    before = weight_of.cache_info().misses
    assert not says_nothing("word " * 200)
    assert weight_of.cache_info().misses == before, "long texts are not looked at"
