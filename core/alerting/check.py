"""One check of every rule: evaluate, move the alerts on, send what is due."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure

from core.aggregation.calls import CallFilters, load_calls_async
from core.alerting.delivery import Channel
from core.alerting.evaluate import Evaluation, Verdict, Window, evaluate, window
from core.alerting.message import alert_message, facts_of, moment, sentence, shown, unit
from core.alerting.state import AlertStore, due, fingerprint, to_alert
from core.errors import UserError
from core.logging_config import get_logger
from core.models.alerts import Alert, AlertRule, AlertState
from core.settings import get_settings
from core.storage.connection import Document

_logger = get_logger("alerting")
_Loaded = dict[tuple[Window, CallFilters], pd.DataFrame]


@dataclass(frozen=True)
class RuleResult:
    """What a check found for one rule."""

    rule: AlertRule
    evaluation: Evaluation | None = None
    error: str | None = None

    @property
    def fires(self) -> bool:
        """Whether the threshold is exceeded."""
        return self.evaluation is not None and self.evaluation.verdict == Verdict.BREACH

    @property
    def line(self) -> str:
        """The finding in one line."""
        if self.evaluation is None:
            return f"ERROR   {self.rule.name}: {self.error}"
        word = {Verdict.BREACH: "FIRES", Verdict.OK: "ok", Verdict.TOO_FEW: "silent"}[self.evaluation.verdict]
        return f"{word:<8}{sentence(self.evaluation)}"


@dataclass(frozen=True)
class Sending:
    """One message to one channel; ``delivered`` is None in a dry run."""

    alert: Alert
    channel: str
    delivered: bool | None

    @property
    def line(self) -> str:
        """The sending in one line."""
        outcome = {None: "would be sent", True: "sent", False: "NOT SENT"}[self.delivered]
        return f"{outcome} to {self.channel}: {alert_message(self.alert).title}"


@dataclass
class CheckReport:
    """What one check found and did."""

    at: datetime
    dry_run: bool
    channels: tuple[str, ...] = ()
    results: list[RuleResult] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def firing(self) -> list[RuleResult]:
        """The rules whose threshold is exceeded."""
        return [result for result in self.results if result.fires]

    @property
    def errors(self) -> list[str]:
        """The rules that could not be evaluated, and why."""
        return [f"{result.rule.id}: {result.error}" for result in self.results if result.error]

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        yield f"Alert check as of {moment(self.at)}{' (dry run: nothing is sent or stored)' * self.dry_run}"
        yield from (result.line for result in self.results)
        yield from (f"resolved: {alert.name}" for alert in self.resolved)
        yield from (sending.line for sending in self.sendings)
        if self.firing and not self.channels:
            yield "no channel is set up: set SMTP_SERVER or SLACK_WEBHOOK_URL to be told"
        yield from self.notes


async def check_alerts(
    database: AsyncDatabase[Document],
    at: datetime,
    *,
    rules: tuple[AlertRule, ...],
    channels: Mapping[str, Channel],
    dry_run: bool = False,
) -> CheckReport:
    """Check the rules as of ``at`` (UTC) and send what is due.

    One rule that cannot be evaluated does not stop the others.

    Raises:
        PyMongoError: the store is away.
    """
    check = _Check(database, at, channels, dry_run=dry_run)
    return await check.run(rules)


class _Check:
    def __init__(
        self,
        database: AsyncDatabase[Document],
        at: datetime,
        channels: Mapping[str, Channel],
        *,
        dry_run: bool,
    ) -> None:
        self._database = database
        self._store = AlertStore(database)
        self._channels = channels
        self._loaded: _Loaded = {}
        self._known: dict[str, Document] = {}
        self._report = CheckReport(at, dry_run, tuple(channels))

    async def run(self, rules: tuple[AlertRule, ...]) -> CheckReport:
        self._known = await self._store.rule_alerts()
        breaching: set[str] = set()
        for rule in rules:
            result = await self._evaluate(rule)
            self._report.results.append(result)
            if result.evaluation is not None:
                await self._move_on(result.evaluation)
            if result.fires:
                breaching.add(rule_fingerprint(rule))
        await self._resolve_removed({rule_fingerprint(rule) for rule in rules})
        if not self._report.dry_run:
            await self._store.expire(self._report.at)
        for document in self._known.values():
            await self._notify(document, breach=document["_id"] in breaching)
        return self._report

    async def _evaluate(self, rule: AlertRule) -> RuleResult:
        try:
            period = window(rule, self._report.at, get_settings().tz)
            filters = CallFilters(
                rule.direction, rule.language and rule.language.strip().lower(), rule.status
            )
            if (period, filters) not in self._loaded:
                self._loaded[period, filters] = await load_calls_async(
                    self._database, period.start, period.end, by=period.by, filters=filters
                )
            calls = self._loaded[period, filters]
            return RuleResult(rule, evaluate(rule, calls, period.start, period.end))
        except ConnectionFailure:
            raise
        except Exception as error:
            _logger.exception("Alert rule cannot be evaluated", extra={"rule": rule.id})
            reason = str(error) if isinstance(error, UserError) else type(error).__name__
            return RuleResult(rule, error=reason)

    async def _move_on(self, evaluation: Evaluation) -> None:
        """Let the rule's alert begin, go on or end; too few calls change nothing."""
        alert = _alert(evaluation, self._report.at)
        known = self._known.get(alert.id)
        if known is not None and known["updated_at"] > self._report.at:
            text = f"{alert.name}: its alert is as of {moment(known['updated_at'])}, later; it is left alone"
            self._report.notes.append(text)
        elif evaluation.verdict == Verdict.BREACH:
            await self._fire(alert, known)
        elif evaluation.verdict == Verdict.OK and known is not None and known["state"] == AlertState.FIRING:
            figures = alert.model_dump(include={"current_value", "message", "samples", "metadata"})
            await self._resolve(known, figures)

    async def _fire(self, alert: Alert, known: Document | None) -> None:
        if not self._report.dry_run:
            self._known[alert.id] = await self._store.fire(alert)
            return
        goes_on = known is not None and known["state"] == AlertState.FIRING
        before = known if known is not None and goes_on else {"notified": {}, "started_at": alert.started_at}
        kept = {"notified": before["notified"], "started_at": before["started_at"]}
        self._known[alert.id] = alert.model_dump() | kept | {"_id": alert.id}

    async def _resolve(self, known: Document, figures: Document) -> None:
        at = self._report.at
        if self._report.dry_run:
            ended: Document = {"state": AlertState.RESOLVED, "resolved_at": at, "updated_at": at}
            resolved: Document | None = known | figures | ended
        else:
            resolved = await self._store.resolve(known["_id"], at, figures)
        if resolved is not None:
            self._known[known["_id"]] = resolved
            self._report.resolved.append(to_alert(resolved))

    async def _resolve_removed(self, fingerprints: set[str]) -> None:
        """End the alerts whose rule is no longer there."""
        for key, document in list(self._known.items()):
            fires = document["state"] == AlertState.FIRING and document["updated_at"] <= self._report.at
            if fires and key not in fingerprints:
                await self._resolve(document, {"message": f"{document['name']}: the rule was removed"})

    async def _notify(self, document: Document, *, breach: bool) -> None:
        at, alert = self._report.at, to_alert(document)
        for name, channel in self._channels.items():
            if not due(document, name, at, breach=breach):
                continue
            if self._report.dry_run:
                self._report.sendings.append(Sending(alert, name, None))
            elif await self._store.claim(document, name):
                delivery = await channel.send(alert_message(alert))
                await self._store.settle(document, name, at, delivered=delivery.reached)
                self._report.sendings.append(Sending(alert, name, delivery.reached))


def rule_fingerprint(rule: AlertRule) -> str:
    """Identity of a rule's alert."""
    labels = {"direction": rule.direction, "language": rule.language, "status": rule.status}
    return fingerprint("rule", rule.id, {key: value for key, value in labels.items() if value})


def _alert(evaluation: Evaluation, at: datetime) -> Alert:
    rule, measured = evaluation.rule, evaluation.measured
    return Alert(
        id=rule_fingerprint(rule),
        alert_type=rule.id,
        name=rule.name,
        severity=rule.severity,
        state=AlertState.FIRING,
        message=sentence(evaluation),
        current_value=None if measured is None else shown(rule, measured.value),
        threshold_value=shown(rule, rule.threshold),
        unit=unit(rule),
        samples=evaluation.samples,
        started_at=at,
        updated_at=at,
        metadata=dict(facts_of(evaluation)),
    )
