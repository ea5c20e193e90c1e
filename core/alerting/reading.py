"""Reads the calls that rules look at, each period once, and evaluates the rules over them."""

from collections.abc import Collection
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase

from core.aggregation.calls import load_calls_async, load_periods_async
from core.alerting.columns import Calls
from core.alerting.compare import Windows, evaluate_usual, periods_needed
from core.alerting.evaluate import Evaluation, Labels, Window, evaluate_all, window
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.connection import Document


class Reader:
    """The calls as of one moment; rules with the same window share one query."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime) -> None:
        self._database = database
        self._at = at
        self._zone = get_settings().tz
        self._loaded: dict[Window, Calls] = {}
        self._compared: dict[int, Calls] = {}

    async def evaluate(self, rule: AlertRule, known: Collection[Labels] = ()) -> list[Evaluation]:
        """Judge every instance of a rule, those ``known`` from before among them."""
        if rule.baseline == "none":
            period = window(rule, self._at, self._zone)
            return evaluate_all(rule, await self._calls(period), period.start, period.end, known)
        windows = Windows(rule, await self._compared_calls(rule))
        return evaluate_usual(rule, windows, self._at, self._zone, await self._since(), known)

    async def _calls(self, period: Window) -> Calls:
        if period not in self._loaded:
            frame = await load_calls_async(self._database, period.start, period.end, by=period.by)
            self._loaded[period] = Calls.of(frame)
        return self._loaded[period]

    async def _compared_calls(self, rule: AlertRule) -> Calls:
        length = rule.window_minutes
        if length not in self._compared:
            periods = periods_needed(rule, self._at, self._zone)
            self._compared[length] = Calls.of(await load_periods_async(self._database, periods))
        return self._compared[length]

    async def _since(self) -> datetime | None:
        """When the first call ended."""
        first = await self._database["calls"].find_one(
            {"end_time": {"$ne": None}}, {"end_time": 1}, sort=[("end_time", 1)]
        )
        return first["end_time"] if first else None
