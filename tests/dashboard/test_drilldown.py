"""From charts, alerts and links to the calls behind them, in a real browser."""

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pymongo.database import Database

from core.alerting.channels.message import dashboard_link
from core.clock import utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.browser import opened, scrolled_to

pytestmark = pytest.mark.full


def settle(page: Page) -> None:
    """Wait until the script has run and what it replaced is gone."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(500)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def panel(page: Page, name: str) -> Locator:
    found = scrolled_to(page, name)
    settle(page)
    found.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    return found


def click(page: Page, mark: Locator) -> None:
    """Point at the middle of a mark of a chart, as a hand would, and click once the chart says what it is."""
    box = mark.bounding_box()
    assert box
    assert box["height"] > 2
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(20):
        page.mouse.move(x - 4, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(300)
        if page.locator(".hoverlayer .hovertext").count():
            break
    page.mouse.click(x, y)


def counted(page: Page) -> int:
    """How many calls the list says it has."""
    expect(page.locator("h1")).to_have_text("Calls")
    head = page.locator(".st-key-list-head").first
    expect(head).to_contain_text(re.compile(r"\d calls?"))
    settle(page)
    return int(head.inner_text().split(" calls")[0].replace(",", ""))


def link(page: Page) -> dict[str, str]:
    """The query parameters that the browser shows."""
    return {
        name: values[0] for name, values in parse_qs(urlsplit(page.evaluate("location.href")).query).items()
    }


def test_a_bar_leads_to_its_hour_and_outcome_and_the_link_opens_the_same(
    looked_at: str, lasting_database: Database[Document], browser: Browser
) -> None:
    with opened(browser, f"{looked_at}/analytics?period=24h") as page:
        click(page, panel(page, "volume-status").locator(".bars path").nth(10))
        n, shown = counted(page), link(page)
        assert "period" not in shown, "the reader's own period stays"
        assert shown["of_status"] == "completed"
        copied = page.evaluate("location.href")
    zone = get_settings().tz
    start, end = (datetime.fromisoformat(shown[name]).replace(tzinfo=zone) for name in ("since", "until"))
    query = {"start_time": {"$gte": start, "$lt": end}, "status": "completed"}
    assert n == lasting_database["calls"].count_documents(query) > 0
    with opened(browser, copied) as page:
        assert counted(page) == n


def test_every_kind_of_chart_leads_to_as_many_calls_as_it_counts(
    looked_at: str, lasting_database: Database[Document], browser: Browser
) -> None:
    """The rows of the dataset are counted in the database with the condition that the mark stands for."""
    since = {"start_time": {"$gte": utc_now() - timedelta(hours=25)}}
    cases: dict[tuple[str, str, str], Document] = {
        ("analytics", "languages", ".bars path"): {"language": "hinglish"},
        ("conversion", "funnel", ".bars path"): {"direction": "outbound"},
        ("system", "errors", ".bars path"): {"errors.type": "llm_timeout", "errors.fault": "provider"},
        ("system", "ends", ".bars path"): {"end_reason": "customer_hung_up", "fault": None},
    }
    for (path, name, marks), condition in cases.items():
        with opened(browser, f"{looked_at}/{path}?period=7d") as page:
            click(page, panel(page, name).locator(marks).first)
            assert counted(page) == lasting_database["calls"].count_documents(since | condition)
    with opened(browser, f"{looked_at}/analytics?period=7d") as page:
        plot = panel(page, "hours")
        click(page, plot.locator(".scatterlayer .points path").first)
        n, shown = counted(page), link(page)
        on = {"$isoDayOfWeek": {"date": "$start_time", "timezone": "Asia/Kolkata"}}
        at = {"$hour": {"date": "$start_time", "timezone": "Asia/Kolkata"}}
        cell = [{"$eq": [on, int(shown["weekday"]) + 1]}, {"$eq": [at, int(shown["hour"])]}]
        assert n == lasting_database["calls"].count_documents({"$expr": {"$and": cell}}) > 0
        page.locator(".st-key-chip-weekday button").first.click()
        settle(page)
        page.locator(".st-key-chip-hour button").first.click()
        expect(page.locator(".st-key-list-head").first).to_contain_text("120 calls")


def test_a_row_opens_the_call_and_a_search_finds_it(
    address: str, calls_of_today: Database[Document], browser: Browser
) -> None:
    newest = calls_of_today["calls"].find_one(sort=[("start_time", -1)])
    assert newest
    turns = [
        TurnMetrics(
            call_id=newest["_id"], turn=n, start_time=newest["start_time"], e2e_ms=900 + n, llm_ttft_ms=500
        )
        for n in (1, 2, 3)
    ]
    write(calls_of_today, [Record.now(turn) for turn in turns])
    lines = [
        {"call_id": newest["_id"], "timestamp": utc_now(), "level": level, "message": f"said {level}"}
        for level in ("INFO", "ERROR")
    ]
    calls_of_today["logs"].insert_many(lines)
    with opened(browser, f"{address}/calls?period=24h") as page:
        assert counted(page) == 120
        page.locator(".st-key-calls-table tbody tr").first.click()
        expect(page.get_by_role("heading", name=newest["_id"], exact=True)).to_be_visible()
        assert link(page)["call_id"] == newest["_id"]
        bars = page.locator(".st-key-chart-turns .bars path")
        expect(bars.first).to_be_attached()
        assert page.locator(".st-key-chart-turns .scatterlayer .points path").count() == 3
        expect(page.locator(".st-key-chart-log")).to_contain_text("2 of 2 lines")
        page.locator(".st-key-chart-log").get_by_role("radio", name="ERROR").click()
        expect(page.locator(".st-key-chart-log")).to_contain_text("1 of 2 lines")
        page.get_by_role("button", name="All calls").click()
        page.get_by_role("textbox", name="Search by call or lead id").fill("call_11")
        page.keyboard.press("Enter")
        expect(page.get_by_text("11 calls, from any period")).to_be_visible()  # 11, 110 to 119


def test_the_list_downloads_whole_as_csv(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/calls?period=24h&status=no_answer") as page:
        assert counted(page) == 24
        with page.expect_download() as download:
            page.locator(".st-key-csv-calls button").first.click()
        lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 25
    assert lines[0].startswith("Started,Call,Lead,Outcome")


def test_an_alert_leads_to_its_calls_and_the_link_of_its_message_to_its_period(
    address: str, calls_of_today: Database[Document], browser: Browser
) -> None:
    now = utc_now()
    alert = Alert(
        id="burning",
        alert_type="error_rate",
        name="Error rate",
        severity=Severity.CRITICAL,
        state=AlertState.FIRING,
        labels={"language": "hindi"},
        message="Error rate 12 %, limit 5 %",
        started_at=now - timedelta(hours=2),
        updated_at=now,
    )
    calls_of_today["alerts"].insert_one(alert.model_dump() | {"_id": "burning", "revision": 1, "holds": {}})
    with opened(browser, address) as page:
        with page.expect_download() as download:
            page.locator(".st-key-active-alerts").get_by_role("button", name="Download CSV").click()
        (row,) = csv.DictReader(Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines())
        assert (row["name"], row["severity"]) == ("Error rate", "critical")
        page.locator(".st-key-active-alerts").get_by_role("link", name="Error rate").click()
        expect(page.locator("h1")).to_have_text("Calls")
        expect(page).to_have_url(re.compile("error=any"))
        page.wait_for_timeout(1_500)
        shown = link(page)
        assert (shown["of_language"], shown["error"]) == ("hindi", "any")
        page.go_back()
        expect(page.locator("h1")).to_have_text("Overview")
    with opened(browser, f"{address}/alerts") as page:
        card = page.locator(".st-key-alert-burning")
        card.get_by_role("button", name="View calls").click()
        expect(page.locator("h1")).to_have_text("Calls")
        expect(page).to_have_url(re.compile("error=any"))
        page.wait_for_timeout(1_500)
        assert link(page) | {"until": shown["until"]} == shown, "it still fires: until this minute"
    with opened(browser, f"{address}/alerts") as page:
        card = page.locator(".st-key-alert-burning")
        card.get_by_role("button", name="View charts").click()
        expect(page.locator("h1")).to_have_text("Overview")
        page.wait_for_timeout(1_500)
        times = {"from": shown["since"], "to": shown["until"]}
        assert link(page) | {"to": shown["until"]} == {"period": "custom", "language": "Hindi"} | times
    written = urlsplit(dashboard_link(alert))
    with opened(browser, f"{address}{written.path}?{written.query}") as page:
        cards = page.locator(".st-key-kpi-total-calls [data-testid=stMetricValue]")
        expect(cards).to_be_visible()
        start, end = (datetime.fromisoformat(parse_qs(written.query)[name][0]) for name in ("from", "to"))
        zone = get_settings().tz
        span = {"$gte": start.replace(tzinfo=zone), "$lt": end.replace(tzinfo=zone)}
        assert int(cards.inner_text()) == calls_of_today["calls"].count_documents(
            {"start_time": span, "language": "hindi"}
        )


def test_an_alert_is_acknowledged_and_silenced_by_hand(
    address: str, calls_of_today: Database[Document], browser: Browser
) -> None:
    now = utc_now()
    row: Document = {
        "_id": "burning",
        "alert_type": "error_rate",
        "name": "Error rate",
        "severity": "critical",
    }
    row |= {
        "state": "firing",
        "message": "bad",
        "started_at": now,
        "updated_at": now,
        "revision": 1,
        "holds": {},
    }
    calls_of_today["alerts"].insert_one(row)
    with opened(browser, f"{address}/alerts") as page:
        card = page.locator(".st-key-alert-burning")
        card.get_by_role("button", name="Acknowledge").click()
        page.locator(".st-key-ack-burning-who input").fill("Asha")
        page.locator(".st-key-ack-burning-why input").fill("on it")
        page.wait_for_timeout(6_000)  # the page renews itself meanwhile and must not take the words away
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="Acknowledge").click()
        expect(card.get_by_text("acknowledged by Asha until").first).to_be_visible()
        card.get_by_role("button", name="Silence").click()
        page.locator(".st-key-silence-burning-why input").fill("planned work")
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="Silence").click()
        expect(page.get_by_text("Silenced from the next check on").first).to_be_visible()
    stored = calls_of_today["alerts"].find_one({"_id": "burning"})
    assert stored
    assert stored["acknowledged"]["comment"] == "on it"
    (silence,) = calls_of_today["silences"].find()
    assert (silence["author"], silence["comment"]) == ("Asha", "planned work")


def test_the_way_back_keeps_what_was_chosen_on_the_page(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/analytics?period=24h&by=Language") as page:
        click(page, panel(page, "volume-language").locator(".bars path").nth(12))
        assert counted(page)
        page.go_back()
        expect(page.locator("h1")).to_have_text("Analytics")
        settle(page)
        assert link(page)["by"] == "Language"
        expect(page.locator(".st-key-by [aria-checked=true]")).to_have_text("Language")
