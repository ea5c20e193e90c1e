"""Load the calls that rules look at, each period once, and evaluate the rules over them."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.aggregation.rollups.call_frames import load_calls
from core.aggregation.service_requests import Requests, load_requests
from core.alerting.evaluation import standouts
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.compliance_rules import Violations, evaluate_violations, load_violations
from core.alerting.evaluation.findings import Evaluation, Labels, Verdict
from core.alerting.evaluation.past_weeks import Past, first_call, load_past
from core.alerting.evaluation.seasonal import Comparison, Windows, past_periods, recent_period
from core.alerting.evaluation.service_rules import evaluate_requests
from core.alerting.evaluation.thresholds import RuleWindow, evaluate_all, window
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.collections import CALLS
from core.storage.restrictions import hidden_leads
from core.storage.server.connection import blocking
from core.types import Document, Period


class Evaluator:
    """The calls as of one moment; rules with the same window share one query."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime) -> None:
        self._database = database
        self._at = at
        self._zone = get_settings().tz
        self._loaded: dict[RuleWindow, CallColumns] = {}
        self._loaded_requests: dict[RuleWindow, Requests] = {}
        self._loaded_violations: dict[RuleWindow, Violations] = {}

    async def evaluate(self, rule: AlertRule, known: Collection[Labels] = ()) -> list[Evaluation]:
        """Judge every instance of a rule, including those ``known`` from before."""
        period = window(rule, self._at, self._zone)
        if rule.measure.of_requests:
            requests = await self._requests(period)
            return evaluate_requests(rule, requests, period.start, period.end, known)
        if rule.measure.of_compliance:
            violations = await self._violations(period)
            return evaluate_violations(rule, violations, period.start, period.end, known)
        if rule.baseline == "none":
            calls = await self._calls(period)
            found = evaluate_all(rule, calls, period.start, period.end, known)
            return [await self._located(evaluation, calls) for evaluation in found]
        return await self._compare(rule, known)

    async def _located(self, evaluation: Evaluation, calls: CallColumns) -> Evaluation:
        """Return a breach with what its bad calls have in common, and a few of them."""
        if evaluation.verdict != Verdict.BREACH:
            return evaluation
        for label, value in evaluation.labels.items():
            calls = calls.at(calls.is_(label, value))
        if (picked := standouts.bad_calls(evaluation, calls)) is None:
            return evaluation
        ids = standouts.newest(calls, *picked)
        fields = {"errors.type": 1, "error_types": 1, "lead_id": 1}
        rows = await self._database[CALLS].find({"_id": {"$in": ids}}, fields).to_list()
        hidden = set(await asyncio.to_thread(hidden_leads, blocking(self._database)))
        unseen = {row["_id"] for row in rows if row.get("lead_id") in hidden}
        ids = [one for one in ids if one not in unseen]
        kinds = standouts.kinds(row.get("errors") or row.get("error_types") or () for row in rows)
        links = [f"{get_settings().dashboard_url}/calls?{urlencode({'call_id': one})}" for one in ids]
        found = standouts.standouts(evaluation.rule, calls, *picked)
        return replace(evaluation, notes={**evaluation.notes, **dict(standouts.facts(found, kinds, links))})

    async def _compare(self, rule: AlertRule, known: Collection[Labels]) -> list[Evaluation]:
        recent = Windows(rule, await self._calls(RuleWindow(*recent_period(rule, self._at), "end_time")))
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
        if period not in self._loaded:
            self._loaded[period] = await asyncio.to_thread(_calls, blocking(self._database), period)
        return self._loaded[period]


def _calls(database: Database[Document], period: RuleWindow) -> CallColumns:
    return CallColumns.of(load_calls(database, period.start, period.end, by=period.by))


def _past(
    database: Database[Document], rule: AlertRule, periods: Sequence[Period]
) -> tuple[Past, datetime | None]:
    return load_past(database, rule, periods), first_call(database)
