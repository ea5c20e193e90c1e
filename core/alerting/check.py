"""One check of every rule: evaluate, move the alerts on, say what each channel is to be told."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure

from core.alerting.channels.base import Channel
from core.alerting.channels.message import notification_message
from core.alerting.evaluation.evaluator import Reader
from core.alerting.evaluation.thresholds import Evaluation, Verdict
from core.alerting.notify.dedup import Confirmed, Member, next_message
from core.alerting.notify.muting import Inhibition, inhibited_by, silenced_by
from core.alerting.notify.notification_log import GROUP, Routes, load_confirmed, notification
from core.alerting.notify.sender import dispatch
from core.alerting.notify.silences import current_silences
from core.alerting.state.alert_store import AlertStore
from core.alerting.state.lifecycle import Change, Record, advance, resolve, rule_fingerprint
from core.alerting.state.rule_errors import Health
from core.alerting.wording import moment, sentence
from core.errors import UserError
from core.logging_config import get_logger
from core.models.alerts import Alert, AlertState, Notification
from core.models.rules import AlertRule
from core.models.silences import Silence
from core.storage.server.connection import Document

_logger = get_logger("alerting")
_WORDS = {Verdict.BREACH: "FIRES", Verdict.OK: "ok", Verdict.TOO_FEW: "silent"}


@dataclass(frozen=True)
class RuleResult:
    """What a check found for one rule: an evaluation for each instance, or why there is none."""

    rule: AlertRule
    evaluations: Sequence[Evaluation] = ()
    error: str | None = None

    @property
    def fires(self) -> bool:
        """Whether a threshold is exceeded."""
        return any(evaluation.verdict == Verdict.BREACH for evaluation in self.evaluations)

    @property
    def lines(self) -> Iterator[str]:
        """The findings, one line each."""
        if self.error is not None:
            yield f"ERROR   {self.rule.name}: {self.error}"
        for evaluation in self.evaluations:
            yield f"{_WORDS[evaluation.verdict]:<8}{sentence(evaluation)}"

    @property
    def line(self) -> str:
        """The first finding in one line."""
        return next(self.lines, f"silent  {self.rule.name}: no calls")


@dataclass(frozen=True)
class Sending:
    """One message to one channel; ``delivered`` is None in a dry run."""

    notification: Notification
    delivered: bool | None

    @property
    def channel(self) -> str:
        """Where it goes."""
        return self.notification.channel

    @property
    def line(self) -> str:
        """The sending in one line."""
        outcome = {None: "would be sent", True: "sent", False: "NOT SENT"}[self.delivered]
        return f"{outcome} to {self.channel}: {notification_message(self.notification).title}"


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
        """The rules whose threshold is exceeded."""
        return [result for result in self.results if result.fires]

    @property
    def resolved(self) -> list[Alert]:
        """The alerts that ended in this check."""
        return [change.after.alert for change in self.changes if change.after and "resolved" in change.events]

    @property
    def errors(self) -> list[str]:
        """The rules that could not be used or evaluated, and why."""
        return [
            *self.refused,
            *(f"{result.rule.id}: {result.error}" for result in self.results if result.error),
        ]

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        yield f"Alert check as of {moment(self.at)}{' (dry run: nothing is sent or stored)' * self.dry_run}"
        yield from (f"REFUSED {reason}" for reason in self.refused)
        for result in self.results:
            yield from list(result.lines) or [result.line]
        yield from self._states()
        yield from (sending.line for sending in self.sendings)
        if self.firing and not self.channels:
            yield "no channel is set up: set SMTP_SERVER or SLACK_WEBHOOK_URL to be told"
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
            elif alert.silenced_by or alert.inhibited_by:
                yield f"{'silenced' if alert.silenced_by else 'inhibited'}: {alert.message}"


async def check_alerts(
    database: AsyncDatabase[Document],
    at: datetime,
    *,
    rules: Sequence[AlertRule],
    channels: Mapping[str, Channel],
    dry_run: bool = False,
    refused: Sequence[str] = (),
) -> CheckReport:
    """Check the rules as of ``at`` (UTC) and send what is due.

    One rule that cannot be evaluated does not stop the others.

    Raises:
        PyMongoError: the store is away.
    """
    check = _Check(database, at, dry_run=dry_run)
    report = check.report
    report.channels, report.refused = tuple(channels), tuple(refused)
    report.notes += _unknown_channels(rules, channels)
    alerts = await check.move_on(rules)
    routes: Routes = {name: channel.severities for name, channel in channels.items()}
    confirmed = await load_confirmed(database, GROUP)
    due = list(messages(alerts, check.bad, {rule.id: rule for rule in rules}, routes, confirmed, at))
    if dry_run:
        report.sendings = [Sending(message, None) for message in due]
        return report
    delivered = await dispatch(database, due, channels)
    report.sendings = [Sending(*pair) for pair in zip(due, delivered, strict=True) if pair[1] is not None]
    return report


class _Check:
    def __init__(self, database: AsyncDatabase[Document], at: datetime, *, dry_run: bool) -> None:
        self._database = database
        self._store = AlertStore(database)
        self._at = at
        self._dry_run = dry_run
        self.bad: set[str] = set()
        """The alerts that were seen bad just now: only they are repeated."""
        self.report = CheckReport(at, dry_run)

    async def move_on(self, rules: Sequence[AlertRule]) -> dict[str, Record]:
        """Evaluate every rule, move its alerts on and write that down; all alerts as they stand then."""
        known = await self._store.load()
        reader = Reader(self._database, self._at)
        health = await Health.load(self._database, self._at)
        changes = []
        for rule in rules:
            result = await self._evaluate(rule, reader, known)
            self.report.results.append(result)
            evaluations = [*result.evaluations, health.follow(rule, result.error)]
            changes += [self._advance(known, evaluation) for evaluation in evaluations]
        changes += self._removed(known, {rule.id: rule for rule in rules})
        changes = self._muted(changes, known, rules, await current_silences(self._database, self._at))
        self.report.changes = changes
        after = known | {_id(change): change.after for change in changes}
        if not self._dry_run:
            after |= await self._store.save(changes, self._at)
            await health.save()
            await self._store.expire(self._at)
        return {name: record for name, record in after.items() if record is not None}

    async def _evaluate(self, rule: AlertRule, reader: Reader, known: Mapping[str, Record]) -> RuleResult:
        labels = [
            record.alert.labels
            for record in known.values()
            if record.alert.alert_type == rule.id and record.holds and rule.covers(record.alert.labels)
        ]
        try:
            return RuleResult(rule, await reader.evaluate(rule, labels))
        except ConnectionFailure:
            raise
        except Exception as error:
            _logger.exception("Alert rule cannot be evaluated", extra={"rule": rule.id})
            reason = str(error) if isinstance(error, UserError) else type(error).__name__
            return RuleResult(rule, error=reason)

    def _advance(self, known: Mapping[str, Record], evaluation: Evaluation) -> Change:
        name = rule_fingerprint(evaluation.rule, evaluation.labels)
        before = known.get(name)
        if before is not None and before.alert.updated_at > self._at:
            later = f"{before.alert.name}: its alert is as of {moment(before.alert.updated_at)}, later"
            self.report.notes.append(f"{later}; it is left alone")
            return Change(before, before)
        if any(breach.uncleared for breach in evaluation.breaches.values()):
            self.bad.add(name)
        return advance(before, evaluation, self._at)

    def _removed(self, known: Mapping[str, Record], rules: Mapping[str, AlertRule]) -> list[Change]:
        """End the alerts whose rule is no longer checked, or looks at other labels now."""
        gone = [
            record
            for record in known.values()
            if record.holds and not _belongs(record.alert, rules) and record.alert.updated_at <= self._at
        ]
        return [
            resolve(record, self._at, reason=_gone(record.alert, rules))
            if record.alert.state == AlertState.FIRING
            else Change(record, None, ("cancelled",))
            for record in gone
        ]

    def _muted(
        self,
        changes: Sequence[Change],
        known: Mapping[str, Record],
        rules: Iterable[AlertRule],
        silences: Sequence[Silence],
    ) -> list[Change]:
        """The same changes, with what mutes each alert."""
        after = {name: record for name, record in known.items() if record.alert.state == AlertState.FIRING}
        after |= {_id(change): change.after for change in changes if change.after}
        inhibitions = [Inhibition(rule.id, frozenset(rule.inhibits)) for rule in rules if rule.inhibits]
        sources = {inhibition.source for inhibition in inhibitions}
        alerts = [record.alert for record in after.values() if record.alert.alert_type in sources]
        return [
            replace(change, after=self._mute(change.after, alerts, inhibitions, silences))
            if change.after and change.after.alert.state != AlertState.RESOLVED
            else change
            for change in changes
        ]

    def _mute(
        self,
        record: Record,
        alerts: Sequence[Alert],
        inhibitions: Sequence[Inhibition],
        silences: Sequence[Silence],
    ) -> Record:
        alert = record.alert
        found = {
            "silenced_by": silenced_by(alert, silences, self._at),
            "inhibited_by": inhibited_by(alert, alerts, inhibitions),
        }
        muted_at = self._at if any(found.values()) else record.last_muted_at
        return replace(record, alert=alert.model_copy(update=found), last_muted_at=muted_at)


def _unknown_channels(rules: Sequence[AlertRule], channels: Collection[str]) -> Iterator[str]:
    for rule in rules:
        if unknown := sorted(set(rule.channels) - set(channels)):
            yield f"rule {rule.id!r} names the channel {unknown[0]!r}, which is not set up"


def _id(change: Change) -> str:
    record = change.after or change.before
    return record.alert.id if record else ""


def _belongs(alert: Alert, rules: Mapping[str, AlertRule]) -> bool:
    rule = rules.get(_rule_of(alert))
    return rule is not None and (alert.alert_type != rule.id or rule.covers(alert.labels))


def _gone(alert: Alert, rules: Mapping[str, AlertRule]) -> str:
    return f"{alert.name}: the rule was {'changed' if _rule_of(alert) in rules else 'removed'}"


def _rule_of(alert: Alert) -> str:
    return alert.labels.get("rule", alert.alert_type)


def messages(
    records: Mapping[str, Record],
    bad: Collection[str],
    rules: Mapping[str, AlertRule],
    routes: Routes,
    confirmed: Mapping[str, Confirmed],
    at: datetime,
) -> Iterator[Notification]:
    """What each channel is to be told about the alerts as they stand."""
    alerts = {name: record.alert for name, record in records.items()}
    for channel in routes:
        told = confirmed.get(channel)
        members = [
            _member(record, record.alert.id in bad, at)
            for record in records.values()
            if _goes_to(record.alert, channel, rules, routes, told) and record.alert.updated_at <= at
        ]
        decision = next_message(told, members, at)
        if decision is not None:
            yield notification(decision, channel, alerts, told, at)


def _goes_to(
    alert: Alert, channel: str, rules: Mapping[str, AlertRule], routes: Routes, told: Confirmed | None
) -> bool:
    """Whether a channel hears of an alert; one that was told that it fires hears of its end."""
    if told is not None and told.knows(alert.id):
        return True
    rule, taken = rules.get(_rule_of(alert)), routes[channel]
    chosen = rule is None or not rule.channels or channel in rule.channels
    return chosen and (taken is None or alert.severity in taken)


def _member(record: Record, bad: bool, at: datetime) -> Member:
    alert, flapping_since = record.alert, record.flap.since
    held = alert.acknowledged is not None and at < alert.acknowledged.until
    return Member(
        alert.id,
        alert.state == AlertState.FIRING,
        alert.severity,
        muted=bool(alert.silenced_by or alert.inhibited_by) and alert.state == AlertState.FIRING,
        last_muted_at=record.last_muted_at,
        flapping_since=flapping_since,
        remind=bad and not held and flapping_since is None,
    )
