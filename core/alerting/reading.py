"""Reads the calls that rules look at, each period once, and evaluates the rules over them."""

from collections.abc import Collection
from datetime import datetime

import pandas as pd
from pymongo.asynchronous.database import AsyncDatabase

from core.aggregation.calls import load_calls_async
from core.alerting.evaluate import Evaluation, Labels, Window, evaluate_all, window
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.connection import Document


class Reader:
    """The calls as of one moment; rules with the same window share one query."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime) -> None:
        self._database = database
        self._at = at
        self._loaded: dict[Window, pd.DataFrame] = {}

    async def evaluate(self, rule: AlertRule, known: Collection[Labels] = ()) -> list[Evaluation]:
        """Judge every instance of a rule, those ``known`` from before among them."""
        period = window(rule, self._at, get_settings().tz)
        return evaluate_all(rule, await self._calls(period), period.start, period.end, known)

    async def _calls(self, period: Window) -> pd.DataFrame:
        if period not in self._loaded:
            self._loaded[period] = await load_calls_async(
                self._database, period.start, period.end, by=period.by
            )
        return self._loaded[period]
