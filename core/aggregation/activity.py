"""What is happening now: when the newest call began and ended, and how many ended in the last minutes."""

from datetime import date, datetime, timedelta

from pymongo.database import Database

from core.aggregation.rollups.call_frames import ended
from core.clock import day_bounds, utc_now
from core.settings import get_settings
from core.storage.collections import A_TIME, CALLS, ROLLUPS_DAILY
from core.types import Document, Period

LIVE_MINUTES = 15
ENOUGH_COVERED = 0.9
"""Share of a period that data has to cover for its figures to be compared."""
ENOUGH_FOR_RATES = 0.5
"""The same where only rates of its calls are compared, as what is usual."""


def newest_call_start(database: Database[Document]) -> datetime | None:
    """Return when the newest call began, in UTC; None if no call is stored."""
    return _start(database, -1)


def newest_begun_call(database: Database[Document]) -> datetime | None:
    """Return the same, but of calls that lie in the future only where there are no others.

    One call from a machine whose clock is ahead would otherwise hide that calls stopped coming.
    """
    return _start(database, -1, {"$lte": utc_now()}) or newest_call_start(database)


def oldest_call_start(database: Database[Document]) -> datetime | None:
    """Return when the oldest stored call began, in UTC, not counting archived ones; None if there is none."""
    return _start(database, 1)


def _start(database: Database[Document], order: int, bounds: Document | None = None) -> datetime | None:
    wanted = {"start_time": A_TIME | (bounds or {})}
    row = database[CALLS].find_one(wanted, {"start_time": 1}, sort=[("start_time", order)])
    return row["start_time"] if row else None


def first_call_start(database: Database[Document]) -> datetime | None:
    """Return when the first call in the figures began, in UTC; for an archived one, when its day began."""
    first = oldest_call_start(database)
    zone = get_settings().timezone
    of_zone = {"_id": {"$gte": f"{zone}:", "$lt": f"{zone}:~"}}
    rolled = database[ROLLUPS_DAILY].find_one(of_zone, {"_id": 1}, sort=[("_id", 1)])
    if rolled is None:
        return first
    day = date.fromisoformat(str(rolled["_id"]).rsplit(":", 1)[1])
    if first and first.astimezone(get_settings().tz).date() <= day:
        return first
    return day_bounds(day, get_settings().tz)[0]


def last_call_ended_at(database: Database[Document]) -> datetime | None:
    """Return when the newest call ended, in UTC; None if no call is stored."""
    row = database[CALLS].find_one({"end_time": A_TIME}, {"end_time": 1}, sort=[("end_time", -1)])
    return row["end_time"] if row else None


def calls_ended_recently(database: Database[Document]) -> int:
    """Return how many calls ended in the last 15 minutes; those without an end, how many began."""
    now = utc_now()
    window = {"$gt": now - timedelta(minutes=LIVE_MINUTES), "$lte": now}
    return database[CALLS].count_documents(ended(window))


def partly_covered(first: datetime | None, period: Period, enough: float = ENOUGH_COVERED) -> str:
    """Return how much of a compared period has data, in words; "" if enough of it or none.

    Args:
        first: when the first call began (:func:`first_call_start`).
        period: the compared period, half open.
        enough: the share of it, 0 to 1, that is enough.
    """
    start, end = period
    if first is None or not start < first < end or end - first >= enough * (end - start):
        return ""
    days = end - start >= timedelta(days=2)
    unit, word = (timedelta(days=1), "days") if days else (timedelta(hours=1), "hours")
    return f"the compared period has data for {(end - first) / unit:.0f} of {(end - start) / unit:.0f} {word}"


def comparable(database: Database[Document], period: Period) -> Period:
    """Return a period whose rates say what is usual; where too little of it has data, one without any call.

    Raises:
        PyMongoError: the database does not answer.
    """
    start, end = period
    partly = partly_covered(first_call_start(database), period, ENOUGH_FOR_RATES)
    return (start - (end - start), start) if partly else period
