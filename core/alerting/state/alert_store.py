"""The ``alerts`` collection: one document per alert, and its history in ``alert_events``.

A change is stored only if the alert is still at the revision the change was based on. If several schedulers
are at work, one wins and the others use what it wrote.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from core.alerting.state.lifecycle import AlertRecord, Change, carry, change_of, to_alert
from core.clock import utc_now
from core.models.alerts import Alert, AlertState, MemberState, Notification, NotificationEvent
from core.storage.collections import ALERT_EVENTS, ALERTS, CHECKS, DUPLICATE_KEY
from core.storage.readable import each_readable
from core.types import Document

Write = InsertOne[Document] | UpdateOne | DeleteOne | ReplaceOne[Document]

_CHECKED = "alerts"
CUSTOM_LASTS = timedelta(hours=4)
"""An alert that the agent sent itself ends after this long."""
_HISTORY_FIELDS = (
    *("alert_type", "name", "severity", "labels", "message", "current_value", "threshold_value", "unit"),
)


def _active(now: datetime) -> Document:
    return {"state": AlertState.FIRING, "$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}]}


def worst_first(alerts: Collection[Alert]) -> list[Alert]:
    """Return the alerts worst first, then oldest first."""
    return sorted(alerts, key=lambda alert: (-alert.severity.rank, alert.started_at))


def active_alerts(database: Database[Document], now: datetime | None = None) -> list[Alert]:
    """Return the firing alerts, worst first, then oldest first."""
    return worst_first(readable(database[ALERTS].find(_active(now or utc_now()))))


async def active_alerts_async(database: AsyncDatabase[Document]) -> list[Alert]:
    """Return the firing alerts as :func:`active_alerts` does, for asyncio code."""
    cursor = database[ALERTS].find(_active(utc_now()))
    return worst_first(readable(await cursor.to_list()))


def readable(rows: Iterable[Document]) -> list[Alert]:
    """Return the alerts of stored documents; one that cannot be read is logged and left out."""
    return list(each_readable(rows, to_alert, ALERTS))


class AlertStore:
    """Reads and changes the alerts of one database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._alerts = database[ALERTS]
        self._events = database[ALERT_EVENTS]
        self._checks = database[CHECKS]
        self._unreadable: set[str] = set()

    async def load(self) -> dict[str, AlertRecord]:
        """Return the alerts of rules that are pending, firing, or ended recently, by fingerprint.

        One that cannot be read counts as absent; the next finding of its rule replaces it.
        """
        rows = await self._alerts.find({"origin": "rule"}).to_list()
        found = {record.alert.id: record for record in each_readable(rows, AlertRecord.of, ALERTS)}
        self._unreadable = {row["_id"] for row in rows} - found.keys()
        return found

    async def last_check(self) -> datetime | None:
        """Return when the rules were last checked, by the clock of that check; None if that is not known."""
        at = (await self._checks.find_one({"_id": _CHECKED}) or {}).get("at")
        return at if isinstance(at, datetime) else None

    async def checked(self, at: datetime, *, present: bool) -> None:
        """Record that the rules were checked; a replay of the past does not move it back."""
        change = "$set" if present else "$max"
        await self._checks.update_one({"_id": _CHECKED}, {change: {"at": at}}, upsert=True)

    async def save(self, changes: Sequence[Change], at: datetime) -> dict[str, AlertRecord | None]:
        """Store what a check changed; return the state of alerts that another process changed first."""
        written = [change for change in changes if change.after != change.before]
        if not written:
            return {}
        await self._write_events(written, at)
        expected = len(written)
        done = 0
        try:
            result = await self._alerts.bulk_write(self._writes(written), ordered=False)
            done = result.inserted_count + result.matched_count + result.deleted_count
        except BulkWriteError as error:
            _only_duplicates(error)
        return {} if done == expected else await self._reread(written)

    def _writes(self, changes: Sequence[Change]) -> list[Write]:
        return [_write(change, replaces=change.alert_id in self._unreadable) for change in changes]

    async def _reread(self, changes: Sequence[Change]) -> dict[str, AlertRecord | None]:
        names = [change.alert_id for change in changes]
        rows = await self._alerts.find({"_id": {"$in": names}}).to_list()
        found = {record.alert.id: record for record in each_readable(rows, AlertRecord.of, ALERTS)}
        return {name: found.get(name) for name in names}

    async def _write_events(self, changes: Sequence[Change], at: datetime) -> None:
        """Write the history, before the state.

        A line's key contains its alert's revision, so a repeat adds none.
        """
        rows = [_event(name, change, at) for change in changes for name in change.events]
        if not rows:
            return
        try:
            await self._events.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            _only_duplicates(error)

    async def expire(self, at: datetime) -> None:
        """End the alerts that the agent sent itself and has not sent again for four hours."""
        while await self._end_custom({"expires_at": {"$lte": at}}, at):
            pass

    async def resolve_custom(self, alert_id: str, at: datetime) -> bool:
        """End an alert that the agent sent itself; return whether it was firing."""
        return await self._end_custom({"_id": alert_id, "origin": "custom"}, at)

    async def _end_custom(self, which: Document, at: datetime) -> bool:
        over = {"state": AlertState.RESOLVED, "resolved_at": at, "updated_at": at, "end_untold": True}
        row = await self._alerts.find_one_and_update(
            which | {"state": AlertState.FIRING}, {"$set": over}, return_document=ReturnDocument.AFTER
        )
        if row is not None:
            await self.record("resolved", row, at)
        return row is not None

    async def active_custom(self, at: datetime) -> list[Alert]:
        """Return the agent's own alerts that are active at a given time, including those of a later one."""
        return readable(await self._alerts.find(_active(at) | {"origin": "custom"}).to_list())

    async def correct_custom(self, was: Alert, alert: Alert) -> None:
        """Store an alert of the agent with its times corrected, unless it was sent again in the meantime."""
        same = {"_id": was.id, "updated_at": was.updated_at, "state": AlertState.FIRING}
        times = alert.model_dump(include={"started_at", "updated_at", "acknowledged"})
        lasts = {"expires_at": alert.updated_at + CUSTOM_LASTS}
        await self._alerts.update_one(same, {"$set": times, "$min": lasts, "$inc": {"revision": 1}})

    async def mute_custom(self, alert: Alert, silences: Sequence[str]) -> None:
        """Record which silences mute an alert of the agent, unless it was sent again in the meantime."""
        same = {"_id": alert.id, "updated_at": alert.updated_at, "state": AlertState.FIRING}
        await self._alerts.update_one(same, {"$set": {"silenced_by": list(silences)}})

    async def untold_ends(self) -> list[Alert]:
        """Return the agent's own alerts that have ended and whose end has not been notified yet."""
        untold = {"end_untold": True, "origin": "custom", "state": AlertState.RESOLVED}
        return readable(await self._alerts.find(untold).to_list())

    async def end_told(self, alert: Alert) -> None:
        """Record that the end of an alert is on its way."""
        same = {"_id": alert.id, "resolved_at": alert.resolved_at}
        await self._alerts.update_one(same, {"$unset": {"end_untold": ""}})

    async def untold_acknowledgements(self) -> list[Alert]:
        """Return the firing alerts whose acknowledgement has not been notified yet."""
        untold = {"state": AlertState.FIRING, "acknowledgement_untold": True}
        alerts = readable(await self._alerts.find(untold).to_list())
        return [alert for alert in alerts if alert.acknowledged is not None]

    async def acknowledgement_told(self, alert: Alert) -> None:
        """Record that the acknowledgement of an alert is on its way."""
        held = alert.acknowledged
        same = {"_id": alert.id, "acknowledged.at": held.at if held else None}
        await self._alerts.update_one(same, {"$unset": {"acknowledgement_untold": ""}})

    async def keep_custom(self, alert: Alert) -> Alert:
        """Store an alert that the agent sent itself; it is active for four hours from now.

        Return it as stored: one that was active goes on, with its start, its acknowledgement unless it has
        become more severe, and the channels that know of it.
        """
        while True:
            row = await self._alerts.find_one({"_id": alert.id} | _active(alert.updated_at))
            was = readable([row] if row else [])
            kept, event = _goes_on(alert, was[0]) if was else (alert, "firing")
            if await self._written(kept, row, anew=not was):
                break  # otherwise another process has changed it since it was read
        if event:
            await self.record(event, kept.model_dump() | {"_id": kept.id}, kept.updated_at)
        return kept

    async def _written(self, alert: Alert, row: Document | None, *, anew: bool) -> bool:
        """Store an alert of the agent unless it has changed since it was read as ``row``.

        With ``anew`` it replaces what was read instead of continuing it.
        """
        expires = alert.updated_at + CUSTOM_LASTS
        fields = alert.model_dump(exclude={"id"}) | {"origin": "custom", "expires_at": expires}
        if row is not None:
            same = {"_id": alert.id, "revision": row.get("revision")} | _active(alert.updated_at)
            if not anew:
                del fields["channels"]  # a message that arrives now is recorded there
            done = await self._alerts.update_one(same, {"$set": fields, "$inc": {"revision": 1}})
            return done.matched_count == 1
        try:
            over = {"_id": alert.id, "$nor": [_active(alert.updated_at)]}
            await self._alerts.replace_one(over, fields, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def present(self, notification: Notification) -> Notification:
        """Return the notification with the present state of those of its alerts that have ended since."""
        names = [alert.id for alert in notification.alerts]
        query = {"_id": {"$in": names}, "state": AlertState.RESOLVED, "resolved_at": {"$gt": notification.at}}
        over = {alert.id: alert for alert in readable(await self._alerts.find(query).to_list())}
        alerts = [over.get(alert.id, alert) for alert in notification.alerts]
        ended: dict[str, MemberState] = dict.fromkeys(over, "resolved")
        return notification.model_copy(
            update={"alerts": alerts, "members": {**notification.members, **ended}}
        )

    async def record(
        self, event: str, document: Mapping[str, Any], at: datetime, *, channel: str | None = None
    ) -> None:
        """Add a line to the history."""
        await self._events.insert_one(history_row(event, document, at) | {"channel": channel})

    async def record_sending(self, notification: Notification, at: datetime, *, delivered: bool) -> None:
        """Record, in the state and history of each alert of the news, whether a channel got it."""
        news = notification.alerts[: notification.news]
        names = [alert.id for alert in news]
        held = notification.event == NotificationEvent.ACKNOWLEDGED
        if not held:  # who was notified of the alert itself does not change
            await self._alerts.update_many(
                {"_id": {"$in": names}}, {"$set": {f"channels.{notification.channel}": delivered}}
            )
        for alert in news:
            document = alert.model_dump() | {"_id": alert.id}
            if held and alert.acknowledged is not None:
                document["message"] = f"acknowledged by {alert.acknowledged.author}"
            event = "sent" if delivered else "not sent"
            await self.record(event, document, at, channel=notification.channel)


def _goes_on(alert: Alert, was: Alert) -> tuple[Alert, str]:
    """Return an active alert that the agent sends again, and what happened to it."""
    same = alert.model_copy(update={"started_at": was.started_at, "channels": was.channels})
    return carry(same, was, alert.updated_at), change_of(was.severity, alert.severity)


def history_row(event: str, document: Mapping[str, Any], at: datetime) -> Document:
    """Return a line of the history of an alert's document."""
    row: Document = {"at": at, "event": event, "alert_id": document["_id"], "channel": None}
    return row | {key: document.get(key) for key in _HISTORY_FIELDS}


def _write(change: Change, *, replaces: bool) -> Write:
    """Return how a change is stored; ``replaces``: without a state before, there is an unreadable one."""
    before, after = change.before, change.after
    if before is None and after is not None:
        new = {"_id": after.alert.id, "revision": 1, "channels": {}} | after.document()
        return ReplaceOne({"_id": after.alert.id}, new) if replaces else InsertOne(new)
    revision = before.revision if before else 0
    # None also matches a missing field
    known: Document = {"_id": change.alert_id, "revision": revision or None}
    if after is None:
        return DeleteOne(known)
    fields = after.document() | {"revision": revision + 1}
    begins = before is not None and before.alert.started_at != after.alert.started_at
    return UpdateOne(known, {"$set": fields | ({"channels": {}} if begins else {})})


def _event(event: str, change: Change, at: datetime) -> Document:
    record = change.after or change.before
    revision = change.before.revision if change.before else 0
    fields = record.alert.model_dump(include=set(_HISTORY_FIELDS)) if record else {}
    # Revisions start over if an alert was forgotten; the time tells the two lives apart.
    began = at if revision == 0 else "then"
    key = f"{change.alert_id}:{revision}:{event}:{began}"
    return {"key": key, "at": at, "event": event, "alert_id": change.alert_id, "channel": None} | fields


def _only_duplicates(error: BulkWriteError) -> None:
    """Ignore duplicates, which another process wrote first; raise anything else."""
    others = [e for e in error.details.get("writeErrors", ()) if e.get("code") != DUPLICATE_KEY]
    if others or error.details.get("writeConcernErrors"):
        raise error
