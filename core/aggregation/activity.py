"""What happens now: when the newest call began and ended, how many ended in the last minutes."""

from datetime import datetime, timedelta

from pymongo.database import Database

from core.clock import utc_now
from core.storage.collections import CALLS
from core.types import Document

LIVE_MINUTES = 15


def newest_call_start(database: Database[Document]) -> datetime | None:
    """When the newest call began, in UTC; None where no call is stored."""
    row = database[CALLS].find_one({}, {"start_time": 1}, sort=[("start_time", -1)])
    return row["start_time"] if row else None


def last_call_ended_at(database: Database[Document]) -> datetime | None:
    """When the newest call ended, in UTC; None where no call is stored."""
    row = database[CALLS].find_one({"end_time": {"$ne": None}}, {"end_time": 1}, sort=[("end_time", -1)])
    return row["end_time"] if row else None


def calls_ended_recently(database: Database[Document]) -> int:
    """Calls that ended in the last 15 minutes."""
    now = utc_now()
    window = {"$gt": now - timedelta(minutes=LIVE_MINUTES), "$lte": now}
    return database[CALLS].count_documents({"end_time": window})
