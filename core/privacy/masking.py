"""Masking of what identifies or authenticates a person, before a line leaves the process.

A masked value keeps its kind and, where that is safe, its last digits: ``[phone …3210]``.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from core.privacy.credentials import mask_credentials
from core.privacy.keys import Kind, kind_of
from core.privacy.numbers import mask_number, mask_numbers, mask_of

_MASKED = "[masked]"
_SMALLEST_PERSONAL_NUMBER = 1_000_000
_SHORT = 64

_EMAIL = re.compile(r"[\w.%+'-]{1,64}(?:@|%40)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")
_UPI_HANDLES = (
    r"ok(?:sbi|axis|hdfcbank|icici)|ybl|ibl|axl|paytm|pty(?:es|axis|sbi|hdfc)|pt(?:yes|axis|sbi|hdfc)|upi|apl|yapl"
    r"|rapl|freecharge|ikwik|jupiteraxis|airtel|postbank|sbi|hdfcbank|icici|axisbank|axisb|kotak|kmbl|barodampay"
    r"|pnb|cnrb|unionbank|uboi|indus|idfcbank|idfcfirst|federal|fbl|rbl|yesbank|yesbankltd|aubank|dbs|citi|hsbc"
    r"|slice|waaxis|wa(?:icici|hdfcbank|sbi)|superyes|naviaxis|kphdfc|tapicici|timecosmos|fam|idbi|mahb|boi|iob"
)
_UPI = re.compile(rf"(?<![\w.])[\w.-]{{2,64}}@(?:{_UPI_HANDLES})(?![\w.-]*\w)", re.IGNORECASE)
_PAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z]{3}[ABCFGHLJPTabcfghljpt][A-Za-z]\d{4}[A-Za-z]"
    r"|[A-Z]{3}[ABCFGHLJPT][A-Z][ -]?\d{4}[ -]?[A-Z])(?![A-Za-z0-9])"
)
_ACCOUNT = re.compile(
    r"(?<![A-Za-z])((?:a/?c|acc(?:oun)?t)\b\.?\s*(?:no|number|num|#)?\.?\s*[:=#-]?\s*)(\d[\d -]{6,20}\d)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d{4}|\d\D{1,3}\d\D{1,3}\d")


def mask_text(text: str) -> str:
    """The text with credentials and personal data masked; never raises."""
    try:
        return _mask_short_text(text) if len(text) <= _SHORT else _mask_text(text)
    except Exception:  # noqa: BLE001 - better no text than one that was not looked through
        return "[text that could not be masked]"


def mask_value(value: Any) -> Any:  # noqa: ANN401 - any logged value
    """A copy of a value with what is personal or secret masked, at any depth; never raises.

    Fields are judged by their name first, then by their value; ``call_id`` and ``lead_id`` stay.
    """
    try:
        return _mask(value, Kind.OPEN, frozenset())
    except Exception:  # noqa: BLE001 - better no value than one that was not looked through
        return "[value that could not be masked]"


@lru_cache(maxsize=4096)
def _mask_short_text(text: str) -> str:
    """Statuses, languages and most messages come again and again."""
    return _mask_text(text)


def _mask_text(text: str) -> str:
    text = mask_credentials(text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("[email]", text)
        if "@" in text:
            text = _UPI.sub("[upi]", text)
    if _DIGIT.search(text):
        text = _PAN.sub("[pan]", text)
        text = mask_numbers(text)
        text = _ACCOUNT.sub(lambda match: match[1] + _account(match[2]), text)
    return text


def _account(digits: str) -> str:
    return mask_of("account", digits) if "…" not in digits else digits


def _mask(value: Any, kind: Kind, around: frozenset[int]) -> Any:  # noqa: ANN401 - any logged value
    if value is None or value is True or value is False or kind is Kind.KEPT:
        return value
    if kind is Kind.SECRET:
        return _MASKED
    if isinstance(value, str):
        return mask_text(value) if kind is Kind.OPEN else _mask_named_string(value, kind)
    if isinstance(value, int | float):
        return _mask_plain_number(value, kind)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _mask_container(value, kind, around)
    return value


def _mask_container(value: Any, kind: Kind, around: frozenset[int]) -> Any:  # noqa: ANN401 - a container
    if id(value) in around:
        return "[circular]"
    around |= {id(value)}
    if isinstance(value, Mapping):
        return {_mask_key(key): _mask(item, _kind_of(key), around) for key, item in value.items()}
    items = list(value)
    if len(items) == 2 and isinstance(items[0], str) and kind_of(items[0]) is Kind.SECRET:  # noqa: PLR2004
        return [items[0], _MASKED]  # a pair of name and value, as HTTP headers come
    return [_mask(item, kind, around) for item in items]


def _mask_named_string(value: str, kind: Kind) -> str:
    if kind is Kind.TOKENS:
        return _MASKED
    if kind is Kind.IDENTIFIER:
        return value if value.isdecimal() else mask_text(value)
    if not any(char.isalnum() for char in value):
        return value
    return mask_of(kind.value, value)


def _mask_plain_number(value: float, kind: Kind) -> Any:  # noqa: ANN401 - a number or its mask
    if kind in {Kind.IDENTIFIER, Kind.TOKENS}:
        return value
    # A column of phones with gaps comes out of pandas as whole floats.
    whole = int(value) if isinstance(value, int) or value.is_integer() else None
    if kind is Kind.OPEN:
        return value if whole is None else mask_number(whole) or value
    shown = str(value if whole is None else whole)
    return mask_of(kind.value, shown) if abs(value) >= _SMALLEST_PERSONAL_NUMBER else value


def _kind_of(key: object) -> Kind:
    return kind_of(key) if isinstance(key, str) else Kind.OPEN


def _mask_key(key: Any) -> Any:  # noqa: ANN401 - keys of any type
    if isinstance(key, str):
        return mask_text(key)
    return _mask(key, Kind.OPEN, frozenset()) if isinstance(key, int) else key
