"""The figures of local days, computed from their calls and kept in ``daily_metrics``."""

from datetime import date

import pandas as pd
from pymongo.database import Database

from core.aggregation.calls import CallFilters, load_calls
from core.aggregation.summary import summarise
from core.clock import days_of, period_of_days, utc_now
from core.models.metrics import DailyMetrics
from core.settings import get_settings
from core.storage.connection import Document


def summarise_days(calls: pd.DataFrame, start: date, end: date) -> list[DailyMetrics]:
    """The figures of every local day from ``start`` to ``end``, both included, days without calls too."""
    zone = get_settings().tz
    by_day = dict(list(calls.groupby(calls["start_time"].dt.tz_convert(zone).dt.date)))
    none = calls.iloc[:0]
    return [
        DailyMetrics(
            date=day, timezone=zone.key, computed_at=utc_now(), **dict(summarise(by_day.get(day, none)))
        )
        for day in days_of(start, end)
    ]


def daily_range(
    database: Database[Document], start: date, end: date, filters: CallFilters | None = None
) -> list[DailyMetrics]:
    """The same from the stored calls."""
    return summarise_days(load_calls(database, *period_of_days(start, end), filters=filters), start, end)


def daily_document(daily: DailyMetrics) -> Document:
    """A day as it is stored: one document for each day and time zone."""
    fields = daily.model_dump(mode="json", exclude={"computed_at"})
    return {"_id": f"{daily.timezone}:{daily.date}", **fields, "computed_at": daily.computed_at}
