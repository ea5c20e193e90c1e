"""The dashboard as people meet it: the real server, the real store, a real browser."""

from codecs import BOM_UTF8
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pymongo.database import Database

from core.access.audit import Action, audit
from core.access.roles import Actor, Role
from core.clock import day_bounds, local_today, utc_now
from core.models.metrics import TurnMetrics
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.alerts.test_alerts import keep
from tests.dashboard.browser import opened, scrolled_to, served
from tests.dashboard.conftest import make_call

pytestmark = pytest.mark.full
LINES = ".scatterlayer path.js-line"


def _shapes(page: Page, panel: str, kind: str) -> int:
    scrolled_to(page, panel)
    page.wait_for_function(
        "([panel, kind]) => document.querySelectorAll(`.st-key-chart-${panel} ${kind}`).length > 0",
        arg=[panel, kind],
    )
    return page.locator(f".st-key-chart-{panel} {kind}").count()


def _calls(page: Page) -> str:
    return page.locator(".st-key-kpi-total-calls [data-testid=stMetricValue]").inner_text()


def _fits(page: Page) -> bool:
    return bool(
        page.evaluate(
            "() => { const main = document.querySelector('[data-testid=stMain]');"
            " return document.documentElement.scrollWidth <= innerWidth"
            " && main.scrollWidth <= main.clientWidth; }"
        )
    )


def _rows_are_filled(page: Page) -> bool:
    """Tiles reach the right edge in each row, however many there are."""
    return bool(
        page.evaluate(
            "() => [...document.querySelectorAll('.st-key-kpis, .st-key-tiles')].every(grid => {"
            " const edge = grid.getBoundingClientRect().right, rows = new Map();"
            " for (const tile of grid.children) {"
            "  const { top, right } = tile.getBoundingClientRect(), row = Math.round(top);"
            "  rows.set(row, Math.max(rows.get(row) ?? 0, right)); }"
            " return [...rows.values()].every(right => edge - right < 2); })"
        )
    )


def _broken_words(page: Page) -> list[str]:
    """Words of column headings that do not fit their line."""
    words: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=stMain] th')].flatMap(heading => {"
        " const text = heading.firstChild, range = document.createRange();"
        " if (text?.nodeType !== Node.TEXT_NODE) return [];"
        " return [...text.data.matchAll(/[^\\s-]+/g)].filter(({ 0: word, index }) => {"
        "  range.setStart(text, index); range.setEnd(text, index + word.length);"
        "  return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;"
        " }).map(found => found[0]); })"
    )
    return words


def _styled(page: Page) -> None:
    """Wait for our rules of style, which come a moment after the first words."""
    page.wait_for_function(
        "[...document.querySelectorAll('style')].some(it => it.textContent.includes('st-key-times-shown'))"
    )


