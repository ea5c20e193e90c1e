"""The ``notifications`` collection: what each channel was last told about a group of alerts."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from core.alerting.notify.dedup import Confirmed, Decision
from core.models.alerts import Alert, Notification, NotificationEvent, Severity
from core.storage.server.connection import Document

GROUP = "rules"
"""The alerts of all rules are one group: what one check finds is one message."""
Routes = Mapping[str, Collection[Severity] | None]
"""The channels by name, and the severities each takes; None takes all."""


def record_id(group_key: str, channel: str) -> str:
    """The ``_id`` of what a channel was told about a group."""
    return f"{group_key}|{channel}"


async def load_confirmed(database: AsyncDatabase[Document], group_key: str) -> dict[str, Confirmed]:
    """What each channel was last told about a group, by the channel's name."""
    rows = database["notifications"].find({"group_key": group_key, "sent_at": {"$ne": None}})
    return {row["channel"]: confirmed_of(row) async for row in rows}


def confirmed_of(row: Mapping[str, object]) -> Confirmed:
    """From a stored document."""
    sent_at, members, severities = row["sent_at"], row["members"], row["severities"]
    if not isinstance(sent_at, datetime) or not isinstance(members, dict) or not isinstance(severities, dict):
        raise TypeError("not a record of what was sent")
    return Confirmed(sent_at, members, {name: Severity(value) for name, value in severities.items()})


async def confirm(database: AsyncDatabase[Document], notification: Notification, at: datetime) -> bool:
    """Keep that a notification was sent: the next decision is made against it.

    Whether that is news: False for a further recipient of it, or where a later one was sent before.
    """
    fields: Document = {
        "group_key": notification.group_key,
        "channel": notification.channel,
        "members": notification.members,
        "severities": notification.severities,
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
        await database["notifications"].update_one(earlier, {"$set": fields}, upsert=True)
    except DuplicateKeyError:
        return False
    return True


async def is_confirmed(database: AsyncDatabase[Document], notification: Notification) -> bool:
    """Whether this very notification was confirmed for another recipient."""
    key = record_id(notification.group_key, notification.channel)
    return await database["notifications"].find_one({"_id": key, "key": notification.key}) is not None


def notification(
    decision: Decision, channel: str, alerts: Mapping[str, Alert], confirmed: Confirmed | None, at: datetime
) -> Notification:
    """A decision about the group of all rules, ready to be sent to a channel."""
    about = [alerts[name] for name in (*decision.news, *decision.goes_on)]
    return Notification(
        key=_key(decision, channel, confirmed),
        group_key=GROUP,
        channel=channel,
        event=decision.event,
        severity=_severity(decision, about),
        at=at,
        alerts=about,
        news=len(decision.news),
        members=dict(decision.members),
        severities=dict(decision.severities),
    )


def _severity(decision: Decision, about: list[Alert]) -> Severity:
    news = about[: len(decision.news)]
    over = decision.event == NotificationEvent.RESOLVED
    firing = [alert for alert in news if decision.members.get(alert.id) == "firing"]
    return max((alert.severity for alert in (news if over else firing or news)), key=lambda s: s.rank)


def _key(decision: Decision, channel: str, confirmed: Confirmed | None) -> str:
    """The same for everybody who decides the same against the same record."""
    since = confirmed.sent_at.isoformat() if confirmed else None
    severities = sorted(decision.severities.items())
    content = [GROUP, channel, decision.event, sorted(decision.members.items()), severities, since]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
