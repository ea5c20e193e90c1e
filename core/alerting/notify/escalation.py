"""Who is told next where nobody acknowledges an alert, and when. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.alerting.rules.soundness import tells_everybody
from core.alerting.state.lifecycle import AlertRecord
from core.models.alerts import AlertState
from core.models.rules import AlertRule


@dataclass(frozen=True)
class Escalation:
    """The channels that are told of an alert that nobody has acknowledged for so long; none: nobody is."""

    to: frozenset[str] = frozenset()
    after: timedelta = timedelta(minutes=15)

    def of(self, rule: AlertRule | None) -> "Escalation":
        """The escalation of a rule: its own where it says one."""
        if rule is None:
            return self
        to = self.to if rule.escalate_to is None else frozenset(rule.escalate_to)
        minutes = rule.escalate_after_minutes
        return Escalation(to, self.after if minutes is None else timedelta(minutes=minutes))

    def first(self, rule: AlertRule | None, channels: Collection[str]) -> frozenset[str]:
        """The channels that hear of a rule's alert at once: those it names, but for whom it escalates to."""
        everybody = rule is None or tells_everybody(rule, channels)
        named = frozenset(channels if everybody or rule is None else rule.channels) & frozenset(channels)
        return (named - self.to) or named

    def then(self, channels: Collection[str]) -> frozenset[str]:
        """The channels that hear of it after that; all, where none of those is set up: better than none."""
        return self.to & frozenset(channels) or frozenset(channels if self.to else ())

    def is_due(self, record: AlertRecord, at: datetime) -> bool:
        """Whether an alert has fired for long enough, as bad as it is now, and nobody looks after it."""
        alert, held = record.alert, record.alert.acknowledged
        if alert.state != AlertState.FIRING or alert.muted or (held is not None and at < held.until):
            return False
        level = record.holds.get(alert.severity)
        since = level.fired_at if level is not None and level.fired_at is not None else alert.started_at
        # What was muted was told to nobody, who could not have acknowledged it.
        return at - max(since, record.last_muted_at or since) >= self.after
