"""One check of every rule: evaluate, move the alerts on, say what each channel is to be told."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure

from core.alerting.channels.base import Channel
from core.alerting.evaluation.evaluator import Evaluator
from core.alerting.evaluation.thresholds import Evaluation
from core.alerting.notify.muting import mute
from core.alerting.notify.notification_log import GROUP, load_records
from core.alerting.notify.routing import Routes, route
from core.alerting.notify.sender import dispatch
from core.alerting.notify.silences import current_silences
from core.alerting.report import CheckReport, RuleResult, Sending
from core.alerting.state.alert_store import AlertStore
from core.alerting.state.lifecycle import AlertRecord, Change, advance, resolve, rule_fingerprint, rule_of
from core.alerting.state.rule_errors import RuleErrors
from core.alerting.wording import moment
from core.errors import UserError
from core.logging_config import get_logger
from core.models.alerts import Alert, AlertState
from core.models.rules import AlertRule
from core.types import Document

logger = get_logger("alerting")


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
    alerts = await check.advance_all(rules)
    routes: Routes = {name: channel.severities for name, channel in channels.items()}
    confirmed = await load_records(database, GROUP)
    due = list(route(alerts, check.bad, {rule.id: rule for rule in rules}, routes, confirmed, at))
    if dry_run:
        report.sendings = [Sending(message, None) for message in due]
        return report
    delivered = await dispatch(database, due, channels)
    report.sendings = [Sending(*pair) for pair in zip(due, delivered, strict=True) if pair[1] is not None]
    return report


class _Check:
    """One check as of one moment: what it loads, and what it found so far."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime, *, dry_run: bool) -> None:
        self._database = database
        self._store = AlertStore(database)
        self._at = at
        self._dry_run = dry_run
        self.bad: set[str] = set()
        """The alerts that were seen bad just now: only they are repeated."""
        self.report = CheckReport(at, dry_run)

    async def advance_all(self, rules: Sequence[AlertRule]) -> dict[str, AlertRecord]:
        """Evaluate every rule, move its alerts on and write that down; all alerts as they stand then."""
        known = await self._store.load()
        evaluator = Evaluator(self._database, self._at)
        rule_errors = await RuleErrors.load(self._database, self._at)
        changes = []
        for rule in rules:
            result = await self._evaluate(rule, evaluator, known)
            self.report.results.append(result)
            evaluations = [*result.evaluations, rule_errors.follow(rule, result.error)]
            changes += [self._advance(known, evaluation) for evaluation in evaluations]
        changes += self._removed(known, {rule.id: rule for rule in rules})
        silences = await current_silences(self._database, self._at)
        changes = mute(changes, known, rules, silences, self._at)
        self.report.changes = changes
        after = known | {change.alert_id: change.after for change in changes}
        if not self._dry_run:
            after |= await self._store.save(changes, self._at)
            await rule_errors.save()
            await self._store.expire(self._at)
        return {name: record for name, record in after.items() if record is not None}

    async def _evaluate(
        self, rule: AlertRule, evaluator: Evaluator, known: Mapping[str, AlertRecord]
    ) -> RuleResult:
        labels = [
            record.alert.labels
            for record in known.values()
            if record.alert.alert_type == rule.id and record.holds and rule.covers(record.alert.labels)
        ]
        try:
            return RuleResult(rule, await evaluator.evaluate(rule, labels))
        except ConnectionFailure:
            raise
        except Exception as error:
            logger.exception("Alert rule cannot be evaluated", extra={"rule": rule.id})
            reason = str(error) if isinstance(error, UserError) else type(error).__name__
            return RuleResult(rule, error=reason)

    def _advance(self, known: Mapping[str, AlertRecord], evaluation: Evaluation) -> Change:
        name = rule_fingerprint(evaluation.rule, evaluation.labels)
        before = known.get(name)
        if before is not None and before.alert.updated_at > self._at:
            later = f"{before.alert.name}: its alert is as of {moment(before.alert.updated_at)}, later"
            self.report.notes.append(f"{later}; it is left alone")
            return Change(before, before)
        if any(breach.uncleared for breach in evaluation.breaches.values()):
            self.bad.add(name)
        return advance(before, evaluation, self._at)

    def _removed(self, known: Mapping[str, AlertRecord], rules: Mapping[str, AlertRule]) -> list[Change]:
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


def _unknown_channels(rules: Sequence[AlertRule], channels: Collection[str]) -> Iterator[str]:
    for rule in rules:
        if unknown := sorted(set(rule.channels) - set(channels)):
            yield f"rule {rule.id!r} names the channel {unknown[0]!r}, which is not set up"


def _belongs(alert: Alert, rules: Mapping[str, AlertRule]) -> bool:
    rule = rules.get(rule_of(alert))
    return rule is not None and (alert.alert_type != rule.id or rule.covers(alert.labels))


def _gone(alert: Alert, rules: Mapping[str, AlertRule]) -> str:
    return f"{alert.name}: the rule was {'changed' if rule_of(alert) in rules else 'removed'}"
