"""The first look at a text: which patterns could find anything in it; most could not, and are not run.

Words are remembered, each with the kinds of values that it may be a part or sign of; these add up over a
text. A mark that goes over several words (``o t p``, ``dl no``) is known by its first. What numbers there
could be is seen from a text's shape, in which all letters are alike, and all digits.
"""

import re
from functools import lru_cache

from core.privacy.credentials import CLOUD_KEY_MARK, SHORTEST_KEY
from core.privacy.documents import FORM_MARK, is_beginning
from core.privacy.documents import NAMES as PAPERS
from core.privacy.identities import ACCOUNT_MARK, DISPLAY_MARK
from core.privacy.introductions import MARK as INTRODUCTION_MARK
from core.privacy.introductions import TITLE_MARK
from core.privacy.named import NAME_MARK
from core.privacy.numbers import NAMES as NUMBERS
from core.privacy.spoken import (
    ASCII_WORDS,
    DOTTED,
    FEWEST_WORDS,
    FILLERS,
    GAPS,
    ONE_WORD,
    SPOKEN_HANDLES,
)

MOST_KNOWN = 16_384
LONGEST = 500
"""Characters of a text whose words are looked at and remembered."""
SECRET, PEOPLE, MAIL, NUMBER, PAPER, ACCOUNT, FORM = (0xFF << 8 * place for place in range(1, 8))
"""Which of a sum's bits say how many words may be part of a secret, a name or address, a spoken mail address,
a number named as such, a paper named as such, an account, a paper known by its form. No text of LONGEST
characters has more words than such a field can count.
"""
WORDS = SECRET | PEOPLE | MAIL
ANYTHING = -1
"""Of texts that were not looked at: all bits are set."""
_ONE = 0x0101010101010101
_SPOKEN = 0xFF


def _any_of(*marks: str) -> str:
    return "|".join(map(re.escape, marks))


_MARKS = tuple(
    (field & _ONE, re.compile(pattern))
    for field, pattern in (
        (
            SECRET,
            f"{NAME_MARK.pattern}|"
            + _any_of("uthori", "earer", "basic", "inline:", "code", "dentified", "://", "eyj", "private"),
        ),
        (
            PEOPLE,
            _any_of("transcript", "utterance", "name", "addr")
            + f"|{DISPLAY_MARK}|{INTRODUCTION_MARK.pattern}",
        ),
        (MAIL, _any_of("mail", "yahoo", "outlook", "cloud", "एट")),
        (NUMBER, _any_of(*NUMBERS)),
        (PAPER, _any_of(*(mark for mark in PAPERS if " " not in mark))),
    )
)
_ANY_MARK = re.compile("|".join(pattern.pattern for _, pattern in _MARKS))
_PIECES = {
    **dict.fromkeys(
        ("at", "dot", "point", "axis", "sbi", "icici", "hdfc", "hdfcbank", *SPOKEN_HANDLES), MAIL & _ONE
    ),
    **dict.fromkeys(("o", "ओ"), SECRET & _ONE),
    **dict.fromkeys(("dl", "car", "bike"), PAPER & _ONE),
}
"""Words, without the signs around them, that a longer mark begins with."""
_NOT_A_LETTER = re.compile(r"[^a-z\u0900-\u0963]+")
_OPTIONS = ("-u", "--user", "--proxy-user", "-p", "-a")
"""Of a command line, before a password or a name with one."""
_DULL = re.compile(r"[0-9.,:;/()+-]{1,15}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_UUID = re.compile(r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])")
_DASHES_IN_UUID = 4
"""Amounts, times and UUIDs."""
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")

_ALIKE = {
    **dict.fromkeys(range(ord("A"), ord("Z") + 1), "a"),
    **dict.fromkeys(range(ord("a"), ord("z") + 1), "a"),
    **dict.fromkeys(range(ord("1"), ord("9") + 1), "1"),
    **{ord(sign): sign for sign in "0:=@%"},
    **dict.fromkeys(map(ord, " -"), " "),
    **dict.fromkeys(map(ord, "\t./()[],;|*_~?"), ","),
}
"""A question mark stands for all that is not ASCII, and may be a gap of a number."""
_SHAPES = "".join(_ALIKE.get(byte, "!") for byte in range(256)).encode("latin-1")
_DIGITS_ALIKE = bytes(ord("1") if byte == ord("0") else byte for byte in range(256))
_PAPER, _NUMBER, _IFSC = b"a1111a", b"1" * 10, b"aaaa0"


