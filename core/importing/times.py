"""Read times from columns: patterns, dates split over columns, times of day, rolling years."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

HALF_DAY = timedelta(hours=12)
DAY = timedelta(days=1)
_CLOCK = re.compile(
    r"(\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,6})?)? ?(?P<half>[ap]\.?m\.?)?", re.ASCII | re.IGNORECASE
)
_DIGITS = re.compile(r"(\d\d)(\d\d)(\d\d)(\.\d{1,6})?(?P<half>)", re.ASCII)
_FRACTION = re.compile(r"0?\.\d{1,20}", re.ASCII)
_HALF_HOURS = 12
NO_MOMENT = frozenset(
    {
        "",
        "-",
        "0",
        "null",
        "none",
        "nil",
        "n/a",
        "na",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0000-00-00t00:00:00",
    }
)
"""Words in files, in lower case, for a missing start or end."""
EPOCHS = {"epoch": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
"""How many of each unit make a second."""
FORMS = ("iso", *EPOCHS, "excel", "time_of_day")
"""Forms of a time that have a name; anything else is a strptime pattern."""
_EPOCH = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d{1,20})?", re.ASCII)
_FIRST_SERIAL = datetime(1899, 12, 30)  # noqa: DTZ001 (a spreadsheet knows no zone)
_ISO_ZONE = re.compile(r" ?(UTC|GMT|Z)$| ([+-]\d\d:?\d\d)$", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])(\d{1,2}):?([0-5]\d)?", re.ASCII)
_WIDEST_OFFSET = 14
_FIRST_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""Anything earlier is a null value, a spreadsheet's day number, or seconds read as milliseconds."""
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_UTC_NAMES = ("UTC", "GMT", "Z")
_SAMPLE = datetime(2024, 11, 25, 21, 30, 15, tzinfo=UTC)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHORTEST_MONTH = 3


