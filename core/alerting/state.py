"""The ``alerts`` collection: one document for each alert, and its history in ``alert_events``.

Every change is one atomic update that names the state it expects, so that of several schedulers at
work one wins and the others see that it did.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.clock import utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.storage.connection import Document

Origin = Literal["rule", "custom"]
REPEAT_AFTER = timedelta(hours=4)
"""An alert that still fires is sent again, one that the agent sent itself is over, after this long."""
CLAIM_FOR = timedelta(minutes=2)
"""Longer than any send takes; a scheduler that dies while sending holds the others up no longer."""
_SEVERITIES = list(Severity)


def fingerprint(origin: Origin, alert_type: str, labels: Mapping[str, str] | None = None) -> str:
    """Identity of an alert: where it comes from, its rule or type, and its filters; never its severity."""
    identity = json.dumps([origin, alert_type, dict(labels or {})], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def to_alert(document: Mapping[str, Any]) -> Alert:
    """The alert that a stored document holds."""
    known = {key: document[key] for key in Alert.model_fields if key in document}
    return Alert(**known | {"id": document["_id"]})


def _fields(alert: Alert) -> Document:
    """What a check renews; the state and what was sent have their own updates."""
    return alert.model_dump(exclude={"id", "state", "started_at", "resolved_at", "channels"})


def _active(now: datetime) -> Document:
    return {"state": AlertState.FIRING, "$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}]}


def _worst_first(alerts: Collection[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (-_SEVERITIES.index(alert.severity), alert.started_at))


def active_alerts(database: Database[Document], now: datetime | None = None) -> list[Alert]:
    """The alerts that fire, the worst first, then the oldest."""
    return _worst_first([to_alert(row) for row in database["alerts"].find(_active(now or utc_now()))])


async def active_alerts_async(database: AsyncDatabase[Document], now: datetime | None = None) -> list[Alert]:
    """The same for asyncio code."""
    cursor = database["alerts"].find(_active(now or utc_now()))
    return _worst_first([to_alert(row) for row in await cursor.to_list()])


class AlertStore:
    """Reads and changes the alerts of one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._alerts = database["alerts"]
        self._events = database["alert_events"]

    async def rule_alerts(self) -> dict[str, Document]:
        """The alerts of rules that fire or ever did, by fingerprint."""
        return {row["_id"]: row async for row in self._alerts.find({"origin": "rule"})}

    async def fire(self, alert: Alert) -> Document:
        """Let an alert fire, or renew the figures of one that does; the document as it stands then.

        A document that is newer than the alert stays as it is.
        """
        not_newer: Document = {"_id": alert.id, "updated_at": {"$lte": alert.updated_at}}
        renewed = await self._update(not_newer | {"state": AlertState.FIRING}, _fields(alert))
        if renewed is not None:
            return renewed
        begin = _fields(alert) | {
            "origin": "rule",
            "state": AlertState.FIRING,
            "started_at": alert.started_at,
            "resolved_at": None,
            "notified": {},
            "claims": {},
            "channels": {},
        }
        try:
            begun = await self._update(
                not_newer | {"state": {"$ne": AlertState.FIRING}}, begin, may_insert=True
            )
        except DuplicateKeyError:  # another scheduler was faster, or the document is newer
            begun = None
        if begun is not None:
            await self.record("firing", begun, alert.updated_at)
            return begun
        return await self._alerts.find_one({"_id": alert.id}) or begin | {"_id": alert.id}

    async def resolve(self, alert_id: str, at: datetime, figures: Document) -> Document | None:
        """End an alert that fires; None where it does not, or where its document is newer than ``at``."""
        firing = {"_id": alert_id, "state": AlertState.FIRING, "updated_at": {"$lte": at}}
        fields = figures | {"state": AlertState.RESOLVED, "resolved_at": at, "updated_at": at}
        resolved = await self._update(firing, fields)
        if resolved is not None:
            await self.record("resolved", resolved, at)
        return resolved

    async def expire(self, at: datetime) -> None:
        """End the alerts that the agent sent itself and has not sent again for four hours."""
        overdue = {"state": AlertState.FIRING, "expires_at": {"$lte": at}}
        ended = {"state": AlertState.RESOLVED, "resolved_at": at, "updated_at": at}
        while (row := await self._update(overdue, ended)) is not None:
            await self.record("resolved", row, at)

    async def claim(self, document: Document, channel: str) -> bool:
        """Take the sending of an alert to one channel upon oneself; False where somebody else has."""
        now = utc_now()
        expected = {
            "_id": document["_id"],
            "state": document["state"],
            "started_at": document["started_at"],
            f"notified.{channel}": document["notified"].get(channel),
            "$or": [{f"claims.{channel}": None}, {f"claims.{channel}": {"$lte": now}}],
        }
        return await self._update(expected, {f"claims.{channel}": now + CLAIM_FOR}) is not None

    async def settle(self, document: Document, channel: str, at: datetime, *, delivered: bool) -> None:
        """Write down what became of a claimed send and let go of it."""
        fields: Document = {f"channels.{channel}": delivered, f"claims.{channel}": None}
        if delivered:
            fields[f"notified.{channel}"] = {"state": document["state"], "at": at}
        same = {"_id": document["_id"], "started_at": document["started_at"]}
        await self._alerts.update_one(same, {"$set": fields})
        await self.record("sent" if delivered else "not sent", document, at, channel=channel)

    async def keep_custom(self, alert: Alert) -> None:
        """Store an alert that the agent sent itself; it is active for four hours from now."""
        document = alert.model_dump(exclude={"id"}) | {
            "origin": "custom",
            "expires_at": alert.updated_at + REPEAT_AFTER,
        }
        still = await self._alerts.find_one({"_id": alert.id} | _active(alert.updated_at))
        if still is not None:
            document["started_at"] = still["started_at"]
        await self._alerts.replace_one({"_id": alert.id}, document, upsert=True)
        await self.record("firing", document | {"_id": alert.id}, alert.updated_at)

    async def record(
        self, event: str, document: Mapping[str, Any], at: datetime, *, channel: str | None = None
    ) -> None:
        """Add a line to the history."""
        kept = ("alert_type", "name", "severity", "message", "current_value", "threshold_value", "unit")
        row: Document = {"at": at, "event": event, "alert_id": document["_id"], "channel": channel}
        await self._events.insert_one(row | {key: document.get(key) for key in kept})

    async def _update(
        self, expected: Document, fields: Document, *, may_insert: bool = False
    ) -> Document | None:
        changed: Document | None = await self._alerts.find_one_and_update(
            expected, {"$set": fields}, upsert=may_insert, return_document=ReturnDocument.AFTER
        )
        return changed


def due(document: Mapping[str, Any], channel: str, at: datetime, *, breach: bool) -> bool:
    """Whether an alert has to be sent to a channel now.

    A firing alert: where it was never sent, and every four hours while its rule is seen broken. A resolved
    one: only where it was sent while firing, and for four hours at most.
    """
    if document["updated_at"] > at:
        return False
    sent = document["notified"].get(channel)
    if document["state"] == AlertState.FIRING:
        return sent is None or (breach and at - sent["at"] >= REPEAT_AFTER)
    told = sent is not None and sent["state"] == AlertState.FIRING
    return told and at - document["resolved_at"] < REPEAT_AFTER
