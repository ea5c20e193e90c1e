"""Charts further down a page are drawn once the reader comes near them, and the page does not move for it."""

import time
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Route, expect
from streamlit.testing.v1 import AppTest

from tests.dashboard.browser import opened
from tests.dashboard.conftest import scrolled
from tests.dashboard.test_drilldown import settle

CHARTS = "document.querySelectorAll('.js-plotly-plot').length"
HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight"
LATER = "[class*=st-key-later-] button"


def page() -> None:
    import streamlit as st

    from dashboard import in_view

    def rates(later: str) -> None:
        if later:
            in_view.place(later, "rates", "Rates", 280)
        else:
            st.markdown("drawn")

    in_view.begin(st.session_state.page)
    in_view.part("row", rates)


def drawn(app: Any) -> bool:
    assert len(app.button) + len(app.markdown) == 1
    return bool(app.markdown)


def shown(app: Any, name: str) -> Any:
    app.session_state.page = name
    return app.run()


def test_a_chart_stays_once_it_was_near() -> None:
    app = shown(AppTest.from_function(page), "analytics")
    assert not drawn(app)
    assert drawn(scrolled(app))
    assert drawn(shown(app, "analytics"))


def test_another_page_begins_at_its_top() -> None:
    app = scrolled(shown(AppTest.from_function(page), "analytics"))
    assert drawn(app)
    assert not drawn(shown(app, "latency"))
    assert not drawn(shown(app, "analytics"))


@pytest.mark.full
def test_a_page_that_is_still_growing_draws_no_chart_that_ends_up_out_of_sight(
    looked_at: str, browser: Browser
) -> None:
    """Its tiles have no height until their code is there, so that charts below stand in their place."""

    def late(route: Route) -> None:
        time.sleep(0.1)
        route.continue_()

    with opened(browser, looked_at) as page:
        page.set_viewport_size({"width": 1440, "height": 700})
        page.route("**/static/js/*.js", late)
        page.reload()
        page.wait_for_selector("[data-testid=stMetric]")
        settle(page)
        page.wait_for_timeout(1_000)
        expect(page.locator(LATER).first).not_to_be_in_viewport()
        assert page.evaluate(CHARTS) == 0, "they stand below the first screenful"


@pytest.mark.full
def test_scrolling_draws_what_is_near_and_moves_nothing(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/analytics") as page:
        page.wait_for_selector(".st-key-chart-volume-status .main-svg")
        settle(page)
        page.wait_for_timeout(1_000)
        before, height = page.evaluate(f"[{CHARTS}, {HEIGHT}]")
        assert before < 8
        assert page.locator(LATER).count() == 8 - before
        page.mouse.move(800, 500)
        for _ in range(12):
            page.mouse.wheel(0, 250)
            page.wait_for_timeout(400)
        expect(page.locator(LATER)).to_have_count(0)
        assert page.evaluate(f"[{CHARTS}, {HEIGHT}]") == [8, height]
        page.locator(".st-key-period").get_by_text("24h", exact=True).click()
        settle(page)
        assert page.locator(LATER).count() == 0, "what was looked at stays"


@pytest.mark.full
def test_charts_far_down_cost_nothing_while_the_menu_is_used(looked_at: str, browser: Browser) -> None:
    """Each switch begins at the top, and none of them is lost to a chart that is being drawn."""
    with opened(browser, looked_at) as page:
        for name in ("Analytics", "Conversion", "Latency", "Overview") * 2:
            page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
            expect(page.locator("h1")).to_have_text(name)
            page.mouse.move(800, 500)
            page.mouse.wheel(0, 700)
            page.wait_for_timeout(150)
        settle(page)
        assert page.locator(".js-plotly-plot").count() > 0


@pytest.mark.full
def test_a_printed_page_has_every_chart(looked_at: str, browser: Browser) -> None:
    with opened(browser, looked_at) as page:
        page.add_init_script(f"window.print = () => {{ window.printed = {CHARTS} }}")
        page.goto(f"{looked_at}/analytics")
        page.wait_for_selector(".st-key-chart-volume-status .main-svg")
        page.keyboard.press("Control+p")
        page.wait_for_function("window.printed === 8")


@pytest.mark.full
def test_a_chart_that_comes_near_does_not_bring_back_the_page_being_left(
    looked_at: str, browser: Browser
) -> None:
    """Busy, the server hears of both at once: of the chart on the old page, and of the way back."""
    [server] = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1:] == ["-m", "dashboard"]
        and process.environ().get("DASHBOARD_PORT") == looked_at.rpartition(":")[2]
    ]
    with opened(browser, looked_at) as page:
        page.wait_for_selector(".st-key-kpi-total-calls")
        page.get_by_test_id("stSidebarNavLink").filter(has_text="Analytics").click()
        page.wait_for_selector(".st-key-chart-volume-status .main-svg")
        settle(page)
        server.suspend()
        try:
            page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 900; history.back()")
            page.wait_for_timeout(150)
        finally:
            server.resume()
        expect(page.locator("h1")).to_have_text("Overview")
        page.wait_for_timeout(6_000)  # parts of the page have renewed themselves
        expect(page.locator(".st-key-kpi-total-calls")).to_be_visible()
