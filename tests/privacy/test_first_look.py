# ruff: noqa: RUF001 (digits of other scripts)
"""The first look at a text spares it patterns that could find nothing there, and no others."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.privacy import first_look, masking
from core.privacy.credentials import mask_credentials
from core.privacy.documents import mask_named_papers, mask_unnamed_papers
from core.privacy.first_look import ANYTHING, told_by, told_by_word
from core.privacy.identities import mask_accounts, mask_addresses, mask_papers, mask_people
from core.privacy.introductions import mask_introduced
from core.privacy.numbers import mask_named_numbers, mask_numbers
from core.privacy.spoken import ASCII_WORDS, mask_spoken_digits, mask_spoken_mail
from core.privacy.transcripts import mask_transcripts
from tests.privacy.corpus import clean, personal
from tests.privacy.heard import heard, heard_clean

CORPORA = [one.text for one in (*clean(), *heard_clean(), *personal(), *heard())]
WORDS = sorted({word for text in CORPORA for word in text.split()})
MARKS = sorted(set(re.sub(r"\(\?[^)]*\)|[\\?^$\[\]]", "", first_look._ANY_MARK.pattern).split("|")))
SPOKEN = sorted(word.decode() for word in ASCII_WORDS)
HINDI = [
    "नौ",
    "आठ",
    "डबल",
    "सात",
    "छः",
    "पाँच",
    "चार",
    "तीन",
    "दो",
    "एक",
    "शून्य",
    "नाइन",
    "एट",
    "ज़ीरो",
    "और",
    "फिर",
    "ओ",
    "टी",
    "पी",
    "ओटीपी",
    "पिन",
    "आधार",
    "कार्ड",
    "फोन",
    "खाता",
    "वोटर",
    "गाड़ी",
    "है",
]
GAPS = st.sampled_from(
    [
        " ",
        " ",
        " ",
        "  ",
        "-",
        ", ",
        ": ",
        "=",
        ".",
        "\n",
        " at ",
        " dot ",
        "'",
        '"',
        "",
        "\u00a0",
        "–",
        " and ",
    ]
)
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(MARKS),
    st.sampled_from(SPOKEN),
    st.sampled_from(HINDI),
    st.sampled_from(
        ["-u neha:Mango-4471", "--user", "--proxy-user=a:b4471x", "neha", "shop.example", "Mango:4471"]
    ),
    st.sampled_from(
        ["ravi@shop.example", "customer_name=Ravi", "address: 12 MG Road, Pune", "token->a1b2c3d4"]
    ),
    st.sampled_from(
        ["my name is", "this is", "speaking", "mera naam", "मेरा नाम", "mr", "Ramesh Kumar", "रमेश"]
    ),
    st.sampled_from(
        ["550e8400-e29b-41d4-a716-446655440000", "call_4711", "KA", "ka", "22", "BH", "ABCPE", "PAN"]
    ),
    st.from_regex(r"[0-9]{1,12}", fullmatch=True),
    st.from_regex(r"[०-९٠-٩]{1,10}", fullmatch=True),
    st.from_regex(r"[a-zA-Z]{1,8}", fullmatch=True),
    st.from_regex(r"[A-Z]{2,5}[0-9]{1,8}[A-Z]{0,2}", fullmatch=True),
    st.text(st.characters(max_codepoint=126), max_size=6),
)


def by_all_patterns(text: str) -> str:
    """What every pattern, one after the other, makes of a text with enough digits for it."""
    off: frozenset[str] = frozenset()
    digits, addressed = sum(map(str.isdecimal, text)), "@" in text or "%" in text
    text = mask_spoken_digits(mask_transcripts(text), off)
    text = mask_people(mask_credentials(text, off, may_name=True), off)
    text = mask_introduced(mask_spoken_mail(text, off), off)
    text = mask_addresses(text, off) if addressed else text
    text = mask_papers(text, off) if digits >= 4 else text
    text = mask_accounts(text) if digits >= 8 else text
    if digits < 4:
        return text
    text = mask_named_papers(mask_unnamed_papers(text, off), off)
    return mask_named_numbers(mask_numbers(text, off), off)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(PIECES, GAPS), min_size=1, max_size=14))
def test_a_text_is_masked_as_all_patterns_would(parts: list[tuple[str, str]]) -> None:
    """However words, marks, spoken digits, numbers of any script, names and signs are put together."""
    text = "".join(word + gap for word, gap in parts).replace("\\", "")
    assert masking._mask_text(text) == by_all_patterns(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(CORPORA), min_size=1, max_size=3), st.sampled_from([" ", ", ", "\n", ""]))
def test_texts_of_the_corpora_put_together_are_masked_alike(texts: list[str], gap: str) -> None:
    text = gap.join(texts)
    assert masking._mask_text(text) == by_all_patterns(text)


@pytest.mark.parametrize(
    "text",
    [
        "Call completed",
        "Agent started, pid 48213",
        "asr_latency_ms=234.5",
        "lead asked for a callback at five",
        "span 550e8400-e29b-41d4-a716-446655440000 took 12.5 ms",
        "kal subah callback karna hai",
        "ग्राहक ने 10 बजे फिर से बुलाया",
    ],
)
def test_what_most_lines_say_is_spared_the_patterns(text: str) -> None:
    assert not told_by(text) & first_look.WORDS
    assert not first_look.speaks(told_by(text))


def test_words_between_spoken_digits_count() -> None:
    assert masking._mask_text("one and 8 and 7 and 6 and 5 and 4 and 3 and 2 and 1") == "[spoken]"


def test_what_is_remembered_is_bounded() -> None:
    for number in range(told_by_word.cache_parameters()["maxsize"] + 10):
        told_by_word(f"w{number}")
    assert told_by_word.cache_info().currsize == told_by_word.cache_parameters()["maxsize"]
    before = told_by_word.cache_info().misses
    assert told_by("word " * 200) == ANYTHING
    assert told_by_word.cache_info().misses == before, "long texts are not looked at"