def test_charts_are_drawn_and_filters_stay_in_the_url(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/?period=7d&direction=inbound") as page:
        page.wait_for_selector(".st-key-kpi-total-calls")
        assert _calls(page) == "30"
        assert _shapes(page, "volume-status", "path") > 10
        assert _shapes(page, "asr-latency-ms", LINES) >= 1
        page.get_by_role("link", name="Analytics").click()
        scrolled_to(page, "hours")
        assert "period=7d" in page.url
        assert "direction=Inbound" in page.url
        assert page.get_by_text("30 calls ·").is_visible()
        for panel in ("volume-status", "durations", "languages"):
            assert _shapes(page, panel, ".bars path") >= 1, panel
        for panel in ("rates", "rates-direction", "duration-course"):
            assert _shapes(page, panel, ".scatterlayer path") >= 1, panel
        link = page.url
    with opened(browser, link) as page:
        scrolled_to(page, "hours")
        assert page.get_by_text("30 calls ·").is_visible()


def test_an_empty_period_has_a_button_to_the_data(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/?period=custom&from=1999-01-01&to=1999-01-31") as page:
        page.get_by_role("button", name="Show the 30 days up to").click()
        page.wait_for_selector(".st-key-kpi-total-calls")
        assert _calls(page) == "120"
        assert _shapes(page, "volume-status", ".bars path") > 0
        assert "1999" not in page.url


@pytest.mark.parametrize("width", [390, 1024])
def test_dark_and_narrow_screens_hold_everything(looked_at: str, browser: Browser, width: int) -> None:
    parts = {
        "/": "chart-volume-status",
        "/analytics": "chart-hours",
        "/conversion": "chart-sentiment",
        "/latency": "chart-slowest",
        "/system": "chart-storage",
        "/sources": "no-sources",
        "/alerts": "alerts-firing",
        "/alerts?view=Rules": "rule-editor",
        "/calls": "calls-table",
        "/calls?call_id=call_1": "chart-others",
        "/explore": "chart-explored",
        "/compare?versus=Language": "chart-verdicts",
        "/compliance": "chart-calling-rules",
        "/runbooks": "runbooks",
        "/lead?call_id=call_1": "no-lead",
    }
    with opened(browser, "about:blank", width=width, scheme="dark") as page:
        for path, part in parts.items():
            page.goto(f"{looked_at}{path}")
            page.wait_for_selector(f".st-key-{part}")
            _styled(page)
            assert _fits(page), path
            assert _rows_are_filled(page), path
            assert not _broken_words(page), path
            title = page.locator("[data-testid=stMain] h1").bounding_box()
            assert title is not None
            assert title["height"] < 45, f"the title of {path} is broken"
            ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
            assert ground == "rgb(20, 24, 28)"


_CUT_OR_BROKEN = """selector => {
  const box = document.querySelector(selector), table = box.querySelector("table");
  const shown = [...table.querySelectorAll("td.outcome span, td.result")].filter(cell => cell.offsetParent);
  const words = cell => { const all = document.createRange(); all.selectNodeContents(cell); return all; };
  const lines = cell => new Set([...words(cell).getClientRects()].map(({ top }) => top)).size;
  const broken = shown.find(cell => lines(cell) > cell.innerText.split(/\\s+/).length);
  return table.scrollWidth > box.clientWidth ? "cut off" : broken?.innerText;
}"""


def test_long_names_neither_break_the_words_of_a_list_nor_push_its_columns_out(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """On phones, tablets, at twice the size: ``Complete`` stood above ``d``, and violations were cut off."""
    name = "दिवाली व्यक्तिगत ऋण अभियान, दूसरा चरण"
    some: dict[str, Any] = {
        "qualification_completed": True,
        "handoff_triggered": True,
        "cost": {"llm": 1.0},
        "campaign": name,
        "lead_id": name,
        "errors": [{"type": name, "fault": "provider"}],
    }
    night = day_bounds(local_today())[0] - timedelta(hours=22)
    calls = [make_call(n, night + timedelta(minutes=n), **some) for n in range(9)]
    write_calls(database, calls)
    with served(tmp_path) as address, opened(browser, "about:blank") as page:
        for path, box in (
            ("calls?period=7d", ".st-key-calls-table"),
            ("lead?call_id=call_1", "div.attempts"),
        ):
            page.goto(f"{address}/{path}")
            page.wait_for_selector(f"{box} td")
            for width in (390, 683, 768, 820, 1024, 1101, 1366):
                page.set_viewport_size({"width": width, "height": 800})
                page.wait_for_timeout(300)
                assert not page.evaluate(_CUT_OR_BROKEN, box), (path, width)


def test_tables_are_not_cut_off_on_a_laptop(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """The seal of an audit entry and the links to calls that change language were beyond the edge."""
    calls = [make_call(n, utc_now() - timedelta(minutes=5 * n + 3)) for n in range(20)]
    write_calls(database, calls)
    spoken = [
        ("call_1", 1, "hindi"),
        ("call_1", 2, "english"),
        ("call_2", 1, "hindi"),
        ("call_2", 2, "hindi"),
    ]
    turns = [TurnMetrics(call_id=of, turn=n, language=name, e2e_ms=900) for of, n, name in spoken]
    write(database, [Record.now(turn) for turn in turns])
    asked = {"since": "2026-11-30T18:30:00+00:00", "until": "2026-12-01T18:30:00+00:00", "form": "JSON " * 30}
    audit(database, Actor("asha", Role.ADMIN), Action.LISTED_CALLS, "calls", **asked)
    with served(tmp_path) as address, opened(browser, "about:blank") as page:
        for path, panel in (("conversion", "language-changes"), ("audit", "audit")):
            page.goto(f"{address}/{path}")
            page.wait_for_selector("[data-testid=stMain] h1")
            while not page.locator(f".st-key-chart-{panel} td").count():
                page.mouse.wheel(0, 400)
                page.wait_for_timeout(200)
            for width in (1201, 1366):
                page.set_viewport_size({"width": width, "height": 768})
                page.wait_for_timeout(300)
                box = page.locator(
                    f".st-key-chart-{panel} [data-testid=stMarkdownContainer]:has(table)"
                ).first
                assert box.evaluate("it => it.scrollWidth <= it.clientWidth"), (path, width)


def test_an_alert_named_by_one_long_word_leaves_room_for_its_figures(
    calls_of_today: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    keep(calls_of_today, "verylongword" * 12, current_value=12.0, threshold_value=5.0)
    with served(tmp_path) as address, opened(browser, address) as page:
        table = page.locator(".st-key-active-alerts [data-testid=stMarkdownContainer]:has(table)").first
        table.wait_for()
        for width in (1201, 1366):
            page.set_viewport_size({"width": width, "height": 768})
            page.wait_for_timeout(300)
            assert table.evaluate("it => it.scrollWidth <= it.clientWidth"), width


def test_the_table_behind_a_chart_downloads(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/analytics") as page:
        page.locator(".st-key-chart-languages").get_by_role("button", name="Table").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        content = Path(download.value.path()).read_bytes()
    assert content.startswith(BOM_UTF8), "else Excel garbles Hindi"
    lines = content.decode("utf-8-sig").splitlines()
    assert lines == ["Language,Calls,Share (%)", "Hinglish,90,75.0", "Hindi,30,25.0"]


def test_a_table_leaves_as_a_file_only_by_our_own_button(looked_at: str, browser: Browser) -> None:
    """Streamlit's toolbar would download formulas as they are, and lies over the button."""
    with opened(browser, f"{looked_at}/analytics") as page:
        page.locator(".st-key-chart-languages").get_by_role("button", name="Table").click()
        grid = page.get_by_test_id("stDataFrame")
        grid.hover()
        page.wait_for_timeout(500)
        assert not page.get_by_test_id("stElementToolbar").filter(visible=True).count()
        assert page.get_by_role("button", name="Download CSV").is_visible()


def test_the_tab_names_the_page_and_the_call(looked_at: str, browser: Browser) -> None:
    """Several pages open side by side can be told apart by their tabs, and the menu names the product."""
    titles = {"/": "Overview", "/latency": "Latency", "/calls?call_id=call_1": "call_1"}
    with opened(browser, "about:blank") as page:
        for path, title in titles.items():
            page.goto(f"{looked_at}{path}")
            page.wait_for_function("title => document.title.startsWith(title)", arg=title)
            assert "Ringside" in page.title()
