"""Mute alerts: those a silence matches, and those that a worse alert explains. Pure functions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from core.alerting.rules.soundness import in_circles
from core.alerting.state.lifecycle import AlertRecord, Change
from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import LABELS, SERVICE_LABELS, AlertRule
from core.models.silences import MATCHERS, Silence, exactly

SHARED_LABELS = (*LABELS, *SERVICE_LABELS)
"""Labels that have to be equal for one alert to explain another, unless the rule says otherwise."""
MOST_NAMED = 10


def labels_of(alert: Alert) -> dict[str, str]:
    """Return what silences match: the alert's labels, its rule, its severity, and the rule it is about."""
    own = {"about" if name == "rule" else name: value for name, value in alert.labels.items()}
    return {**own, "rule": alert.alert_type, "severity": alert.severity}


def matchers_of(alert: Alert) -> dict[str, list[str]]:
    """Return the matchers that silence this alert and no other, however severe it becomes."""
    labels = labels_of(alert)
    return {name: [exactly(labels[name])] for name in MATCHERS if name in labels and name != "severity"}


def silenced_by(alert: Alert, silences: Iterable[Silence], now: datetime) -> list[str]:
    """Return the ids of the silences that mute an alert at a given time."""
    labels = labels_of(alert)
    return [silence.id for silence in silences if silence.active(now) and silence.matches(labels)]


@dataclass(frozen=True)
class Inhibition:
    """While ``source`` fires as critical, mute the ``targets`` that agree with it on the ``equal`` labels.

    A label that neither alert has counts as equal.
    """

    source: str
    targets: frozenset[str]
    equal: tuple[str, ...] = SHARED_LABELS


class Explanations:
    """Finds the firing alerts that explain others.

    They are indexed by rule and labels, so that the cost grows with the number of alerts, not its square.
    """

    def __init__(self, alerts: Iterable[Alert], inhibitions: Iterable[Inhibition]) -> None:
        self._by_target: dict[str, list[Inhibition]] = {}
        self._sources: dict[tuple[str, ...], list[str]] = {}
        by_source = {inhibition.source: inhibition for inhibition in inhibitions}
        for inhibition in by_source.values():
            for target in inhibition.targets - {inhibition.source}:
                self._by_target.setdefault(target, []).append(inhibition)
        for alert in alerts:
            if alert.alert_type in by_source and _explains(alert):
                key = _shared(by_source[alert.alert_type], alert.labels)
                self._sources.setdefault(key, []).append(alert.id)

    def of(self, alert: Alert) -> list[str]:
        """Return the ids of firing alerts that explain an alert, ten at most."""
        explaining = (
            other
            for inhibition in self._by_target.get(alert.alert_type, ())
            for other in self._sources.get(_shared(inhibition, alert.labels), ())
        )
        return list(islice(explaining, MOST_NAMED))


def _explains(source: Alert) -> bool:
    return source.state == AlertState.FIRING and source.severity == Severity.CRITICAL


def _shared(inhibition: Inhibition, labels: Mapping[str, str]) -> tuple[str, ...]:
    return (inhibition.source, *(labels.get(label, "") for label in inhibition.equal))


def mute(
    changes: Sequence[Change],
    known: Mapping[str, AlertRecord],
    rules: Sequence[AlertRule],
    silences: Sequence[Silence],
    now: datetime,
) -> list[Change]:
    """Return a check's changes with what mutes each alert: silences, and worse alerts that explain it.

    Alerts evaluated in this check count as they are after their change; the others as they were ``known``.
    Muting never changes an alert's state: it fires all the same, and only its notifications are held back.
    Rules that inhibit each other mute nothing of each other.
    """
    after = {name: record for name, record in known.items() if record.alert.state == AlertState.FIRING}
    after |= {change.alert_id: change.after for change in changes if change.after}
    circles = in_circles(rules)
    explanations = Explanations(
        [record.alert for record in after.values()],
        [_inhibition(rule, circles) for rule in rules if rule.inhibits],
    )

    def muted(record: AlertRecord) -> AlertRecord:
        found = {
            "silenced_by": silenced_by(record.alert, silences, now),
            "inhibited_by": explanations.of(record.alert),
        }
        if not any(found.values()) and not record.alert.muted:
            return record
        last_muted_at = now if any(found.values()) else record.last_muted_at
        return replace(record, alert=record.alert.model_copy(update=found), last_muted_at=last_muted_at)

    return [
        replace(change, after=muted(change.after))
        if change.after and change.after.alert.state != AlertState.RESOLVED
        else change
        for change in changes
    ]


def _inhibition(rule: AlertRule, circles: Collection[tuple[str, str]]) -> Inhibition:
    equal = SHARED_LABELS if rule.inhibits_equal is None else rule.inhibits_equal
    targets = frozenset(other for other in rule.inhibits if (rule.id, other) not in circles)
    return Inhibition(rule.id, targets, equal)
