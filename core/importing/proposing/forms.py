"""Detect the form of a column's cells: times, times of day, durations."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time
from statistics import median

from core.importing.times import NO_MOMENT, parse_clock, parse_moment
from core.models.metrics import ROUNDING_SECONDS, ROUNDING_SHARE
from core.settings import get_settings

_DAYS = (
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d/%m/%y",
    "%d-%m-%y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%m-%d-%y",
    "%Y%m%d",
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_WHOLE = (
    *(f"{day}{between}{clock}" for day in _DAYS for between in (" ", ", ") for clock in _CLOCKS),
    "%a, %d %b %Y %H:%M:%S %z",
    "%H:%M:%S %Z %Y-%m-%d",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d %I:%M %p",
    "%Y%m%d%H%M%S",
)
_ISO_LIKE = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_SERIALS = 36_526, 73_050
"""A spreadsheet's numbers of 1 January 2000 and of the end of 2099."""
_DIGITS = re.compile(r"\d{9,17}(?:\.\d+)?", re.ASCII)
_EPOCHS = (("epoch_us", 1e14), ("epoch_ms", 1e11), ("epoch", 1e8))


def form_of_times(cells: Sequence[str]) -> str | None:
    """Return the form in which every cell is a time, best known first; None if there is none."""
    given = [cell for cell in cells if cell.lower() not in NO_MOMENT]
    if not given:
        return None
    if all(_DIGITS.fullmatch(cell) for cell in given):
        size = min(float(cell) for cell in given)
        forms: Sequence[str] = [name for name, least in _EPOCHS if size >= least][:1]
    elif any("." in cell for cell in given) and all(map(_is_serial, given)):  # midnight has no fraction
        forms = ("excel",)
    else:
        forms = ("iso", *_WHOLE)
    found = next((form for form in forms if _all_are(given, form)), None)
    return found or _with_zone(given)


def _is_serial(cell: str) -> bool:
    return bool(_SERIAL.fullmatch(cell)) and _SERIALS[0] <= float(cell) <= _SERIALS[1]


def _with_zone(cells: Sequence[str]) -> str | None:
    """Return the form of times that end with the name of our own zone (``… 5:30 PM IST``), if they do."""
    zone = get_settings().tz
    names = {datetime(2024, month, 1, tzinfo=zone).tzname() for month in (1, 7)}
    name = names.pop() or ""
    if names or not name.isalpha():
        return None  # also where the clock changes twice a year: the name says which half it is
    if _all_are(cells, within := f"%a %b %d %H:%M:%S {name} %Y"):  # as Java writes it
        return within
    if not all(cell.endswith(f" {name}") for cell in cells):
        return None
    plain = [cell.removesuffix(f" {name}") for cell in cells]
    form = next((form for form in (*_WHOLE, *_ISO_LIKE) if _all_are(plain, form)), None)
    return f"{form} {name}" if form else None


def form_of_days(cells: Sequence[str]) -> str | None:
    """Return the pattern with which every cell is a date without a time of day; None if there is none."""
    given = [cell for cell in cells if cell.lower() not in NO_MOMENT]
    return next((form for form in ("%Y-%m-%d", *_DAYS) if given and _all_are(given, form)), None)


def is_ambiguous(cells: Sequence[str], form: str) -> bool:
    """Return whether day and month could be swapped."""
    other = form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")
    return other != form and form.startswith(("%d", "%m")) and "%m" in form and _all_are(cells, other)


def _all_are(cells: Sequence[str], form: str) -> bool:
    try:
        return all(parse_moment(cell, form, UTC) for cell in cells)
    except ValueError:
        return False


def are_times_of_day(cells: Sequence[str]) -> bool:
    """Return whether every cell is a time of day."""
    try:
        return bool(cells) and all(isinstance(parse_clock(cell), time) for cell in cells)
    except ValueError:
        return False


def unit_by_ends(spans: Sequence[float], lengths: Sequence[float]) -> str | None:
    """Return the unit in which durations match the lengths in seconds; None if they are something else."""
    pairs = [(span, length) for span, length in zip(spans, lengths, strict=True) if span > 0 and length > 0]
    if not pairs:
        return "seconds"
    for unit, factor in (("seconds", 1.0), ("milliseconds", 0.001), ("minutes", 60.0)):
        if all(abs(span * factor - length) <= _rounding(length) for span, length in pairs):
            return unit
    return None


def _rounding(length: float) -> float:
    return max(ROUNDING_SECONDS, length * ROUNDING_SHARE)


def unit_by_size(name: str, spans: Sequence[float]) -> tuple[str, str]:
    """Return the unit suggested by a column's name or numbers, and why."""
    lower = name.lower()
    if lower.endswith(("ms", "msec", "millis", "milliseconds")):
        return "milliseconds", "by its name"
    if "min" in lower:
        return "minutes", "by its name"
    if spans and median(spans) > 20_000:  # noqa: PLR2004 (half of the calls would last for hours)
        return "milliseconds", "in seconds most calls would last for hours"
    return "seconds", "no other unit is named"


def moments(cells: Sequence[str], form: str) -> list[datetime | None]:
    """Return each cell as a time; None if it is not one."""
    found: list[datetime | None] = []
    for cell in cells:
        try:
            found.append(parse_moment(cell, form, UTC) if cell.lower() not in NO_MOMENT else None)
        except ValueError:
            found.append(None)
    return found
