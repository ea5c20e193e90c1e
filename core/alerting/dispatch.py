"""Hands what a check decided over to the outbox, and sends it straight away."""

from collections.abc import Sequence

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.outbox import enqueue, rows_of
from core.alerting.worker import Channels, deliver_now
from core.models.alerts import Notification
from core.storage.server.connection import Document


async def dispatch(
    database: AsyncDatabase[Document], notifications: Sequence[Notification], channels: Channels
) -> list[bool | None]:
    """Put notifications into the outbox and try them at once, all at the same time.

    For each whether anybody got it; None where somebody else sends it. What failed is tried again later.
    """
    ids = [
        await enqueue(database, rows_of(notification, channels[notification.channel]))
        for notification in notifications
    ]
    outcome = await deliver_now(database, [row_id for of_one in ids for row_id in of_one], channels)
    tried = [[outcome[row_id] for row_id in of_one if row_id in outcome] for of_one in ids]
    return [any(failure is None for failure in failures) if failures else None for failures in tried]
