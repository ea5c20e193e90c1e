"""What one check of every rule found and did, and the lines that describe it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.alerting.channels.message import notification_message
from core.alerting.evaluation.findings import Evaluation, Verdict
from core.alerting.notify.sender import Delivery
from core.alerting.state.lifecycle import Change
from core.alerting.wording import moment, sentence
from core.models.alerts import Alert, AlertState, Notification
from core.models.rules import AlertRule

_WORDS = {Verdict.BREACH: "FIRES", Verdict.OK: "ok", Verdict.TOO_FEW: "silent"}
_OUTCOMES = {
    None: "would be sent",
    Delivery.SENT: "sent",
    Delivery.FAILED: "NOT SENT",
    Delivery.WAITS: "waits to be sent",
    Delivery.ELSEWHERE: "being sent by another process",
}


@dataclass(frozen=True)
class RuleResult:
    """What a check found for one rule: an evaluation for each instance, or why there is none."""

    rule: AlertRule
    evaluations: Sequence[Evaluation] = ()
    error: str | None = None

    @property
    def fires(self) -> bool:
        """Return whether a threshold is exceeded."""
        return any(evaluation.verdict == Verdict.BREACH for evaluation in self.evaluations)

    @property
    def lines(self) -> Iterator[str]:
        """Return the findings, one line each."""
        if self.error is not None:
            yield f"ERROR   {self.rule.name}: {self.error}"
        for evaluation in self.evaluations:
            yield f"{_WORDS[evaluation.verdict]:<8}{sentence(evaluation)}"

    @property
    def line(self) -> str:
        """Return the first finding in one line."""
        return next(self.lines, f"silent  {self.rule.name}: no calls")


@dataclass(frozen=True)
class Sending:
    """One message to one channel; ``delivered`` is None in a dry run."""

    notification: Notification
    delivered: Delivery | None

    @property
    def channel(self) -> str:
        """Return where it goes."""
        return self.notification.channel

    @property
    def line(self) -> str:
        """Return it in one line."""
        return (
            f"{_OUTCOMES[self.delivered]} to {self.channel}: {notification_message(self.notification).title}"
        )


@dataclass
class CheckReport:
    """What one check found and did."""

    at: datetime
    dry_run: bool
    channels: tuple[str, ...] = ()
    results: list[RuleResult] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def firing(self) -> list[RuleResult]:
        """Return the rules whose threshold is exceeded."""
        return [result for result in self.results if result.fires]

    @property
    def resolved(self) -> list[Alert]:
        """Return the alerts that ended in this check."""
        return [change.after.alert for change in self.changes if change.after and "resolved" in change.events]

    @property
    def errors(self) -> list[str]:
        """Return the rules that could not be used or evaluated, and why."""
        return [
            *self.refused,
            *(f"{result.rule.id}: {result.error}" for result in self.results if result.error),
        ]

    def lines(self) -> Iterator[str]:
        """Return the report as people read it."""
        yield f"Alert check as of {moment(self.at)}{' (dry run: nothing is sent or stored)' * self.dry_run}"
        yield from (f"REFUSED {reason}" for reason in self.refused)
        for result in self.results:
            yield from list(result.lines) or [result.line]
        yield from self._states()
        yield from (sending.line for sending in self.sendings)
        if self.firing and not self.channels:
            yield "no channel is set up: set SMTP_SERVER or SLACK_WEBHOOK_URL to be notified"
        yield from self.notes

    def _states(self) -> Iterator[str]:
        for change in self.changes:
            alert = change.after.alert if change.after else None
            if alert is None:
                continue
            if "resolved" in change.events:
                yield f"resolved: {alert.name}"
            elif alert.state == AlertState.PENDING:
                yield f"pending since {moment(alert.started_at)}: {alert.message}"
            elif alert.state == AlertState.FIRING and alert.muted:
                yield f"{'silenced' if alert.silenced_by else 'inhibited'}: {alert.message}"
