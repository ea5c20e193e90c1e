"""One check of every rule: evaluate, move the alerts on, decide what each channel is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure

from core.alerting.channels.base import Channel
from core.alerting.evaluation.evaluator import Evaluator
from core.alerting.evaluation.findings import Evaluation
from core.alerting.evaluation.trend import with_trends
from core.alerting.installation import installation_name
from core.alerting.notify.acknowledged import tell_acknowledgements
from core.alerting.notify.custom_alerts import follow_silences, tell_ends
from core.alerting.notify.dedup import Manner
from core.alerting.notify.escalation import Escalation
from core.alerting.notify.muting import mute
from core.alerting.notify.notification_log import GROUP, bring_back, load_records, record_sent
from core.alerting.notify.routing import Policy, Routes, route
from core.alerting.notify.sender import Delivery, dispatch
from core.alerting.notify.silences import current_silences
from core.alerting.report import CheckReport, RuleResult, Sending
from core.alerting.rota import Duty, duty
from core.alerting.rules.soundness import circle_slips, missing_channels, slips, tells_everybody
from core.alerting.rules.toml_file import UNNAMED
from core.alerting.state.alert_store import AlertStore
from core.alerting.state.clock_faults import AHEAD, after_outage, brought_back, is_ahead, unattended
from core.alerting.state.lifecycle import AlertRecord, Change, advance, resolve, rule_fingerprint, rule_of
from core.alerting.state.rule_errors import RuleErrors
from core.alerting.wording import moment
from core.errors import UserError
from core.logging_config import get_logger
from core.models.alerts import Alert, AlertState
from core.models.rules import AlertRule
from core.settings import get_settings
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
    broken: Mapping[str, str] = MappingProxyType({}),
    present: bool = False,
) -> CheckReport:
    """Check the rules as of ``at`` (UTC) and send what is due; return what was found and done.

    A rule that cannot be evaluated does not stop the others. ``broken`` holds rules that were refused, by id,
    and why: their alerts stay as they are, or follow the earlier form that is among ``rules``. ``present``
    says that ``at`` is now, so that records dated later come from a wrong clock.

    Raises:
        PyMongoError: the database does not answer.
    """
    on_call = duty(get_settings(), at)
    rules = [on_call.rule(rule) for rule in rules]
    check = _Check(database, at, dry_run=dry_run, present=present, channels=channels, broken=broken)
    report = check.report
    report.channels, report.refused = tuple(channels), tuple(refused)
    routes: Routes = {name: channel.severities for name, channel in channels.items()}
    if channels:
        report.notes += [*(slip for rule in rules for slip in slips(rule, routes)), *circle_slips(rules)]
    alerts = await check.advance_all(rules)
    confirmed = await load_records(database, GROUP)
    policy = _policy(channels, await installation_name(database), on_call)
    found = list(route(alerts, check.bad, {rule.id: rule for rule in rules}, routes, confirmed, at, policy))
    due = [message for message in found if message.news]
    if dry_run:
        report.sendings = [Sending(message, None) for message in due]
        return report
    for message in found:
        if not message.news:
            await record_sent(database, message, message.at)
    held = await tell_acknowledgements(database, channels)
    due = await with_trends(database, due, {rule.id: rule for rule in rules})
    delivered = await dispatch(database, due, channels)
    own = await follow_silences(database, channels, on_call.off, at, present=present)
    tried = [*held, *zip(due, delivered, strict=True), *own, *await tell_ends(database, channels)]
    report.sendings = [Sending(*pair) for pair in tried if pair[1] != Delivery.ELSEWHERE]
    return report


def _policy(channels: Mapping[str, Channel], installation: str, on_call: Duty) -> Policy:
    settings = get_settings()
    after = timedelta(minutes=settings.alert_escalate_after_minutes)
    without_ends = frozenset(name for name, channel in channels.items() if not channel.ends)
    escalation = Escalation(frozenset(on_call.named(settings.alert_escalate_to)), after)
    return Policy(_manner(), without_ends, escalation, installation, on_call.off)


def _manner() -> Manner:
    settings = get_settings()
    return Manner(
        timedelta(minutes=settings.alert_repeat_minutes), timedelta(minutes=settings.alert_group_minutes)
    )


class _Check:
    """One check as of one moment: what it loads, and what it has found so far."""

    def __init__(
        self,
        database: AsyncDatabase[Document],
        at: datetime,
        *,
        dry_run: bool,
        present: bool,
        channels: Collection[str],
        broken: Mapping[str, str],
    ) -> None:
        self._database = database
        self._channels = channels
        self._broken = broken
        self._store = AlertStore(database)
        self._at = at
        self._dry_run = dry_run
        self._present = present
        self._gap = timedelta()
        self.bad: set[str] = set()
        """The alerts that this check found bad; only these are repeated."""
        self.report = CheckReport(at, dry_run)

    async def advance_all(self, rules: Sequence[AlertRule]) -> dict[str, AlertRecord]:
        """Evaluate every rule, move its alerts on and store that; return all alerts as they then stand."""
        known = await self._known()
        evaluator = Evaluator(self._database, self._at, rules)
        rule_errors = await RuleErrors.load(self._database, self._at)
        changes = []
        for rule in rules:
            result = await self._evaluate(rule, evaluator, known)
            self.report.results.append(result)
            error = rule_errors.follow(rule.id, rule.name, result.error or self._broken.get(rule.id))
            changes += [self._advance(known, evaluation) for evaluation in (*result.evaluations, error)]
        judged = {rule.id for rule in rules}
        refused = list(rule_errors.follow_refused(self._broken, judged))
        rule_errors.forget_gone(self._broken, judged)
        changes += [self._advance(known, evaluation) for evaluation in refused]
        followed = {evaluation.labels["rule"] for evaluation in refused}
        changes += self._removed(known, {rule.id: rule for rule in rules}, followed)
        silences = await current_silences(self._database, self._at)
        changes = mute(changes, known, rules, silences, self._at)
        self.report.changes = changes
        after = known | {change.alert_id: change.after for change in changes}
        if not self._dry_run:
            after |= await self._store.save(changes, self._at)
            await rule_errors.save()
            await self._store.checked(self._at, present=self._present)
            await self._store.expire(self._at)
        return {name: record for name, record in after.items() if record is not None}

    async def _known(self) -> dict[str, AlertRecord]:
        """Return the alerts as stored, with times from a clock that was ahead corrected for good."""
        interval = timedelta(seconds=get_settings().alert_check_interval_seconds)
        self._gap = unattended(await self._store.last_check(), self._at, interval)
        known = await self._store.load()
        ahead = [record for record in known.values() if self._present and is_ahead(record, self._at)]
        back = [Change(record, brought_back(record, self._at)) for record in ahead]
        if self._present and not self._dry_run:
            told = await bring_back(self._database, self._at, AHEAD, _manner().group_interval)
            if ahead or told:
                names = sorted({record.alert.name for record in ahead})
                extra = {"alerts": names, "notifications": told}
                logger.warning("Alerts were of a time that is yet to come: some clock was wrong", extra=extra)
            await self._store.save(back, self._at)
            return await self._store.load() if back else known
        return known | {change.alert_id: change.after for change in back if change.after}

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
        resumed = before
        if before is not None and self._gap:
            resumed = after_outage(before, evaluation.rule, self._gap, self._at)
        if any(breach.uncleared for breach in evaluation.breaches.values()):
            self.bad.add(name)
        missing = missing_channels(evaluation.rule, self._channels)
        if missing and self._channels and tells_everybody(evaluation.rule, self._channels):
            verb = "is" if len(missing) == 1 else "are"
            note = f"{', '.join(missing)} {verb} not set up, so every channel is told"
            evaluation = replace(evaluation, notes={**evaluation.notes, "Channel": note})
        # Against what is stored: what the gap alone has changed must be stored too.
        return replace(advance(resumed, evaluation, self._at), before=before)

    def _removed(
        self, known: Mapping[str, AlertRecord], rules: Mapping[str, AlertRule], followed: Collection[str]
    ) -> list[Change]:
        """End the alerts whose rule is no longer checked, or has different labels now.

        Alerts of a refused rule are kept: it is not known whether they have ended.
        """
        gone = [
            record
            for record in known.values()
            if record.holds
            and rule_of(record.alert) not in followed
            and not _belongs(record.alert, rules)
            and not (UNNAMED in self._broken and rule_of(record.alert) not in rules)
            and record.alert.updated_at <= self._at
        ]
        return [
            resolve(record, self._at, reason=_gone(record.alert, rules))
            if record.alert.state == AlertState.FIRING
            else Change(record, None, ("cancelled",))
            for record in gone
        ]


def _belongs(alert: Alert, rules: Mapping[str, AlertRule]) -> bool:
    rule = rules.get(rule_of(alert))
    return rule is not None and (alert.alert_type != rule.id or rule.covers(alert.labels))


def _gone(alert: Alert, rules: Mapping[str, AlertRule]) -> str:
    return f"{alert.name}: the rule was {'changed' if rule_of(alert) in rules else 'removed'}"
