"""A page never moves, blanks or changes under its reader, in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from core.storage.recording import active_calls
from core.types import Document
from tests.dashboard.browser import draw_all, opened, scrolled_to
from tests.dashboard.test_drilldown import settle

pytestmark = pytest.mark.full
MAIN = "document.querySelector('[data-testid=stMain]')"
CHARTS = "[...document.querySelectorAll('.js-plotly-plot')]"


def _drawn(page: Page, panel: str) -> None:
    """Wait for a panel's chart, then give every chart a mark that a new one would not have."""
    scrolled_to(page, panel)
    draw_all(page)
    settle(page)
    page.wait_for_timeout(1_000)
    page.evaluate(f"{CHARTS}.forEach((chart, number) => {{ chart.mine = number }})")


def _are_the_same(page: Page) -> bool:
    return bool(page.evaluate(f"{CHARTS}.every((chart, number) => chart.mine === number)"))


def test_the_first_renewal_leaves_page_and_charts_where_they_are(looked_at: str, browser: Browser) -> None:
    """What is drawn a second time takes the place of the first; charts with equal data are not drawn anew."""
    for path, panel in {"/analytics": "hours", "/system": "errors", "/": "volume-status"}.items():
        with opened(browser, f"{looked_at}{path}") as page:
            _drawn(page, panel)
            page.evaluate(f"{MAIN}.scrollTop = 500")
            page.wait_for_timeout(300)
            before = page.evaluate(f"{MAIN}.scrollTop")
            # The whole page runs again, as of the same moment; a hand would have to scroll up to it.
            page.evaluate("document.querySelector('.st-key-pause input').click()")
            settle(page)
            page.wait_for_timeout(1_500)
            assert page.evaluate(f"{MAIN}.scrollTop") == before, path
            assert _are_the_same(page), path


def test_the_period_stays_in_sight_while_the_page_scrolls(looked_at: str, browser: Browser) -> None:
    """On a wide screen and on a phone, and what lies under it is not seen through it."""
    for width in (1440, 390):
        with opened(browser, looked_at, width=width) as page:
            _drawn(page, "volume-status")
            page.evaluate(f"{MAIN}.scrollTop = 700")
            page.wait_for_timeout(500)
            box = page.locator(".st-key-period").bounding_box()
            assert box
            assert 0 <= box["y"] < 60, width
            middle = [box["x"] + 40, box["y"] + box["height"] / 2]
            on_top = (
                f"document.elementFromPoint({middle[0]}, {middle[1]})?.closest('.st-key-filters') !== null"
            )
            assert page.evaluate(on_top), width


def test_a_zoomed_chart_pauses_the_page_until_it_is_set_back(looked_at: str, browser: Browser) -> None:
    """New data would be a new chart: the page waits, and goes on once the axes are reset."""
    with opened(browser, f"{looked_at}/latency") as page:
        _drawn(page, "asr-latency-ms")
        plot = page.locator(".st-key-chart-asr-latency-ms .nsewdrag").first
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y, steps=6)
        page.mouse.up()
        paused = page.locator(".st-key-pause input")
        expect(paused).to_be_checked()
        settle(page)
        assert _are_the_same(page)
        plot.hover()
        page.locator('.st-key-chart-asr-latency-ms [data-title="Reset axes"]').click()
        expect(paused).not_to_be_checked()


def test_the_list_of_calls_in_progress_stays_open_while_calls_begin(
    address: str, calls_of_today: Database[Document], browser: Browser
) -> None:
    """The number stands beside the button: in the label it made another button with each call."""
    collection = calls_of_today["active_calls"]
    collection.update_one(*active_calls.started("live_0"), True)
    with opened(browser, address) as page:
        page.get_by_role("button", name="List them").click()
        expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
        for number in (1, 2):
            collection.update_one(*active_calls.started(f"live_{number}"), True)
            expect(page.get_by_text(f"{number + 1} calls in progress")).to_be_visible()
            expect(page.get_by_test_id("stPopoverBody")).to_be_visible()


def test_charts_follow_the_theme_at_once(looked_at: str, browser: Browser) -> None:
    """Where the system turns dark the charts do not wait for the next minute."""
    with opened(browser, looked_at) as page:
        _drawn(page, "volume-status")
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"{CHARTS}[0]?.layout?.font?.color === '#E8EAED'")


def test_on_a_phone_a_swipe_scrolls_and_the_menu_closes(looked_at: str, browser: Browser) -> None:
    """A swipe that begins on a chart moves the page and not the chart; a choice shows its page."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(looked_at)
    _drawn(page, "volume-status")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = plot.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before, axis = page.evaluate(f"[{MAIN}.scrollTop, String({CHARTS}[0].layout.xaxis.range)]")
    touch = context.new_cdp_session(page)
    for dy in range(0, 200, 20):
        kind = "touchMove" if dy else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y - dy}]})
        page.wait_for_timeout(20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(700)
    after, moved = page.evaluate(f"[{MAIN}.scrollTop, String({CHARTS}[0].layout.xaxis.range)]")
    assert after - before > 100
    assert moved == axis
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Latency").click()
    expect(page.locator("h1")).to_have_text("Latency")
    page.wait_for_timeout(1_000)
    covering = "document.elementFromPoint(60, 300)?.closest('[data-testid=stSidebar]') ?? null"
    assert page.evaluate(f"({covering}) === null"), "the menu lies over the page"
    context.close()
