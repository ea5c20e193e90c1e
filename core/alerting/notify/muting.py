"""Which alerts say nothing: those that a silence names, and those that a worse one explains. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.alerting.state.lifecycle import AlertRecord, Change
from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import LABELS, SERVICE_LABELS, AlertRule
from core.models.silences import Silence

SHARED_LABELS = (*LABELS, *SERVICE_LABELS)
"""An alert explains another only where these are the same; one that neither has is the same."""


def labels_of(alert: Alert) -> dict[str, str]:
    """What silences look at: the alert's labels, its rule and its severity."""
    return {**alert.labels, "rule": alert.alert_type, "severity": alert.severity}


def silenced_by(alert: Alert, silences: Iterable[Silence], now: datetime) -> list[str]:
    """The ids of the silences that mute an alert at a moment."""
    labels = labels_of(alert)
    return [silence.id for silence in silences if silence.active(now) and silence.matches(labels)]


@dataclass(frozen=True)
class Inhibition:
    """While ``source`` fires as critical, alerts of the ``targets`` with the same labels say nothing."""

    source: str
    targets: frozenset[str]


def inhibited_by(alert: Alert, alerts: Sequence[Alert], inhibitions: Iterable[Inhibition]) -> list[str]:
    """The ids of the firing alerts that explain an alert."""
    sources = {
        inhibition.source
        for inhibition in inhibitions
        if alert.alert_type in inhibition.targets and inhibition.source != alert.alert_type
    }
    return [other.id for other in alerts if other.alert_type in sources and _explains(other, alert.labels)]


def _explains(source: Alert, labels: Mapping[str, str]) -> bool:
    if source.state != AlertState.FIRING or source.severity != Severity.CRITICAL:
        return False
    return all(source.labels.get(label, "") == labels.get(label, "") for label in SHARED_LABELS)


def mute(
    changes: Sequence[Change],
    known: Mapping[str, AlertRecord],
    rules: Iterable[AlertRule],
    silences: Sequence[Silence],
    now: datetime,
) -> list[Change]:
    """Return a check's changes with what mutes each alert: silences, and worse alerts that explain it.

    An alert of this check counts as it is after its change, one that was not evaluated as it was ``known``.
    """
    after = {name: record for name, record in known.items() if record.alert.state == AlertState.FIRING}
    after |= {change.alert_id: change.after for change in changes if change.after}
    inhibitions = [Inhibition(rule.id, frozenset(rule.inhibits)) for rule in rules if rule.inhibits]
    sources = {inhibition.source for inhibition in inhibitions}
    alerts = [record.alert for record in after.values() if record.alert.alert_type in sources]

    def muted(record: AlertRecord) -> AlertRecord:
        found = {
            "silenced_by": silenced_by(record.alert, silences, now),
            "inhibited_by": inhibited_by(record.alert, alerts, inhibitions),
        }
        last_muted_at = now if any(found.values()) else record.last_muted_at
        return replace(record, alert=record.alert.model_copy(update=found), last_muted_at=last_muted_at)

    return [
        replace(change, after=muted(change.after))
        if change.after and change.after.alert.state != AlertState.RESOLVED
        else change
        for change in changes
    ]