def told_by(text: str) -> int:
    """Return what a text's words may be part of, as counts in the bits of the fields above.

    ANYTHING for texts too long for a first look.
    """
    if len(text) > LONGEST:
        return ANYTHING
    told = sum(map(told_by_word, text.split()))
    # neelam at shop.com
    return told | MAIL & _ONE if " at " in text and "." in text and DOTTED.search(text) else told


def speaks(told: int) -> bool:
    """Return whether there are enough words for a number said digit by digit, or for a secret's name."""
    return told & _SPOKEN >= FEWEST_WORDS or told & SECRET != 0


def shape_of(text: str) -> bytes:
    """Return a text's shape.

    ``a`` for letters, ``0`` and ``1`` for digits, a blank for blanks and dashes, a comma for the other signs
    between groups of a number; ``:=@%`` as they are, ``!`` for any other sign.
    """
    if text.isascii():
        return text.encode().translate(_SHAPES)
    return _FOREIGN_DIGIT.sub("1", text).encode("ascii", "replace").translate(_SHAPES)


def digits_of(shape: bytes) -> int:
    """Return how many digits a text of that shape has."""
    return shape.count(b"1") + shape.count(b"0")


def may_hold_paper(shape: bytes) -> bool:
    """Return whether a text of that shape may have a PAN or GSTIN."""
    return _PAPER in shape.translate(_DIGITS_ALIKE, b" ")


def may_hold_number(shape: bytes, text: str) -> bool:
    """Return whether a text, of that shape, may have a phone, a card or an Aadhaar number; UUIDs are none."""
    if _NUMBER not in shape.translate(_DIGITS_ALIKE, b" ,"):
        return False
    if shape.count(b" ") < _DASHES_IN_UUID or "+" in text:
        return True
    rest = _UUID.sub("!", text)
    return rest == text or _NUMBER in shape_of(rest).translate(_DIGITS_ALIKE, b" ,")


def may_hold_ifsc(shape: bytes) -> bool:
    """Return whether a text of that shape may have the code of a bank's branch."""
    return _IFSC in shape


@lru_cache(MOST_KNOWN)
def told_by_word(word: str) -> int:
    """Return what a word may be part of, mostly nothing: one in each field, and the digits it speaks."""
    if word == "at" or _DULL.fullmatch(word) is not None:
        return 0
    low = word.casefold()
    told = 0
    if _ANY_MARK.search(low) is not None:
        told = sum(field for field, pattern in _MARKS if pattern.search(low) is not None)
    for piece in {*_NOT_A_LETTER.split(low)} & _PIECES.keys():
        told |= _PIECES[piece]
    if low.lstrip("\"'[(").startswith(_OPTIONS) or (
        len(word) >= SHORTEST_KEY and CLOUD_KEY_MARK.search(word) is not None
    ):
        told |= SECRET & _ONE
    if TITLE_MARK.search(word) is not None:
        told |= PEOPLE & _ONE
    if ACCOUNT_MARK.search(word) is not None:
        told |= ACCOUNT & _ONE
    if any(is_beginning(letters or "") for letters in FORM_MARK.findall(word)):
        told |= FORM & _ONE
    return told + _spoken_in(low)


def _spoken_in(low: str) -> int:
    """Return how many of a word's parts speak digits, or stand between such."""
    if not low.isascii():
        return len(ONE_WORD.findall(low))
    pieces = low.encode().translate(GAPS).split()
    if ASCII_WORDS.isdisjoint(pieces):
        return sum(FILLERS.fullmatch(piece) is not None for piece in pieces)
    return sum(piece in ASCII_WORDS or FILLERS.fullmatch(piece) is not None for piece in pieces)
