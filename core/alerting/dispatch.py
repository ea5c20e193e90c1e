"""Sends what was decided straight away, claimed in the store so that of several schedulers one does."""

from collections.abc import Mapping
from datetime import timedelta

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from core.alerting.decide import Confirmed
from core.alerting.delivery import Channel
from core.alerting.message import notification_message
from core.alerting.state import AlertStore
from core.alerting.told import confirm, record_id
from core.clock import utc_now
from core.models.alerts import Notification
from core.storage.connection import Document

CLAIM_FOR = timedelta(minutes=2)
"""Longer than any send takes; a scheduler that dies while sending holds the others up no longer."""


async def dispatch(
    database: AsyncDatabase[Document],
    notification: Notification,
    confirmed: Confirmed | None,
    channels: Mapping[str, Channel],
) -> bool | None:
    """Send a notification; whether it arrived, None where somebody else sends it."""
    if not await _claim(database, notification, confirmed):
        return None
    delivery = await channels[notification.channel].send(notification_message(notification))
    if delivery.reached:
        await confirm(database, notification, notification.at)
    else:
        await _release(database, notification)
    await AlertStore(database).record_sending(notification, notification.at, delivered=delivery.reached)
    return delivery.reached


async def _claim(
    database: AsyncDatabase[Document], notification: Notification, confirmed: Confirmed | None
) -> bool:
    now = utc_now()
    expected = {
        "_id": record_id(notification.group_key, notification.channel),
        "sent_at": confirmed.sent_at if confirmed else None,
        "$or": [{"claimed_until": None}, {"claimed_until": {"$lte": now}}],
    }
    try:
        claimed = {"$set": {"claimed_until": now + CLAIM_FOR}}
        await database["notifications"].update_one(expected, claimed, upsert=True)
    except DuplicateKeyError:  # another scheduler was faster
        return False
    return True


async def _release(database: AsyncDatabase[Document], notification: Notification) -> None:
    key = record_id(notification.group_key, notification.channel)
    await database["notifications"].update_one({"_id": key}, {"$set": {"claimed_until": None}})
