"""What the browser draws is what the frames say, number by number."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from bson import Timestamp
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from benchmarks.setup.made_calls import documents
from core.aggregation import funnel, series, tables
from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.refresh import refresh_rollups
from core.alerting.board import Fired, fired_between
from core.clock import local_today, period_of_days, utc_now
from core.models.metrics import ServiceSample
from core.services.metrics_service import MetricsService
from core.storage.recording.service_minutes import writer
from core.types import Document
from tests.dashboard.browser import drawn, opened, scrolled_to, served
from tests.dashboard.test_drilldown import click, counted, panel

pytestmark = pytest.mark.full
DAYS = 10


def fill(database: Database[Document]) -> None:
    """Write 3,000 calls of the last ten days with all fields, rolled up: of the compared days too, whole."""
    for batch in documents(3_000, datetime.now(UTC), DAYS, seed=5):
        database["calls"].insert_many(batch)
    # As if they had been there for an hour: what was recorded this second is read from the calls.
    before = Timestamp(utc_now() - timedelta(hours=1), 1)
    database["calls"].update_many({}, {"$set": {"recorded_at": before}})
    refresh_rollups(database)


@pytest.fixture(scope="module")
def calls(lasting_database: Database[Document]) -> Database[Document]:
    """The calls of ``fill``."""
    fill(lasting_database)
    return lasting_database


@pytest.fixture(scope="module")
def served_here(calls: Database[Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a dashboard over these calls answers."""
    with served(tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@contextmanager
def period(browser: Browser, address: str, path: str, more: str = "") -> Iterator[tuple[Page, date, date]]:
    """A page that shows the two whole days before today."""
    first, last = local_today() - timedelta(days=2), local_today() - timedelta(days=1)
    with opened(browser, f"{address}/{path}?period=custom&from={first}&to={last}{more}") as page:
        yield page, first, last


def cube_of(database: Database[Document], first: date, last: date) -> Cube:
    return load_cube(database, *period_of_days(first, last), bucket="1h")


def kpi(page: Page, key: str) -> str:
    return page.locator(f".st-key-kpi-{key} [data-testid=stMetricValue]").inner_text()


def test_conversion(calls: Database[Document], served_here: str, browser: Browser) -> None:
    with period(browser, served_here, "conversion") as (page, first, last):
        cube = cube_of(calls, first, last)
        (bars,) = drawn(page, "funnel")
        stages = funnel.funnel(cube).iloc[0]
        assert bars["customdata"] == [int(stages[name]) for name in funnel.FUNNEL]

        dialled, answered = series.answers_by_hour_of_week(cube)
        rates, few = (trace for trace in drawn(page, "best-time") if trace["z"])
        expected = (100 * answered / dialled.where(dialled >= 20)).to_numpy().round(2)
        shown = np.array(rates["z"], float)
        assert np.array_equal(np.nan_to_num(shown), np.nan_to_num(expected))
        assert np.nansum(np.array(few["z"], float)) == ((dialled > 0) & (dialled < 20)).to_numpy().sum()

        summary = summarise(cube)
        assert kpi(page, "qualified-calls") == f"{summary.qualified_calls:,}"
        assert kpi(page, "cost-per-handoff") == f"\N{INDIAN RUPEE SIGN}{summary.cost.per_handoff:.2f}"
        by_language = funnel.funnel(cube, "language")
        dots = {dot["name"]: dot for dot in drawn(page, "leaks-language")}
        hindi = by_language.loc["hindi"]
        assert dots["Hindi"]["x"][0] == pytest.approx(100 * hindi["answered"] / hindi["dialled"], abs=0.01)


def test_latency(calls: Database[Document], served_here: str, browser: Browser) -> None:
    with period(browser, served_here, "latency", "&stage=ASR") as (page, first, last):
        cube = cube_of(calls, first, last)
        lines = {line["name"]: line for line in drawn(page, "e2e-latency-ms")}
        course = series.steady(series.percentile_series(cube, "e2e_latency_ms", "1h"))
        shown = pd.Series([np.nan if y is None else y for y in lines["p95"]["y"]], dtype=float)
        assert np.allclose(shown, course["p95"].round(2), equal_nan=True)
        # Local time, whatever zone the browser is in.
        assert str(lines["p95"]["x"][0]).startswith(f"{first}T00:00")

        (bars,) = drawn(page, "distribution")
        assert bars["y"] == tables.histogram(cube, "asr_latency_ms")["n"].tolist()
        start, end = period_of_days(first, last)
        rows = calls["calls"].find(
            {"start_time": {"$gte": start, "$lt": end}, "asr_latency_ms": {"$ne": None}}
        )
        slowest = sorted(rows, key=lambda row: -row["asr_latency_ms"])[:10]
        links = page.locator(".st-key-chart-slowest td a")
        expect(links).to_have_text([row["_id"] for row in slowest])
        href = urlsplit(links.first.get_attribute("href") or "")
        assert (href.path, parse_qs(href.query)["call_id"]) == ("calls", [slowest[0]["_id"]])

        page.get_by_role("radio", name="TTS").click()
        page.get_by_text("TTS latency distribution").wait_for()
        (bars,) = drawn(page, "distribution")
        assert bars["y"] == tables.histogram(cube, "tts_latency_ms")["n"].tolist()
        assert "stage=TTS" in page.url

        # A click anywhere over an hour of a chart of lines leads to the calls of that hour.
        mark = scrolled_to(page, "e2e-latency-ms").locator(".scatterlayer .points path").nth(20)
        mark.scroll_into_view_if_needed()
        box = mark.bounding_box()
        assert box
        page.mouse.move(box["x"] - 3, box["y"] + 60)
        page.mouse.move(box["x"], box["y"] + 60)
        page.wait_for_timeout(500)
        page.mouse.click(box["x"], box["y"] + 60)
        hour = re.compile(r"/calls\?.*since=\d{4}-\d\d-\d\dT\d\d%3A00&until=")
        expect(page).to_have_url(hour)


def test_a_bar_of_a_distribution_leads_to_as_many_calls_as_it_counts(
    calls: Database[Document], served_here: str, browser: Browser
) -> None:
    with period(browser, served_here, "latency", "&stage=ASR") as (page, _, _):
        (bars,) = drawn(page, "distribution")
        click(page, panel(page, "distribution").locator(".bars path").nth(int(np.argmax(bars["y"]))))
        assert counted(page) == max(bars["y"])


def test_analytics(calls: Database[Document], served_here: str, browser: Browser) -> None:
    with period(browser, served_here, "analytics", "&by=Language&bucket=day") as (page, first, last):
        cube = cube_of(calls, first, last)
        bars = {trace["name"]: trace["y"] for trace in drawn(page, "volume-language")}
        volume = series.volume(cube, "language", "1D")
        assert bars["Hindi"] == volume["hindi"].tolist()
        week = timedelta(days=7)
        before = cube_of(calls, first - week, last - week)
        assert (
            bars["the same weekdays before"] == series.volume(before, "language", "1D").sum(axis=1).tolist()
        )
        rows = page.locator(".st-key-chart-changes tbody tr")
        now, then = summarise(cube), summarise(before)
        expect(rows.nth(0).locator("td").nth(1)).to_have_text(f"{now.total_calls:,}")
        expect(rows.nth(0).locator("td").nth(2)).to_have_text(f"{then.total_calls:,}")


def test_overview_marks_alerts_where_they_fired(
    calls: Database[Document], served_here: str, browser: Browser
) -> None:
    at = utc_now() - timedelta(hours=5)
    event = {"at": at, "event": "firing", "name": "ASR <b>late</b>", "severity": "warning", "alert_id": "x"}
    calls["alert_events"].insert_one(event)
    assert [type(fired) for fired in fired_between(calls, at, at + timedelta(seconds=1))] == [Fired]
    with opened(browser, f"{served_here}/?period=24h") as page:
        drawn(page, "volume-status")
        marks = page.locator(
            ".st-key-chart-volume-status .annotation-text", has_text="\N{BLACK DOWN-POINTING TRIANGLE}"
        )
        marks.first.hover()
        words = page.locator(".st-key-chart-volume-status .hovertext")
        expect(words).to_contain_text("ASR <b>late</b> started firing (warning)")


def test_system_counts_requests_and_finds_drift(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    fill(database)
    now, service = utc_now(), MetricsService()
    for number in range(200):
        sample = {"service": "speech-to-text", "operation": "=1+1", "at": now - timedelta(minutes=5)}
        error = "timeout" if number < 20 else None
        service.record_service_call(ServiceSample(**sample, duration_ms=100 + number, error=error))
    writer.flush()
    with served(tmp_path) as address, opened(browser, f"{address}/system?period=1h") as page:
        cells = page.locator(".st-key-chart-services tbody tr td")
        expect(cells.nth(2)).to_have_text("200")
        expect(cells.nth(3)).to_have_text("10.0 %")
        expect(cells.nth(4)).to_have_text("6.6 to 14.9 %")
        page.locator(".st-key-chart-services").get_by_role("button", name="Table").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert (
            Path(download.value.path())
            .read_text(encoding="utf-8-sig")
            .splitlines()[1]
            .startswith("speech-to-text,'=1+1,200,")
        )
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Recompute").click()
        expect(page.get_by_text("No drift on")).to_be_visible()

        yesterday = local_today() - timedelta(days=1)
        database["rollups_daily"].update_one({"date": str(yesterday)}, {"$set": {"calls": 0}})
        page.get_by_role("button", name="Recompute").click()
        expect(page.get_by_text("figures of")).to_contain_text("differ from its")
        page.get_by_role("button", name="Rebuild this day").click()
        expect(page.get_by_text("No drift on")).to_be_visible()
    assert database["rollups_daily"].find_one({"date": str(yesterday)}, {"calls": 1})["calls"] > 0  # type: ignore[index]
