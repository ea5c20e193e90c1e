"""The ``notifications`` collection: what each channel was last sent about a group of alerts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from core.alerting.notify.dedup import NotificationRecord
from core.models.alerts import Notification, Severity
from core.storage.collections import NOTIFICATIONS
from core.types import Document

GROUP = "rules"
"""The alerts of all rules form one group: what one check finds is one message."""


def record_id(group_key: str, channel: str) -> str:
    """Return the ``_id`` of what a channel was sent about a group."""
    return f"{group_key}|{channel}"


async def load_records(database: AsyncDatabase[Document], group_key: str) -> dict[str, NotificationRecord]:
    """Return what each channel was last sent about a group, by the channel's name."""
    rows = database[NOTIFICATIONS].find({"group_key": group_key, "sent_at": {"$ne": None}})
    return {row["channel"]: record_of(row) async for row in rows}


async def bring_back(
    database: AsyncDatabase[Document], now: datetime, tolerance: timedelta, group_interval: timedelta
) -> int:
    """Correct records of all groups dated in the future to one group interval ago; return their number.

    With that date, the next message does not have to wait, and it is recorded.
    """
    ahead = {"sent_at": {"$gt": now + tolerance}}
    back = {"sent_at": now - group_interval, "told_at": {}}
    result = await database[NOTIFICATIONS].update_many(ahead, {"$set": back})
    return result.modified_count


def record_of(row: Mapping[str, Any]) -> NotificationRecord:
    """Return the record of a stored document.

    Raises:
        TypeError: it is not one.
    """
    sent_at, members, severities = row["sent_at"], row["members"], row["severities"]
    told_at = row.get("told_at") or {}
    found = (sent_at, datetime), (members, dict), (severities, dict), (told_at, dict)
    if not all(isinstance(value, kind) for value, kind in found):
        raise TypeError("not a record of what was sent")
    return NotificationRecord(
        sent_at, members, {name: Severity(value) for name, value in severities.items()}, told_at
    )


async def record_sent(database: AsyncDatabase[Document], notification: Notification, at: datetime) -> bool:
    """Record that a notification was sent; the next decision is based on it.

    Returns whether that was new: False for a further recipient of the same notification, or if a later one
    was sent before.
    """
    fields: Document = {
        "group_key": notification.group_key,
        "channel": notification.channel,
        "members": notification.members,
        "severities": notification.severities,
        "told_at": notification.told_at,
        "sent_at": at,
        "event": notification.event,
        "key": notification.key,
    }
    earlier = {
        "_id": record_id(notification.group_key, notification.channel),
        "key": {"$ne": notification.key},
        "$or": [{"sent_at": None}, {"sent_at": {"$lte": at}}],
    }
    try:
        await database[NOTIFICATIONS].update_one(earlier, {"$set": fields}, upsert=True)
    except DuplicateKeyError:
        return False
    return True


async def is_recorded(database: AsyncDatabase[Document], notification: Notification) -> bool:
    """Return whether this very notification was recorded for another recipient."""
    key = record_id(notification.group_key, notification.channel)
    found = await database[NOTIFICATIONS].find_one({"_id": key, "key": notification.key}, {"_id": 1})
    return found is not None
