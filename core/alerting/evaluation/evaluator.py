"""Load the calls that rules look at, each once, and evaluate the rules over them."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.aggregation.rollups.call_frames import TimeField, load_calls
from core.aggregation.service_requests import Requests, load_requests
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.causes import with_causes
from core.alerting.evaluation.compliance_rules import Violations, evaluate_violations, load_violations
from core.alerting.evaluation.findings import Evaluation, Labels
from core.alerting.evaluation.measures import fields_of
from core.alerting.evaluation.past_weeks import Past, first_call, load_past
from core.alerting.evaluation.seasonal import Comparison, Windows, past_periods, recent_period
from core.alerting.evaluation.service_rules import evaluate_requests
from core.alerting.evaluation.thresholds import RuleWindow, evaluate_all, window
from core.models.rules import LABELS, AlertRule
from core.settings import get_settings
from core.storage.server.connection import blocking
from core.types import Document, Period

_Until = tuple[datetime, TimeField]


class _Wanted(NamedTuple):
    """What is loaded: the calls since then, with these fields."""

    since: datetime
    fields: frozenset[str]


class Evaluator:
    """The calls as of one moment: what ends at the same time is loaded once, for all rules together."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime, rules: Sequence[AlertRule]) -> None:
        self._database = database
        self._at = at
        self._zone = get_settings().tz
        self._wanted = _wanted(rules, at, self._zone)
        self._loaded: dict[_Until, CallColumns] = {}
        self._loaded_requests: dict[RuleWindow, Requests] = {}
        self._loaded_violations: dict[RuleWindow, Violations] = {}

    async def evaluate(self, rule: AlertRule, known: Collection[Labels] = ()) -> list[Evaluation]:
        """Judge every instance of one of the rules, including those ``known`` from before."""
        period = _period(rule, self._at, self._zone)
        if rule.measure.of_requests:
            requests = await self._requests(period)
            return evaluate_requests(rule, requests, period.start, period.end, known)
        if rule.measure.of_compliance:
            violations = await self._violations(period)
            return evaluate_violations(rule, violations, period.start, period.end, known)
        calls = await self._calls(period)
        if rule.baseline == "none":
            found = evaluate_all(rule, calls, period.start, period.end, known)
            return await with_causes(self._database, rule, found, calls)
        return await self._compare(rule, calls, known)

    async def _compare(
        self, rule: AlertRule, calls: CallColumns, known: Collection[Labels]
    ) -> list[Evaluation]:
        recent = Windows(rule, calls)
        periods = past_periods(rule, self._at, self._zone)
        past, since = await asyncio.to_thread(_past, blocking(self._database), rule, periods)
        return Comparison(rule, recent, past, self._zone, since).evaluate(self._at, known)

    async def _requests(self, period: RuleWindow) -> Requests:
        if period not in self._loaded_requests:
            self._loaded_requests[period] = await asyncio.to_thread(
                load_requests, blocking(self._database), period.start, period.end, self._zone
            )
        return self._loaded_requests[period]

    async def _violations(self, period: RuleWindow) -> Violations:
        if period not in self._loaded_violations:
            self._loaded_violations[period] = await asyncio.to_thread(
                load_violations, blocking(self._database), period.start, period.end, period.by
            )
        return self._loaded_violations[period]

    async def _calls(self, period: RuleWindow) -> CallColumns:
        until = period.end, period.by
        if until not in self._loaded:
            self._loaded[until] = await asyncio.to_thread(
                _calls, blocking(self._database), until, self._wanted[until]
            )
        return self._loaded[until].between(period.start, period.end, period.by)


def _wanted(rules: Iterable[AlertRule], at: datetime, zone: tzinfo) -> dict[_Until, _Wanted]:
    """Return what rules that look at calls need of those that end, or start, until the same moment."""
    found: dict[_Until, _Wanted] = {}
    for rule in rules:
        if rule.measure.of_requests or rule.measure.of_compliance:
            continue
        period = _period(rule, at, zone)
        until = period.end, period.by
        since, fields = found.get(until, _Wanted(period.start, frozenset(LABELS)))
        found[until] = _Wanted(min(since, period.start), fields | fields_of(rule))
    return found


def _period(rule: AlertRule, at: datetime, zone: tzinfo) -> RuleWindow:
    """Return which calls a rule looks at now."""
    if rule.baseline == "none":
        return window(rule, at, zone)
    return RuleWindow(*recent_period(rule, at), "end_time")


def _calls(database: Database[Document], until: _Until, wanted: _Wanted) -> CallColumns:
    end, by = until
    frame = load_calls(database, wanted.since, end, by=by, fields=wanted.fields)
    return CallColumns.of(frame).ordered(by)


def _past(
    database: Database[Document], rule: AlertRule, periods: Sequence[Period]
) -> tuple[Past, datetime | None]:
    return load_past(database, rule, periods), first_call(database)
