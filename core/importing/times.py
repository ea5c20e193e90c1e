"""Moments out of columns: patterns, dates split over columns, times of day, years that roll."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

HALF_DAY = timedelta(hours=12)
DAY = timedelta(days=1)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,6})?)?", re.ASCII)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHORTEST_MONTH = 3


def parse_moment(text: str, form: str, zone: tzinfo) -> datetime:
    """A moment in the given form; in ``zone`` where the text says none.

    Raises:
        ValueError: the text is not such a moment.
    """
    try:
        if form.startswith("epoch"):
            seconds = float(text) / (1000 if form == "epoch_ms" else 1)
            return datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 (zoned below)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a time in the form {form}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


@lru_cache(maxsize=1024)
def parse_day(text: str, form: str) -> date:
    """A date in a strptime pattern.

    Raises:
        ValueError: the text is not such a date.
    """
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        raise ValueError(f"{text!r} is not a date in the form {form}") from None


@lru_cache(maxsize=4096)
def parse_clock(text: str) -> time:
    """A time of day, ``H:MM`` or ``H:MM:SS`` with or without a fraction.

    Raises:
        ValueError: the text is not such a time.
    """
    match = _CLOCK.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        return time(int(match[1]), int(match[2]), int(match[3] or 0), round(float(match[4] or 0) * 1_000_000))
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day such as 9:05 or 09:05:30") from None


def parse_month(text: str) -> int:
    """A month from its number, its English name or the name's first letters, three at least.

    Raises:
        ValueError: the text is no month.
    """
    wanted = text.lower().rstrip(".")
    if wanted.isdecimal() and 1 <= int(wanted) <= len(_MONTHS):
        return int(wanted)
    for number, name in enumerate(_MONTHS, start=1):
        if len(wanted) >= _SHORTEST_MONTH and name.startswith(wanted):
            return number
    raise ValueError(f"{text!r} is not a month")


def clock_after(start: datetime, clock: time) -> datetime | None:
    """The moment nearest to ``start`` at which clocks there show ``clock``; None if that is before it.

    So a time more than 12 h before the start belongs to the next day, and one less than that before is
    an error in the file.
    """
    moment = datetime.combine(start.date(), clock, start.tzinfo)
    if start - moment > HALF_DAY:
        moment += DAY
    elif moment - start >= HALF_DAY:
        moment -= DAY
    return moment if moment >= start else None


class RollingYear:
    """The year of rows in date order that give none: it advances whenever the month falls back."""

    def __init__(self, first: int) -> None:
        self._year = first
        self._month = 0

    def of(self, month: int) -> int:
        """The year of the next row, whose month this is."""
        if month < self._month:
            self._year += 1
        self._month = month
        return self._year
