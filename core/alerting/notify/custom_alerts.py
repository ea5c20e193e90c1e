"""Notifications about the agent's own alerts: the start, and the end for those who were notified of it."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.installation import installation_name
from core.alerting.notify.muting import silenced_by
from core.alerting.notify.sender import Channels, Delivery, dispatch
from core.alerting.notify.silences import current_silences
from core.alerting.state.alert_store import AlertStore
from core.alerting.state.clock_faults import brought_back, is_ahead
from core.alerting.state.lifecycle import AlertRecord
from core.logging_config import get_logger
from core.models.alerts import Alert, Notification, NotificationEvent
from core.types import Document

logger = get_logger("alerting")


def beginning(alert: Alert, channel: str, installation: str) -> Notification:
    """Return the notification that an alert of the agent fires: a new message each time."""
    return _notification(alert, channel, NotificationEvent.FIRING, uuid4().hex[:24], installation)


def unmuted(alert: Alert, channel: str, installation: str) -> Notification:
    """Return the notification that it fires and is no longer silenced; it is the same whoever makes it."""
    name = f"{alert.id}|{alert.started_at}|{alert.silenced_by}|{channel}"
    key = sha256(name.encode()).hexdigest()[:24]
    return _notification(alert, channel, NotificationEvent.FIRING, key, installation)


def ending(alert: Alert, channel: str, installation: str) -> Notification:
    """Return the notification that it has ended; it is the same whoever makes it."""
    key = sha256(f"{alert.id}|{alert.resolved_at}|{channel}".encode()).hexdigest()[:24]
    return _notification(alert, channel, NotificationEvent.RESOLVED, key, installation)


def takers(alert: Alert, channels: Channels, off_duty: Collection[str]) -> Channels:
    """Return the channels that are on duty and accept alerts of this severity."""
    return {
        name: channel
        for name, channel in channels.items()
        if name not in off_duty and (channel.severities is None or alert.severity in channel.severities)
    }


async def follow_silences(
    database: AsyncDatabase[Document],
    channels: Channels,
    off_duty: Collection[str],
    at: datetime,
    *,
    present: bool,
) -> list[tuple[Notification, Delivery]]:
    """Mute the agent's alerts as of ``at``, and send those that are active and no longer silenced.

    Return what became of each message. One that is acknowledged stays quiet. ``present`` says that ``at`` is
    now, so that alerts dated later come from a wrong clock; they are corrected.
    """
    store = AlertStore(database)
    silences = await current_silences(database, at)
    told: list[tuple[Notification, Delivery]] = []
    for stored in await store.active_custom(at):
        alert = await _corrected(store, stored, at) if present else stored
        if alert.updated_at > at:
            continue
        silenced = silenced_by(alert, silences, at)
        if silenced == alert.silenced_by:
            continue
        if not silenced and not alert.held(at):
            own = await installation_name(database)
            due = [unmuted(alert, channel, own) for channel in takers(alert, channels, off_duty)]
            told += zip(due, await dispatch(database, due, channels), strict=True)
        await store.mute_custom(alert, silenced)
    return told


async def _corrected(store: AlertStore, alert: Alert, now: datetime) -> Alert:
    """Return an alert of the agent with times from a clock that was ahead corrected for good."""
    if not is_ahead(record := AlertRecord(alert), now):
        return alert
    extra = {"alert_type": alert.alert_type}
    logger.warning("An alert was of a time that is yet to come: some clock was wrong", extra=extra)
    corrected = brought_back(record, now).alert
    await store.correct_custom(alert, corrected)
    return corrected


async def tell_ends(
    database: AsyncDatabase[Document], channels: Channels, only: Collection[str] = ()
) -> list[tuple[Notification, Delivery]]:
    """Notify channels of new ends of alerts they know of; return what became of each message."""
    store = AlertStore(database)
    told: list[tuple[Notification, Delivery]] = []
    for alert in await store.untold_ends():
        if only and alert.id not in only:
            continue
        own = await installation_name(database)
        hear = [name for name, channel in channels.items() if channel.ends and alert.channels.get(name)]
        ends = [ending(alert, channel, own) for channel in hear]
        told += zip(ends, await dispatch(database, ends, channels), strict=True)
        await store.end_told(alert)
    return told


def _notification(
    alert: Alert, channel: str, event: NotificationEvent, key: str, installation: str
) -> Notification:
    over = event == NotificationEvent.RESOLVED
    return Notification(
        key=key,
        group_key=f"custom:{alert.id}",
        channel=channel,
        event=event,
        severity=alert.severity,
        at=alert.updated_at,
        alerts=[alert],
        news=1,
        installation=installation,
        members={alert.id: "resolved" if over else "firing"},
        severities={} if over else {alert.id: alert.severity},
    )
