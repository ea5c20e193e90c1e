"""Which alerts say nothing: those that a silence names, and those that a worse one explains. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import LABELS, SERVICE_LABELS
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
