"""Parse durations and numbers as they occur in files.

``1:40``, ``PT1M40S``, ``100 s``, ``1,250.50``, ``₹2.75``.
"""

import re
from collections.abc import Sequence
from statistics import fmean
from typing import Literal

Unit = Literal["milliseconds", "seconds", "minutes", "hours"]
Decimal = Literal[".", ","]
Combination = Literal["sum", "mean", "min", "max"]
SECONDS: dict[Unit, float] = {"milliseconds": 0.001, "seconds": 1, "minutes": 60, "hours": 3_600}
_LONGEST = 64
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d\d)(\.\d{1,6})?", re.ASCII)
_ISO = re.compile(
    r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,6})?)S)?)?", re.ASCII
)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([a-z]{1,12})\.?[ ,]{0,2}", re.ASCII)
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "milliseconds"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
}
_RUPEES = re.compile(r"₹|Rs\.?|INR", re.IGNORECASE)
_CURRENCY = re.compile(r"[$€£¥]|USD|EUR|GBP|AED|SGD", re.IGNORECASE)
_PLAIN = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
# Groups of three digits (thousands), or of two (lakhs and crores); the last group has three.
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{2,3}){0,12},\d{3}(?:\.\d{0,40})?", re.ASCII)


def parse_duration(text: str, unit: Unit, decimal: Decimal = ".") -> float:
    """Return a duration in seconds; ``unit`` applies to a bare number.

    Raises:
        ValueError: the text is not a duration.
    """
    if len(text) <= _LONGEST:
        if clock := _CLOCK.fullmatch(text):
            hours, minutes, seconds, fraction = clock.groups(default="0")
            return int(hours) * 3_600 + int(minutes) * 60 + int(seconds) + float(fraction)
        if (iso := _ISO.fullmatch(text)) and any(iso.groups()):
            spans = zip(iso.groups(), (86_400, 3_600, 60, 1), strict=True)
            return sum(float(part or 0) * length for part, length in spans)
        if (worded := _worded(text.lower())) is not None:
            return worded
    return parse_number(text, decimal) * SECONDS[unit]


def _worded(text: str) -> float | None:
    """Return the seconds of ``1 min 40 s`` and the like; None if the text has another form."""
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[2] not in _UNITS:
            return None
        total += float(part[1]) * SECONDS[_UNITS[part[2]]]
        at = part.end()
    return total if text else None


def parse_number(text: str, decimal: Decimal = ".", *, rupees: bool = False, foreign: bool = False) -> float:
    """Return a number written with or without digit groups; with ``rupees`` it may have their sign.

    With ``foreign`` it may have the sign of a foreign currency as well.

    Raises:
        ValueError: the text is not such a number; says what is allowed.
    """
    plain = _RUPEES.sub("", text, count=1).strip() if rupees else text
    if foreign:
        plain = _CURRENCY.sub("", plain, count=1).strip()
    if decimal == ",":
        plain = plain.replace(".", "\0").replace(",", ".").replace("\0", ",")
    plain = plain.replace("\u00a0", "").replace("\u202f", "") if len(plain) <= _LONGEST else plain
    if _PLAIN.fullmatch(plain):
        return float(plain)
    if _GROUPED.fullmatch(plain):
        return float(plain.replace(",", ""))
    if rupees and not foreign and _CURRENCY.search(plain):
        raise ValueError(f"{text!r} is in another currency; set cost.currency")
    hint = "; is that a decimal comma? set decimal" if decimal == "." and plain.count(",") == 1 else ""
    raise ValueError(f"{text!r} is not a number{' of rupees' if rupees else ''}{hint}")


def combine(numbers: Sequence[float], how: Combination) -> float:
    """Return one number from several: their sum, mean, least or greatest."""
    if how == "mean":
        return fmean(numbers)
    if how == "sum":
        return float(sum(numbers))
    return min(numbers) if how == "min" else max(numbers)
