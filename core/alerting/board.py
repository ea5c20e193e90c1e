"""What the Alerts page shows: alerts by state, their history, and who was notified of what."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import TypeAdapter
from pymongo.database import Database

from core.alerting.notify.silences import all_silences
from core.alerting.state.alert_store import readable, worst_first
from core.models.alerts import Alert, AlertState, Severity
from core.models.silences import Silence
from core.storage.collections import ALERT_EVENTS, ALERTS
from core.storage.readable import each_readable
from core.types import Document

RESOLVED_WITHIN = timedelta(days=7)
MOST_MARKS = 200


@dataclass(frozen=True)
class AlertBoard:
    """Alerts by state, worst first; resolved ones newest first."""

    active: list[Alert]
    pending: list[Alert]
    silenced: list[Alert]
    """Firing, but muted by a silence or a worse alert."""
    resolved: list[Alert]


@dataclass(frozen=True)
class HistoryLine:
    """Something that happened to an alert: firing, escalated, eased, resolved, acknowledged, sent."""

    at: datetime
    event: str
    alert_id: str
    alert_type: str
    name: str
    severity: str
    labels: Mapping[str, str]
    message: str
    channel: str | None
    author: str | None
    comment: str = ""


@dataclass(frozen=True)
class SilenceLine:
    """A silence, and whether it is active, still to come, between two recurrences, or over."""

    silence: Silence
    standing: str

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> Self:
        """Return a silence with its state at a given time."""
        return cls(silence, _standing(silence, now))


@dataclass(frozen=True)
class Fired:
    """An alert that started to fire; the time is in UTC."""

    at: datetime
    name: str
    severity: Severity


def alert_board(database: Database[Document], now: datetime) -> AlertBoard:
    """Return the alerts as they stand at a given time."""
    over = {"state": AlertState.RESOLVED, "resolved_at": {"$gte": now - RESOLVED_WITHIN}}
    standing = {
        "state": {"$in": [AlertState.FIRING, AlertState.PENDING]},
        "$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}],
    }
    alerts = readable(database[ALERTS].find({"$or": [over, standing]}))
    firing = [alert for alert in alerts if alert.state == AlertState.FIRING]
    resolved = [alert for alert in alerts if alert.state == AlertState.RESOLVED]
    return AlertBoard(
        active=worst_first([alert for alert in firing if not alert.muted]),
        pending=worst_first([alert for alert in alerts if alert.state == AlertState.PENDING]),
        silenced=worst_first([alert for alert in firing if alert.muted]),
        resolved=sorted(resolved, key=lambda alert: alert.resolved_at or alert.updated_at, reverse=True),
    )


def history(
    database: Database[Document],
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    alert_id: str | None = None,
    limit: int = 500,
) -> list[HistoryLine]:
    """Return what happened to all alerts, or to one, newest first.

    Args:
        database: the store.
        start: earliest time, in UTC; None for no limit.
        end: time before which a line must be; None for no limit.
        alert_id: the one alert; None for all.
        limit: at most this many lines.
    """
    bounds = {"$gte": start, "$lt": end}
    query: Document = {"at": within} if (within := {k: at for k, at in bounds.items() if at}) else {}
    query |= {"alert_id": alert_id} if alert_id is not None else {}
    rows = database[ALERT_EVENTS].find(query).sort([("at", -1), ("_id", -1)]).limit(limit)
    return list(each_readable(rows, _line, ALERT_EVENTS))


def fired_between(database: Database[Document], start: datetime, end: datetime) -> tuple[Fired, ...]:
    """Return the alerts that started to fire in [start, end), oldest first; of very many, the newest ones."""
    query = {"at": {"$gte": start, "$lt": end}, "event": "firing"}
    rows = database[ALERT_EVENTS].find(query).sort("at", -1).limit(MOST_MARKS)
    return tuple(each_readable(rows, _fired, ALERT_EVENTS))[::-1]


def count_fired(database: Database[Document], start: datetime, end: datetime) -> int:
    """Return how many alerts started to fire in [start, end)."""
    return database[ALERT_EVENTS].count_documents({"at": {"$gte": start, "$lt": end}, "event": "firing"})


def silence_lines(database: Database[Document], now: datetime) -> list[SilenceLine]:
    """Return every silence with its state, newest first."""
    return [SilenceLine.of(silence, now) for silence in all_silences(database)]


def _standing(silence: Silence, now: datetime) -> str:
    if silence.end is not None and silence.end <= now:
        return "over"
    if silence.start > now:
        return "to come"
    return "active" if silence.active(now) else "between"


def _fired(row: Mapping[str, Any]) -> Fired:
    return Fired(row["at"], str(row["name"]), Severity(row["severity"]))


_LINE = TypeAdapter(HistoryLine)
_LINE_FIELDS = tuple(field.name for field in fields(HistoryLine))
_MAY_LACK = {"alert_type": "", "name": "", "severity": "", "labels": {}, "message": "", "comment": ""}


def _line(row: Mapping[str, Any]) -> HistoryLine:
    told = {name: row[name] for name in _LINE_FIELDS if row.get(name) is not None}
    return _LINE.validate_python({"channel": None, "author": None} | _MAY_LACK | told)
