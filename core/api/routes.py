"""``/api/v1/analytics``: the figures, and the alerts that are firing."""

from datetime import timedelta

from fastapi import APIRouter, Depends

from core.access.permissions import Permission
from core.aggregation.cube import load_cube
from core.aggregation.daily import daily_figures, daily_range
from core.aggregation.figures import summarise
from core.alerting.state.alert_store import active_alerts
from core.api.parameters import DayRange, DayUntilToday, DayWithCalls, Filters, only_known
from core.api.reading.system import live_metrics, system_metrics
from core.api.responses import AlertList, CurrentMetrics, Figures, MetricsRange, in_shares, written
from core.api.security import Require
from core.clock import period_of_days, rolling, utc_now
from core.models.metrics import DailyMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_sync_database

router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    dependencies=[Depends(Require(Permission.READ)), Depends(only_known)],
)


@router.get("/metrics", response_class=Figures)
@written
def current_metrics(filters: Filters) -> CurrentMetrics:
    """The rolling last 24 hours, to the end of this minute, with active calls and the services' figures."""
    database = get_sync_database()
    start, end = rolling(timedelta(hours=24), utc_now())
    summary = summarise(load_cube(database, start, end, filters, campaigns=False))
    return CurrentMetrics(
        period_start=start,
        period_end=end,
        timezone=get_settings().timezone,
        live=live_metrics(database),
        system=system_metrics(database, start, end),
        **dict(summary),
    )


@router.get("/metrics/daily/{day}", response_class=Figures)
@written
def daily_metrics(day: DayUntilToday, filters: Filters) -> DailyMetrics:
    """One local day, up to this moment."""
    return daily_range(get_sync_database(), day, day, filters)[0]


@router.get("/metrics/range", response_class=Figures)
@written
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


@router.post(
    "/metrics/aggregate/{day}", dependencies=[Depends(Require(Permission.RECOMPUTE))], response_class=Figures
)
async def aggregate(day: DayWithCalls) -> DailyMetrics:
    """Recompute one local day and store it in ``daily_metrics``."""
    return await MetricsService().aggregate_daily_metrics(day)


@router.get("/alerts", response_class=Figures)
@written
def alerts() -> AlertList:
    """The alerts that are firing now."""
    firing = active_alerts(get_sync_database())
    return AlertList(count=len(firing), alerts=[in_shares(alert) for alert in firing])
