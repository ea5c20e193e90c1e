"""Time: stored in UTC, shown in TIMEZONE and divided into its days."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime

from core.errors import UserError
from core.settings import get_settings

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Times outside these years are null values or mistakes: .NET's year 1, a 9999 for "never"."""
YEARS = r"19[7-9]\d|2[01]\d\d|2200"
"""The same as a pattern that a date's schema can contain."""
_LONGEST_WAIT = timedelta(hours=1)
"""A service that asks for a longer wait is tried again after this."""


def utc_now() -> datetime:
    """Return the present time, in UTC."""
    return datetime.now(UTC)


def to_utc(moment: datetime) -> datetime:
    """Return a time in UTC, cut to the millisecond MongoDB keeps; without a zone it is read in TIMEZONE."""
    if moment.tzinfo is not UTC:
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=get_settings().tz)).astimezone(UTC)
    finer = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - finer) if finer else moment


def wall(moment: datetime) -> datetime:
    """Return a time as local clocks show it, without a zone; ``fold`` tells equal hours apart."""
    return moment.astimezone(get_settings().tz).replace(tzinfo=None)


def is_twice(local: datetime) -> bool:
    """Return whether local clocks show a time twice, because they go back."""
    first, second = (to_utc(local.replace(tzinfo=None, fold=fold)) for fold in (0, 1))
    return first < second


def in_address(local: datetime) -> str:
    """Return a local time for an address, to the minute; with its UTC offset if clocks show it twice."""
    at = local.replace(tzinfo=get_settings().tz) if is_twice(local) else local
    return at.isoformat(timespec="minutes")


def note_naive() -> None:
    """Remember that a time without a zone was read in TIMEZONE."""
    global _naive  # noqa: PLW0603 (once in a process)
    _naive = True


def took_naive() -> bool:
    """Return whether a time without a zone was read in TIMEZONE."""
    return _naive


def zones_in_doubt() -> tuple[str, str] | None:
    """Return the zone that naive times are read in, and the machine's; None if both show the same time."""
    now = utc_now()
    zone, machine = now.astimezone(get_settings().tz), now.astimezone()
    if zone.utcoffset() == machine.utcoffset():
        return None
    return f"{get_settings().timezone} {zone:%z}", f"{machine:%Z %z}"


_naive = False


def local_today() -> date:
    """Return today's date in TIMEZONE."""
    return datetime.now(get_settings().tz).date()


def day_bounds(day: date, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
    """Return the first moment of a local day and of the next one, in UTC (23 to 25 hours apart)."""
    zone = zone or get_settings().tz
    start = datetime.combine(day, datetime.min.time(), zone)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def days_of(start: date, end: date) -> Iterator[date]:
    """Return every day from ``start`` to ``end``, both inclusive."""
    for offset in range((end - start).days + 1):
        yield start + timedelta(days=offset)


def period_of_days(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the half-open period, in UTC, of the local days from ``first`` to ``last``, both inclusive."""
    return day_bounds(first)[0], day_bounds(last)[1]


def round_up(moment: datetime, seconds: int) -> datetime:
    """Return the earliest time, not before this one, that is a whole number of steps after 1970, in UTC."""
    return datetime.fromtimestamp(-(-moment.timestamp() // seconds) * seconds, UTC)


def rolling(length: timedelta, now: datetime, seconds: int = 60) -> tuple[datetime, datetime]:
    """Return the half-open period of this length that ends with the present minute, or another step of time.

    Everyone who asks within a step gets the same period, so that dashboard and API count the same calls.
    """
    end = round_up(now, seconds)
    return end - length, end


def parse_date(text: str) -> date:
    """Return the calendar day of a text such as ``2024-10-24``.

    Raises:
        UserError: the text is not such a date.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is not a date; write YYYY-MM-DD, for example 2024-10-24") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UserError(f"{text!r} is not a date of the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def date_of(value: object) -> date:
    """Return a calendar day given a date, a time (its day in TIMEZONE), or ``YYYY-MM-DD``.

    Raises:
        UserError: it is none of these.
    """
    if isinstance(value, datetime):
        return to_utc(value).astimezone(get_settings().tz).date()
    return value if isinstance(value, date) else parse_date(value if isinstance(value, str) else repr(value))


def parse_moment(text: str) -> datetime:
    """Return a time in UTC given ISO 8601; without an offset it is read in TIMEZONE.

    Raises:
        UserError: the text is not such a time.
    """
    try:
        given = datetime.fromisoformat(text)
        moment = to_utc(given)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r} is not a time; write for example 2024-10-24T15:30 or …+05:30") from None
    if not FIRST_YEAR <= given.year <= LAST_YEAR:  # in UTC the first midnight of 1970 may lie in 1969
        raise UserError(f"{text!r} is not a time of the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def asked_to_wait(retry_after: str) -> timedelta | None:
    """Return how long a Retry-After (RFC 9110, 10.2.3) asks to wait, at most an hour; None if it does not."""
    text = retry_after.strip()
    try:
        if text.isascii() and text.isdigit():
            wait = timedelta(seconds=min(int(text[:9]), _LONGEST_WAIT.total_seconds()))
        else:
            until = parsedate_to_datetime(text)
            wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, _LONGEST_WAIT) if wait > timedelta() else None
