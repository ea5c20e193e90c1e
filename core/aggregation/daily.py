"""Figures of local days, from the roll-ups; also stored in ``daily_metrics`` for tools that read MongoDB."""

from collections.abc import Sequence
from datetime import date, timedelta

from pymongo import ReplaceOne
from pymongo.database import Database

from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import summarise_days
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import WindowProgress, rebuild_rollups, refresh_rollups
from core.clock import day_bounds, days_of, period_of_days, utc_now
from core.models.metrics import DailyMetrics
from core.settings import get_settings
from core.storage.collections import DAILY_METRICS
from core.types import Document

_DAYS_AT_ONCE = 90


def daily_range(
    database: Database[Document], start: date, end: date, filters: CallFilters | None = None
) -> list[DailyMetrics]:
    """Return the figures of every local day from ``start`` to ``end``, both inclusive, even without calls."""
    cube = load_cube(database, *period_of_days(start, end), filters, campaigns=False)
    return daily_figures(cube, start, end)


def daily_figures(cube: Cube, start: date, end: date) -> list[DailyMetrics]:
    """Return the same from a cube of these days."""
    zone, now = get_settings().timezone, utc_now()
    return [
        DailyMetrics(date=day, timezone=zone, computed_at=now, **dict(summary))
        for day, summary in zip(days_of(start, end), summarise_days(cube, start, end), strict=True)
    ]


def refresh_days(database: Database[Document]) -> list[date]:
    """Bring roll-ups and ``daily_metrics`` up to date; return the days that changed."""
    days = refresh_rollups(database).days
    for first, last in _runs(days):
        _keep(database, daily_range(database, first, last))
    return days


def rebuild_days(
    database: Database[Document], start: date, end: date, progress: WindowProgress | None = None
) -> list[DailyMetrics]:
    """Recompute the days from ``start`` to ``end`` from their calls, and store them."""
    rebuild_rollups(database, *period_of_days(start, end), progress)
    days = daily_range(database, start, end)
    _keep(database, days)
    return days


def _keep(database: Database[Document], days: Sequence[DailyMetrics]) -> None:
    rows = [_document(day) for day in days]
    database[DAILY_METRICS].bulk_write([ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows])


def _document(daily: DailyMetrics) -> Document:
    """Return a day as it is stored: one document per day and time zone; ``start`` is its first moment."""
    fields = daily.model_dump(mode="json", exclude={"computed_at"})
    times = {"start": day_bounds(daily.date)[0], "computed_at": daily.computed_at}
    return {"_id": f"{daily.timezone}:{daily.date}", **fields, **times}


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """Yield first and last day of each run of consecutive days, at most 90 at a time."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and runs[-1][1] + timedelta(days=1) == day and (day - runs[-1][0]).days < _DAYS_AT_ONCE:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
