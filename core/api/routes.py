"""``/api/v1/analytics``: the figures, the calls and the alerts."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from core.aggregation.activity import calls_ended_recently, last_call_ended_at
from core.aggregation.cube import load_cube
from core.aggregation.daily import daily_figures, daily_range
from core.aggregation.figures import summarise
from core.aggregation.search.call_search import CallFacets, count_calls, find_calls
from core.alerting.state.alert_store import active_alerts
from core.api.parameters import SAID, DayRange, DayWithCalls, Filters, PathDay, only_known
from core.api.responses import AlertList, CallPage, CurrentMetrics, Figures, MetricsRange
from core.api.security import require_key, require_writing_key
from core.clock import period_of_days, rolling, utc_now
from core.models.metrics import DailyMetrics, LiveMetrics
from core.scheduler.heartbeat import scheduler_heartbeat
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.archive.archived_rows import archived_rows
from core.storage.collections import CALLS

router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    dependencies=[Depends(require_key), Depends(only_known)],
)


@router.get("/metrics", response_class=Figures)
def current_metrics(filters: Filters) -> CurrentMetrics:
    """The rolling last 24 hours, to the end of this minute, with the live figures."""
    database = get_sync_database()
    start, end = rolling(timedelta(hours=24), utc_now())
    heartbeat = scheduler_heartbeat(database)
    live = LiveMetrics(
        calls_last_15_minutes=calls_ended_recently(database),
        last_call_ended_at=last_call_ended_at(database),
        active_alerts=len(active_alerts(database)),
        scheduler_heartbeat_at=heartbeat.at if heartbeat else None,
    )
    summary = summarise(load_cube(database, start, end, filters, campaigns=False))
    return CurrentMetrics(
        period_start=start, period_end=end, timezone=get_settings().timezone, live=live, **dict(summary)
    )


@router.get("/metrics/daily/{day}", response_class=Figures)
def daily_metrics(day: PathDay, filters: Filters) -> DailyMetrics:
    """One local day, up to this moment."""
    return daily_range(get_sync_database(), day, day, filters)[0]


@router.get("/metrics/range", response_class=Figures)
def metrics_range(days: DayRange, filters: Filters) -> MetricsRange:
    """Every day of a range, and the range as a whole."""
    first, last = days
    cube = load_cube(get_sync_database(), *period_of_days(first, last), filters, campaigns=False)
    return MetricsRange(
        start_date=first,
        end_date=last,
        timezone=get_settings().timezone,
        total=summarise(cube),
        days=daily_figures(cube, first, last),
    )


@router.get("/calls")
def calls(
    days: DayRange,
    filters: Filters,
    lead_id: Annotated[str | None, Query(max_length=256, json_schema_extra=SAID)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> CallPage:
    """The calls of a range of days, the newest first; ``archived`` says how many more are not listed."""
    first, last = days
    period = period_of_days(first, last)
    database, facets = get_sync_database(), CallFacets(lead_id=lead_id)
    return CallPage(
        start_date=first,
        end_date=last,
        timezone=get_settings().timezone,
        total=count_calls(database, *period, filters=filters, facets=facets),
        archived=archived_rows(database, CALLS, *period),
        limit=limit,
        offset=offset,
        calls=find_calls(database, *period, filters=filters, facets=facets, limit=limit, offset=offset),
    )


@router.post("/metrics/aggregate/{day}", dependencies=[Depends(require_writing_key)], response_class=Figures)
async def aggregate(day: DayWithCalls) -> DailyMetrics:
    """Compute one local day anew and store it in ``daily_metrics``."""
    return await MetricsService().aggregate_daily_metrics(day)


@router.get("/alerts", response_class=Figures)
def alerts() -> AlertList:
    """The alerts that fire now."""
    firing = active_alerts(get_sync_database())
    return AlertList(count=len(firing), alerts=firing)
