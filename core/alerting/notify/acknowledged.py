"""Acknowledgements: notify the channels that were notified of the alert."""

from hashlib import sha256

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.installation import installation_name
from core.alerting.notify.sender import Channels, Delivery, dispatch
from core.alerting.state.alert_store import AlertStore
from core.models.alerts import Acknowledgement, Alert, Notification, NotificationEvent
from core.types import Document

GROUP_PREFIX = "acknowledged:"


async def tell_acknowledgements(
    database: AsyncDatabase[Document], channels: Channels
) -> list[tuple[Notification, Delivery]]:
    """Notify channels of new acknowledgements of alerts they know of; return what became of each message."""
    store = AlertStore(database)
    told: list[tuple[Notification, Delivery]] = []
    for alert in await store.untold_acknowledgements():
        held = alert.acknowledged
        if held is None:
            continue
        name = await installation_name(database)
        due = [
            _notification(alert, held, channel, name) for channel in channels if alert.channels.get(channel)
        ]
        told += zip(due, await dispatch(database, due, channels), strict=True)
        await store.acknowledgement_told(alert)
    return told


def _notification(alert: Alert, held: Acknowledgement, channel: str, installation: str) -> Notification:
    """Return the notification; it is the same whoever makes it."""
    return Notification(
        key=sha256(f"{alert.id}|{held.at}|{held.author}|{channel}".encode()).hexdigest()[:24],
        group_key=f"{GROUP_PREFIX}{alert.id}",
        channel=channel,
        event=NotificationEvent.ACKNOWLEDGED,
        severity=alert.severity,
        at=held.at,
        alerts=[alert],
        news=1,
        installation=installation,
        members={alert.id: "firing"},
        severities={alert.id: alert.severity},
    )
