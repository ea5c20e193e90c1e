"""Who is notified next if nobody acknowledges an alert, and when. Pure functions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.alerting.rules.soundness import tells_everybody
from core.alerting.state.lifecycle import AlertRecord
from core.models.alerts import AlertState
from core.models.rules import AlertRule


@dataclass(frozen=True)
class Escalation:
    """The channels to notify if nobody acknowledges an alert in time; empty for no escalation."""

    to: frozenset[str] = frozenset()
    after: timedelta = timedelta(minutes=15)

    def of(self, rule: AlertRule | None) -> "Escalation":
        """Return the escalation for a rule: its own if it has one."""
        if rule is None:
            return self
        to = self.to if rule.escalate_to is None else frozenset(rule.escalate_to)
        minutes = rule.escalate_after_minutes
        return Escalation(to, self.after if minutes is None else timedelta(minutes=minutes))

    def first(self, rule: AlertRule | None, channels: Collection[str]) -> frozenset[str]:
        """Return the channels notified at once: those the rule names, except those it escalates to."""
        everybody = rule is None or tells_everybody(rule, channels)
        named = frozenset(channels if everybody or rule is None else rule.channels) & frozenset(channels)
        return (named - self.to) or named

    def then(self, channels: Collection[str]) -> frozenset[str]:
        """Return the channels notified after that; all of them if none of those is configured."""
        return self.to & frozenset(channels) or frozenset(channels if self.to else ())

    def is_due(self, record: AlertRecord, at: datetime) -> bool:
        """Return whether an alert fired long enough, at its present severity, without being acknowledged."""
        alert = record.alert
        if alert.state != AlertState.FIRING or alert.muted or alert.held(at):
            return False
        level = record.holds.get(alert.severity)
        since = level.fired_at if level is not None and level.fired_at is not None else alert.started_at
        if record.flap.worst_since is not None:  # each time that it fires again is no new beginning
            since = min(since, record.flap.worst_since)
        # Nobody was notified while it was muted, so nobody could have acknowledged it.
        return at - max(since, record.last_muted_at or since) >= self.after
