"""What is going on now: newest call, calls of the last minutes, the scheduler's sign of life."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database

from core.clock import utc_now
from core.storage.connection import Document

LIVE_MINUTES = 15
SILENT_AFTER_PERIODS = 2


@dataclass(frozen=True)
class Heartbeat:
    """The scheduler's last sign of life."""

    at: datetime
    interval_seconds: float

    def is_silent(self, now: datetime) -> bool:
        """Whether more than two of its periods have passed without a sign."""
        return now - self.at > timedelta(seconds=SILENT_AFTER_PERIODS * self.interval_seconds)


def scheduler_heartbeat(database: Database[Document]) -> Heartbeat | None:
    """The scheduler's last sign of life, if it ever gave one."""
    row = database["heartbeats"].find_one({"_id": "scheduler"})
    return Heartbeat(row["at"], float(row["interval_seconds"])) if row else None


def last_call_ended_at(database: Database[Document]) -> datetime | None:
    """When the newest call ended, in UTC; None where no call is stored."""
    row = database["calls"].find_one({"end_time": {"$ne": None}}, {"end_time": 1}, sort=[("end_time", -1)])
    return row["end_time"] if row else None


def calls_ended_recently(database: Database[Document]) -> int:
    """Calls that ended in the last 15 minutes."""
    now = utc_now()
    window = {"$gt": now - timedelta(minutes=LIVE_MINUTES), "$lte": now}
    return database["calls"].count_documents({"end_time": window})
