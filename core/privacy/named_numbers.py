"""Numbers that a text names as personal: masked whatever their check digit, which may have been misheard."""

import re
from collections.abc import Callable

from core.privacy.numbers import SEPARATOR, mask_of

_LETTER = r"(?:[^\W\d_]|[\u0900-\u0963])"
_OF_ANOTHER_NUMBER = (
    r"(?:order|id|txn|transaction|utr|rrn|ref|reference|ticket|invoice|at|on|in|after|took|amount|rs|inr|otp|call|lead"
    r"|epoch|timestamp|ts|time|size|bytes|offset|duration|seq|version)"
)
_FILLER = (
    rf"(?:[\s:=#(,\"'.-]*+(?!{_OF_ANOTHER_NUMBER}(?!{_LETTER})){_LETTER}{{1,14}}+){{0,6}}+[\s:=#(,\"'.-]*+"
)
_SHORT_FILLER = r"(?:[\s:=#(\"'.-]*+(?:number|no|num|is|hai|was|mera|ka|नंबर|है)){0,4}+[\s:=#(\"'.-]*+"


def _named(names: str, filler: str, *lengths: int) -> re.Pattern[str]:
    """Return a pattern for this many digits after one of the names; the usual length comes first."""
    digits = "|".join(rf"\d(?:{SEPARATOR}{{0,3}}\d){{{length - 1}}}(?!\d)" for length in lengths)
    return re.compile(rf"(?<![A-Za-z])((?:{names})(?!{_LETTER}){filler})({digits})(?!\.\d)", re.IGNORECASE)


_NAMED: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("aadhaar", ("dhar", "dhaar", "uidai", "आधार"), _named("aa?dh?aa?r|uidai|आधार", _FILLER, 12, 11, 13)),
    ("card", ("card", "कार्ड"), _named("(?:credit|debit|atm)?card|कार्ड", _FILLER, 16, 15, 14, 13, 17, 18, 19)),
    (
        "phone",
        ("mobile", "phone", "whatsapp", "contact", "मोबाइल", "फोन", "फ़ोन"),
        _named("mobile|(?:tele)?phone|whatsapp|contact|मोबाइल|फोन|फ़ोन", _SHORT_FILLER, 10, 12, 11),
    ),
)


NAMES = tuple(mark for _, marks, _ in _NAMED for mark in marks)


def mask_named_numbers(text: str, off: frozenset[str]) -> str:
    """Return the text with Aadhaar, card and phone numbers masked that are named as such."""
    low = text.casefold()
    for kind, marks, pattern in _NAMED:
        if kind not in off and any(mark in low for mark in marks):
            text = pattern.sub(_masking(kind), text)
    return text


def _masking(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match[1] + mask_of(kind, match[2])
