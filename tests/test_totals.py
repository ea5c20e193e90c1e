"""Everybody says the same: the real January and the campaigns, counted in five ways, day by day."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.api.app import create_app
from core.api.security import this_machine
from core.clock import day_bounds, days_of, utc_now
from core.importing import import_file
from core.models.metrics import DailyMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.server.connection import close_connections
from core.types import Document
from dashboard.filters import Selection, day_span
from dashboard.queries import call_queries
from tests.importing.public_calls import MAPPINGS, TECHNION, UCI, needs

pytestmark = pytest.mark.full


def counted(database: Database[Document], day: date) -> tuple[int, int, int, int]:
    """Total, completed, failed and qualified calls of a local day, counted by the server itself."""
    start, end = day_bounds(day)
    period = {"start_time": {"$gte": start, "$lt": end}}
    completed = period | {"status": "completed"}
    queries = (
        period,
        completed,
        period | {"status": "failed"},
        completed | {"qualification_completed": True},
    )
    total, done, failed, qualified = (database["calls"].count_documents(query) for query in queries)
    return total, done, failed, qualified


def figures(day: dict[str, int]) -> tuple[int, int, int, int]:
    return day["total_calls"], day["completed_calls"], day["failed_calls"], day["qualified_calls"]


def on_dashboard(day: date) -> tuple[int, int, int, int]:
    """What the cards of Overview show for one day, chosen as a custom period."""
    selection = Selection("custom", *day_span(day, day), CallFilters())
    window = selection.window(utc_now(), get_settings().tz)
    return figures(call_queries.summary(call_queries.course(window, selection.filters)).model_dump())


async def aggregated(days: list[date]) -> list[DailyMetrics]:
    service = MetricsService()
    try:
        return [await service.aggregate_daily_metrics(day) for day in days]
    finally:
        await close_connections()


def use_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", zone)
    get_settings.cache_clear()


def agree(database: Database[Document], first: date, last: date) -> Counter[date]:
    """Check that server, aggregation, documents, dashboard and API agree on every day; the totals."""
    days = list(days_of(first, last))
    direct = [counted(database, day) for day in days]
    assert [figures(day.model_dump()) for day in asyncio.run(aggregated(days))] == direct
    call_queries.forget_figures()
    assert [on_dashboard(day) for day in days] == direct
    zone = get_settings().timezone
    kept = {row["date"]: figures(row) for row in database["daily_metrics"].find({"timezone": zone})}
    assert [kept[str(day)] for day in days] == direct
    server = create_app(this_machine)
    with TestClient(server, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        answer = client.get(
            "/api/v1/analytics/metrics/range", params={"start_date": str(first), "end_date": str(last)}
        ).json()
    assert [figures(day) for day in answer["days"]] == direct
    assert figures(answer["total"]) == tuple(map(sum, zip(*direct, strict=True)))
    return Counter({day: total for day, (total, *_) in zip(days, direct, strict=True)})


@needs(TECHNION)
@pytest.mark.parametrize("zone", ["Asia/Jerusalem", "Asia/Kolkata"])
def test_january_agrees_on_every_day(
    database: Database[Document], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_zone(zone, monkeypatch)
    report = import_file(TECHNION, MAPPINGS / "technion.toml")
    assert (report.inserted, report.rejected) == (31_359, 240)
    oldest = database["calls"].find_one({}, sort=[("recorded_at", 1)])
    assert oldest is not None
    age = utc_now() - oldest["recorded_at"].as_datetime()
    assert age < timedelta(minutes=5), "retention goes by when a call was recorded: now"
    by_day = agree(database, date(1998, 12, 31), date(1999, 2, 1))
    assert by_day.total() == 31_359
    assert by_day[date(1999, 1, 11)] == 0 or zone == "Asia/Kolkata"
    local = ZoneInfo("Asia/Jerusalem")
    moved = sum(
        call["start_time"].astimezone(local).date() != call["start_time"].astimezone(ZoneInfo(zone)).date()
        for call in database["calls"].find({}, {"start_time": 1})
    )
    assert moved == 0 if zone == "Asia/Jerusalem" else 3_300 < moved < 3_700


@needs(UCI)
def test_campaigns_agree_on_every_day(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    use_zone("Asia/Kolkata", monkeypatch)
    report = import_file(UCI, MAPPINGS / "uci_bank_marketing.toml")
    assert (report.inserted, report.rejected) == (45_211, 0)
    assert agree(database, date(2008, 5, 1), date(2010, 11, 30)).total() == 45_211
    assert database["calls"].count_documents({"qualification_completed": True}) == 5_289
