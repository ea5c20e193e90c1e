"""The scheduler's heartbeat.

Written after every successful check, read by probes, the API and the dashboard.
"""

import math
import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database
from pymongo.errors import PyMongoError

from core.settings import get_settings
from core.storage import get_database, get_sync_database
from core.storage.collections import HEARTBEATS
from core.storage.readable import each_readable
from core.storage.server.connection import server_time, unavailable_text
from core.types import Document

SILENT_AFTER_PERIODS = 2
_ID = "scheduler"


@dataclass(frozen=True)
class Heartbeat:
    """When the scheduler last checked the alerts, how often it intends to, and the channels that it knows."""

    at: datetime
    interval_seconds: float
    channels: frozenset[str] | None = None
    """None if an earlier version wrote it."""

    def is_silent(self, now: datetime) -> bool:
        """Return whether more than two of its periods have passed without a heartbeat.

        A heartbeat in the future was written while a clock was ahead, and proves nothing.
        """
        return abs(now - self.at) > timedelta(seconds=SILENT_AFTER_PERIODS * self.interval_seconds)


async def beat(channels: Collection[str]) -> None:
    """Write a heartbeat to the configured database.

    Args:
        channels: the names of those that alerts can be sent to.

    Raises:
        PyMongoError: the database does not answer.
    """
    heartbeat = {
        "at": "$$NOW",
        "interval_seconds": get_settings().alert_check_interval_seconds,
        "pid": os.getpid(),
        "host": {"$literal": platform.node()},
        "channels": {"$literal": sorted(channels)},
    }
    await get_database()[HEARTBEATS].update_one({"_id": _ID}, [{"$set": heartbeat}], upsert=True)


def scheduler_heartbeat(database: Database[Document]) -> Heartbeat | None:
    """Return the scheduler's last heartbeat; None if there has never been one, or it cannot be read."""
    rows = database[HEARTBEATS].find({"_id": _ID})
    return next(each_readable(rows, _heartbeat, HEARTBEATS), None)


def _heartbeat(row: Document) -> Heartbeat:
    channels = frozenset(row["channels"]) if "channels" in row else None
    at, interval = row["at"], float(row["interval_seconds"])
    if not isinstance(at, datetime) or not math.isfinite(interval):
        raise TypeError("no time, or no interval")
    return Heartbeat(at, interval, channels)


def health(now: datetime | None = None) -> tuple[bool, str]:
    """Return whether there has been a recent heartbeat, and one line that says so."""
    try:
        heartbeat = scheduler_heartbeat(get_sync_database())
        now = now or server_time(get_sync_database())
    except PyMongoError as error:
        return False, unavailable_text(error)
    if heartbeat is None:
        return False, "no scheduler has checked the alerts yet"
    seconds = round((now - heartbeat.at).total_seconds())
    silent = heartbeat.is_silent(now)
    return not silent, f"{'silent' if silent else 'alive'}: the alerts were last checked {seconds} s ago"
