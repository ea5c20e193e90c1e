"""The life of one alert, from what its rule finds at each check to what is stored. Pure functions of time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter

from core.alerting import wording
from core.alerting.evaluation.findings import Evaluation, Labels
from core.alerting.state import rule_state
from core.alerting.state.flapping import Flap, follow
from core.alerting.state.rule_state import Durations, LevelStates
from core.models.alerts import ALERT_SCHEMA_VERSION, Alert, AlertState, Severity
from core.models.rules import AlertRule
from core.types import Document

Origin = Literal["rule", "custom"]


@dataclass(frozen=True)
class AlertRecord:
    """An alert, and what the engine has to remember to move it on.

    ``revision`` counts stored changes; the store uses it to refuse a write based on an outdated record.
    """

    alert: Alert
    holds: LevelStates = field(default_factory=dict)
    flap: Flap = field(default_factory=Flap)
    last_data: datetime | None = None
    last_muted_at: datetime | None = None
    revision: int = 0
    last_calls: datetime | None = None
    """When calls were last seen that were too few to judge, since ``last_data``."""

    def document(self) -> Document:
        """Return it as stored, without ``_id`` and ``revision``."""
        return self.alert.model_dump(exclude={"id", "channels"}) | {
            "origin": "rule",
            "version": ALERT_SCHEMA_VERSION,
            "holds": {severity: vars(hold) for severity, hold in self.holds.items()},
            "transitions": list(self.flap.transitions),
            "flapping_since": self.flap.since,
            "flapping_worst": self.flap.worst,
            "flapping_worst_since": self.flap.worst_since,
            "last_data": self.last_data,
            "last_calls": self.last_calls,
            "last_muted_at": self.last_muted_at,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "AlertRecord":
        """Return the record of a stored document.

        Fields that older versions did not store get their defaults.

        Raises:
            ValueError, KeyError: it cannot be read.
        """
        told = {name: document[name] for name in _KEPT if document.get(name) is not None}
        flap = {ours: document[name] for name, ours in _FLAP.items() if document.get(name) is not None}
        return _RECORD.validate_python({"alert": to_alert(document), "flap": flap, **told})


_KEPT = ("holds", "last_data", "last_muted_at", "revision", "last_calls")
_FLAP = {
    "transitions": "transitions",
    "flapping_since": "since",
    "flapping_worst": "worst",
    "flapping_worst_since": "worst_since",
}
"""The stored names of a flap's fields."""
_RECORD = TypeAdapter(AlertRecord)


def rule_of(alert: Alert) -> str:
    """Return the id of the rule an alert belongs to, also for an alert about the rule itself."""
    return alert.labels.get("rule", alert.alert_type)


@dataclass(frozen=True)
class Change:
    """What a check did to an alert: its record before and after (None if there is none), and the events."""

    before: AlertRecord | None
    after: AlertRecord | None
    events: tuple[str, ...] = ()

    @property
    def alert_id(self) -> str:
        """Return the fingerprint of the alert that changed; empty if there was none before or after."""
        record = self.after or self.before
        return record.alert.id if record else ""


def to_alert(document: Mapping[str, Any]) -> Alert:
    """Return the alert that a stored document holds."""
    known = {key: document[key] for key in Alert.model_fields if key in document}
    return Alert(**known | {"id": document["_id"]})


