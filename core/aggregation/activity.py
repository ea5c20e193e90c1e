"""What is happening now: when the newest call began and ended, and how many ended in the last minutes."""

from datetime import date, datetime, timedelta

from pymongo.database import Database

from core.clock import day_bounds, utc_now
from core.settings import get_settings
from core.storage.collections import A_TIME, CALLS, ROLLUPS_DAILY
from core.types import Document

LIVE_MINUTES = 15


def newest_call_start(database: Database[Document]) -> datetime | None:
    """Return when the newest call began, in UTC; None if no call is stored."""
    return _start(database, -1)


def oldest_call_start(database: Database[Document]) -> datetime | None:
    """Return when the oldest stored call began, in UTC, not counting archived ones; None if there is none."""
    return _start(database, 1)


def _start(database: Database[Document], order: int) -> datetime | None:
    row = database[CALLS].find_one({"start_time": A_TIME}, {"start_time": 1}, sort=[("start_time", order)])
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
    """Return how many calls ended in the last 15 minutes."""
    now = utc_now()
    window = {"$gt": now - timedelta(minutes=LIVE_MINUTES), "$lte": now}
    return database[CALLS].count_documents({"end_time": window})