def parse_moment(text: str, form: str, zone: tzinfo) -> datetime:
    """Return a time given in this form; in ``zone`` if the text has none.

    Raises:
        ValueError: the text is not such a time.
    """
    try:
        moment = _of_form(text, form)
    except (ValueError, OverflowError, OSError) as error:
        reason = f" ({error})" if isinstance(error, NoMomentError) else ""
        raise ValueError(f"{text!r} is not a time in the form {form}{reason}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _of_form(text: str, form: str) -> datetime:
    if form in EPOCHS:
        return _of_epoch(text, EPOCHS[form])
    if form == "excel":
        return _of_serial(text)
    return _of_iso(text) if form == "iso" else _of_pattern(text, form)


def _of_iso(text: str) -> datetime:
    """Parse ISO 8601, also with ``UTC`` at the end, or a space before the offset."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(_ISO_ZONE.sub(lambda end: end[2] or "+00:00", text))


def _of_serial(text: str) -> datetime:
    """Return a spreadsheet's day number with fraction as a time, to the second."""
    if not _SERIAL.fullmatch(text):
        raise ValueError(text)
    return _FIRST_SERIAL + timedelta(seconds=round(float(text) * 86_400))


@lru_cache(maxsize=1024)
def parse_zone(name: str) -> tzinfo:
    """Return a zone given by its IANA name or offset: ``Asia/Kolkata``, ``+05:30``, ``UTC+5:30``, ``Z``.

    Raises:
        ValueError: it is neither.
    """
    if name in _UTC_NAMES:
        return UTC
    if offset := _OFFSET.fullmatch(name):
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if span <= timedelta(hours=_WIDEST_OFFSET):
            return timezone(span if offset[1] == "+" else -span)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown zone raises KeyError
        raise ValueError(
            f"{name!r} is not an IANA time zone such as Asia/Kolkata, nor an offset such as +05:30"
        ) from None


class NoMomentError(ValueError):
    """A number that cannot be the time of a call; the text says what it may be."""


def _of_epoch(text: str, divisor: int) -> datetime:
    if not _EPOCH.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromtimestamp(float(text) / divisor, UTC)
    if moment < _FIRST_EPOCH:
        raise NoMomentError("before 1980: no value, a spreadsheet's day (format excel), or another unit?")
    return moment


def _of_pattern(text: str, form: str) -> datetime:
    """Parse a time by a strptime pattern; a zone's name may be one of UTC's.

    ``strptime`` itself also accepts the names of this machine's zone, and returns a time without a zone.
    """
    if "Z" not in _directives(form):
        return datetime.strptime(text, form)  # noqa: DTZ007 (the caller puts the zone in)
    for name in _UTC_NAMES:
        named = _DIRECTIVE.sub(lambda found, name=name: name if found[1] == "Z" else found[0], form)  # type: ignore[misc]
        try:
            return datetime.strptime(text, named).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(text)


def _directives(form: str) -> list[str]:
    return [found[1] for found in _DIRECTIVE.finditer(form)]


def check_pattern(form: str, *, date_only: bool = False) -> None:
    """Check that every part of a strptime pattern has an effect, and that it includes the day.

    Raises:
        ValueError: saying which part has none, or what is missing.
    """
    parts = set(_directives(form))
    if date_only and parts & {"z", "Z"}:
        raise ValueError("has a zone, which a date has not")
    if "p" in parts and "I" not in parts:
        raise ValueError("has %p without %I: the half of the day goes with hours to 12")
    if "I" in parts and "p" not in parts:
        raise ValueError("has %I without %p: is it morning or evening?")
    try:
        known = form.replace("%Z", "UTC")
        read = datetime.strptime(_SAMPLE.strftime(known), known)  # noqa: DTZ007 (only its day counts)
    except ValueError:
        raise ValueError("is not a pattern that Python's strptime reads") from None
    if read.date() != _SAMPLE.date():
        raise ValueError("does not say year, month and day")


@lru_cache(maxsize=1024)
def parse_day(text: str, form: str) -> date:
    """Parse a date by a strptime pattern; it may have a time of day if that is always midnight.

    Raises:
        ValueError: the text is not such a date.
    """
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        raise ValueError(f"{text!r} is not a date in the form {form}") from None
    if moment.time() != time():
        raise ValueError(f"{text!r} has a time of day as well; name the column as the whole start")
    return moment.date()


@lru_cache(maxsize=4096)
def parse_clock(text: str) -> time:
    """Parse a time of day.

    ``9:05``, ``09:05:30.250``, ``9:05 PM``, ``090530``, or a fraction of a day below 1.

    Raises:
        ValueError: the text is not such a time.
    """
    match = _CLOCK.fullmatch(text) or _DIGITS.fullmatch(text)
    try:
        if match is None:
            return _part_of_a_day(text)
        hour, half = int(match[1]), (match["half"] or "").lower()[:1]
        if half:
            if not 1 <= hour <= _HALF_HOURS:
                raise ValueError(text)
            hour = hour % _HALF_HOURS + (_HALF_HOURS if half == "p" else 0)
        return time(hour, int(match[2]), int(match[3] or 0), round(float(match[4] or 0) * 1_000_000))
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day such as 9:05 or 09:05:30") from None


def _part_of_a_day(text: str) -> time:
    """Return a spreadsheet's time of day, to the second."""
    if not _FRACTION.fullmatch(text):
        raise ValueError(text)
    seconds = round(float(text) * 86_400)
    if seconds >= 86_400:  # noqa: PLR2004 (of a day)
        raise ValueError(text)
    return time(seconds // 3_600, seconds // 60 % 60, seconds % 60)


def parse_month(text: str) -> int:
    """Parse a month given as its number, its English name or at least its first three letters.

    Raises:
        ValueError: the text is not a month.
    """
    wanted = text.lower().rstrip(".")
    if wanted.isdecimal() and 1 <= int(wanted) <= len(_MONTHS):
        return int(wanted)
    for number, name in enumerate(_MONTHS, start=1):
        if len(wanted) >= _SHORTEST_MONTH and name.startswith(wanted):
            return number
    raise ValueError(f"{text!r} is not a month")


def clock_after(start: datetime, clock: time) -> datetime | None:
    """Return the time nearest to ``start`` at which clocks there show ``clock``; None if that is before it.

    So a time of day more than 12 h before the start belongs to the next day, and one less than that before it
    is an error in the file.
    """
    moment = datetime.combine(start.date(), clock, start.tzinfo)
    if start - moment > HALF_DAY:
        moment += DAY
    elif moment - start >= HALF_DAY:
        moment -= DAY
    return moment if moment >= start else None


class RollingYear:
    """The year of rows that have none but are in date order: it advances whenever the month goes back."""

    def __init__(self, first: int) -> None:
        self._year = first
        self._month = 0

    def of(self, month: int) -> int:
        """Return the year of the next row, given its month."""
        if month < self._month:
            self._year += 1
        self._month = month
        return self._year