def fingerprint(origin: Origin, alert_type: str, labels: Mapping[str, str] | None = None) -> str:
    """Return an alert's identity: its origin, its rule or type, and its labels.

    Severity is deliberately left out, so that an alert that gets worse stays the same alert.
    """
    identity = json.dumps([origin, alert_type, dict(labels or {})], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def rule_fingerprint(rule: AlertRule, labels: Labels | None = None) -> str:
    """Return the identity of one instance of a rule's alert; its severity is not part of it."""
    return fingerprint("rule", rule.id, rule.filters if labels is None else labels)


def timing(rule: AlertRule) -> Durations:
    """Return how long a rule must be broken before it fires, and kept before it ends."""
    return Durations(timedelta(minutes=rule.for_minutes), timedelta(minutes=rule.keep_firing_minutes))


def advance(before: AlertRecord | None, evaluation: Evaluation, now: datetime) -> Change:
    """Return how an alert moves on given what its rule found; ``before`` None means there is no alert yet.

    Time comes in as ``now``, and nothing is read or written, so every path can be tested with a table. Three
    cases: no data (the state is kept, see ``_without_data``), no level bad (the alert ends, or stays away),
    and some level bad (pending, or firing at the worst level that fires).
    """
    rule = evaluation.rule
    holds: LevelStates = before.holds if before else {}
    if evaluation.measured is None:
        last_data = (before.last_data if before else None) or now
        after = rule_state.without_data(holds, last_data, timing(rule), now)
        if before is None:
            return Change(before, before)
        return _without_data(before, evaluation, after, now) if after else _end(before, None, now)
    after = rule_state.step_all(holds, evaluation.breaches, timing(rule), now)
    if not after:
        return _end(before, evaluation, now)
    severity = rule_state.severity_of(after)
    if severity is None:
        return _pending(before, evaluation, after, now)
    return _firing(before, evaluation, after, severity, now)


def _without_data(before: AlertRecord, evaluation: Evaluation, holds: LevelStates, now: datetime) -> Change:
    """Move an alert on after a check that could not judge it.

    Too few calls leave it as it is. Without any call for a window, the message says so; an alert by label
    ends after ``ends_without_calls`` windows, because a campaign that is over would otherwise fire for ever.
    """
    rule, alert = evaluation.rule, before.alert
    if evaluation.samples:
        return Change(before, replace(before, holds=holds, last_calls=now))
    seen = before.last_calls or before.last_data or alert.updated_at
    window = timedelta(minutes=rule.window_minutes)
    if alert.state != AlertState.FIRING or now - seen < window:
        return Change(before, replace(before, holds=holds))
    if rule.group_by and rule.ends_without_calls and now - seen >= rule.ends_without_calls * window:
        what = "requests" if rule.measure.of_requests else "calls"
        return resolve(before, now, reason=f"{alert.name}{wording.only(evaluation)}: no more {what}")
    noted = alert.metadata | {wording.no_more(rule): wording.moment(seen)}
    return Change(before, replace(before, holds=holds, alert=alert.model_copy(update={"metadata": noted})))


def _firing(
    before: AlertRecord | None, evaluation: Evaluation, holds: LevelStates, severity: Severity, now: datetime
) -> Change:
    """Make the alert fire, or keep it firing: with its start, its acknowledgement and its worst value."""
    was = before.alert if before and before.alert.state == AlertState.FIRING else None
    alert = _alert(evaluation, AlertState.FIRING, severity, was.started_at if was else now, now)
    event = "firing"
    if was is not None:
        event = change_of(was.severity, severity)
        alert = carry(alert, was, now)
    alert = alert.model_copy(update={"worst_value": _worst(evaluation.rule, alert, was)})
    return _moved(before, alert, holds, now, event, moved=was is None)


def _pending(before: AlertRecord | None, evaluation: Evaluation, holds: LevelStates, now: datetime) -> Change:
    """Make the alert pending; one that was firing at a worse level has thereby ended."""
    severity = rule_state.pending_severity(holds) or Severity.INFO
    since = min(hold.active_at for hold in holds.values())
    alert = _alert(evaluation, AlertState.PENDING, severity, since, now)
    if before is None:
        return _moved(before, alert, holds, now, "pending")
    # its last firing level ended, while a milder one is pending
    ended = before.alert.state == AlertState.FIRING
    alert = alert.model_copy(update={"resolved_at": now if ended else before.alert.resolved_at})
    event = "resolved" if ended else "" if before.alert.state == AlertState.PENDING else "pending"
    return _moved(before, alert, holds, now, event, moved=ended)


def _end(before: AlertRecord | None, evaluation: Evaluation | None, now: datetime) -> Change:
    """End a firing alert, forget a pending one, leave an ended one alone."""
    if before is None or before.alert.state == AlertState.RESOLVED:
        return Change(before, _quieter(before, now))
    if before.alert.state == AlertState.PENDING:
        return _forget(before, now)
    return resolve(before, now, evaluation)


def resolve(
    before: AlertRecord, now: datetime, evaluation: Evaluation | None = None, reason: str | None = None
) -> Change:
    """End an alert that fires, with the value that ended it or a ``reason`` as its message."""
    old = before.alert
    fields: dict[str, Any] = {"message": reason} if reason else {}
    if evaluation is not None:
        alert = _alert(evaluation, AlertState.RESOLVED, old.severity, old.started_at, now)
        fields = alert.model_dump(include={"current_value", "message", "samples", "looks_from", "metadata"})
    over = {"state": AlertState.RESOLVED, "resolved_at": now, "updated_at": now, "acknowledged": None}
    return _moved(before, old.model_copy(update=fields | over), {}, now, "resolved", moved=True)


def _forget(before: AlertRecord, now: datetime) -> Change:
    """Drop an alert that was only pending; one that has fired before goes back to how it ended."""
    if before.alert.resolved_at is None:
        return Change(before, None, ("cancelled",))
    alert = before.alert.model_copy(update={"state": AlertState.RESOLVED, "updated_at": now})
    return _moved(before, alert, {}, now, "cancelled")


def _moved(
    before: AlertRecord | None,
    alert: Alert,
    holds: LevelStates,
    now: datetime,
    event: str,
    *,
    moved: bool = False,
) -> Change:
    """Return the change to a new state; ``moved`` marks a start or an end, which counts towards flapping."""
    flap = follow(before.flap if before else Flap(), now, alert.severity, moved=moved)
    alert = alert.model_copy(update={"flapping": flap.since is not None})
    if before is not None and alert.flapping:
        alert = carry(alert, before.alert, now)  # it counts as firing until it settles
    last_muted_at, revision = (before.last_muted_at, before.revision) if before else (None, 0)
    return Change(
        before, AlertRecord(alert, holds, flap, now, last_muted_at, revision), (event,) if event else ()
    )


def _quieter(before: AlertRecord | None, now: datetime) -> AlertRecord | None:
    """Release an ended alert from flapping once it has been quiet for long enough."""
    if before is None or before.flap.since is None:
        return before
    flap = follow(before.flap, now, before.alert.severity, moved=False)
    settled = {"flapping": False, "acknowledged": None} if flap.since is None else {}
    return replace(before, alert=before.alert.model_copy(update=settled), flap=flap)


def change_of(was: Severity, severity: Severity) -> str:
    """Return the event of a firing alert whose severity may have changed; empty if it has not."""
    return {-1: "escalated", 0: "", 1: "eased"}[_sign(was.rank - severity.rank)]


def carry(alert: Alert, was: Alert, now: datetime) -> Alert:
    """Carry an acknowledgement over, unless it has expired or the alert has become more severe."""
    if not was.held(now) or alert.severity.rank > was.severity.rank:
        return alert
    return alert.model_copy(update={"acknowledged": was.acknowledged})


def _worst(rule: AlertRule, alert: Alert, was: Alert | None) -> float | None:
    before = was.worst_value if was else None
    values = [value for value in (alert.current_value, before) if value is not None]
    return (max if rule.operator == "above" else min)(values, default=None)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _alert(
    evaluation: Evaluation, state: AlertState, severity: Severity, started_at: datetime, now: datetime
) -> Alert:
    rule, measured = evaluation.rule, evaluation.measured
    bound = wording.limit(evaluation, severity)
    return Alert(
        id=rule_fingerprint(rule, evaluation.labels),
        alert_type=rule.id,
        name=rule.name,
        severity=severity,
        state=state,
        labels=dict(evaluation.labels),
        message=wording.sentence(evaluation, severity),
        current_value=None if measured is None else wording.shown(rule, measured.value),
        threshold_value=None if bound is None else wording.shown(rule, bound),
        unit=wording.unit(rule),
        samples=evaluation.samples,
        started_at=started_at,
        updated_at=now,
        looks_from=min(evaluation.start, now),
        outcome=wording.outcome(rule),
        metadata=dict(wording.facts_of(evaluation)),
    )
