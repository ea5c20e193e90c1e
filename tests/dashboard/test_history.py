"""Back and forward in the browser, the folded filters, and links to nowhere, in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser import opened
from tests.dashboard.test_drilldown import click, counted, link, panel, settle

pytestmark = pytest.mark.full


def _choose(page: Page, name: str, value: str) -> None:
    page.locator(f".st-key-{name} input").click()
    page.get_by_role("option", name=value).click()
    settle(page)


def _period(page: Page, name: str) -> None:
    page.locator(".st-key-period").get_by_role("radio", name=name, exact=True).click()
    settle(page)


def _unfold(page: Page) -> None:
    page.locator(".st-key-more-filters label").first.click()
    settle(page)


def test_back_leads_through_the_readers_choices_one_by_one(looked_at: str, browser: Browser) -> None:
    """Period and filters are steps of the history; Back sets the boxes and the figures too."""
    cards = ".st-key-kpi-total-calls [data-testid=stMetricValue]"
    with opened(browser, f"{looked_at}/latency") as page:
        page.get_by_role("link", name="Overview").click()
        expect(page.locator("h1")).to_have_text("Overview")
        settle(page)
        _period(page, "7d")
        _unfold(page)
        _choose(page, "direction", "Inbound")
        expect(page.locator(cards)).to_have_text("30")
        assert link(page) == {"period": "7d", "direction": "Inbound"}
        page.go_back()
        expect(page.locator(cards)).to_have_text("120")
        assert link(page) == {"period": "7d"}
        page.go_back()
        expect(page.locator(".st-key-period").get_by_role("radio", name="24h")).to_be_checked()
        assert link(page) == {}
        page.go_forward()
        expect(page.locator(".st-key-period").get_by_role("radio", name="7d")).to_be_checked()
        page.go_back()
        page.go_back()
        expect(page.locator("h1")).to_have_text("Latency")


def test_a_custom_period_is_one_step(looked_at: str, browser: Browser) -> None:
    """Its two times are written into the address after it: Back must not stop between."""
    with opened(browser, looked_at) as page:
        settle(page)
        _period(page, "custom")
        expect(page.locator(".st-key-times-shown")).to_be_visible()
        assert set(link(page)) == {"period", "from", "to"}
        page.go_back()
        expect(page.locator(".st-key-period").get_by_role("radio", name="24h")).to_be_checked()
        assert link(page) == {}


def test_a_chart_leads_to_calls_and_back_to_the_same_filters(looked_at: str, browser: Browser) -> None:
    """What was looked at is as it was left, on the page and in its address."""
    with opened(browser, f"{looked_at}/analytics?period=7d&direction=Outbound") as page:
        click(page, panel(page, "languages").locator(".bars path").last)
        assert counted(page) == 90
        assert link(page)["period"] == "7d"
        page.go_back()
        expect(page.locator("h1")).to_have_text("Analytics")
        settle(page)
        assert link(page) == {"period": "7d", "direction": "Outbound"}


def test_filters_that_are_not_set_are_folded_and_what_is_set_can_be_taken_away(
    looked_at: str, browser: Browser
) -> None:
    """One line on a screen; a switch shows the others."""
    with opened(browser, f"{looked_at}/?period=7d&direction=Inbound") as page:
        settle(page)
        expect(page.locator(".st-key-direction")).to_be_visible()
        for name in ("language", "status", "compare"):
            expect(page.locator(f".st-key-{name}")).to_be_hidden()
        bar = page.locator(".st-key-filters").bounding_box()
        assert bar
        assert bar["height"] < 60
        _unfold(page)
        for name in ("language", "status", "compare"):
            expect(page.locator(f".st-key-{name}")).to_be_visible()
        _unfold(page)
        page.locator(".st-key-direction").get_by_role("button", name="Clear value").click()
        settle(page)
        expect(page.locator(".st-key-direction")).to_be_hidden()
        expect(page.locator(".st-key-kpi-total-calls [data-testid=stMetricValue]")).to_have_text("120")
        assert link(page) == {"period": "7d"}


def test_a_phone_shows_calls_below_two_lines_of_filters(looked_at: str, browser: Browser) -> None:
    """Nine boxes were five lines."""
    with opened(browser, f"{looked_at}/calls?period=7d", width=390) as page:
        settle(page)
        head = page.locator(".st-key-filters").bounding_box()
        controls = page.locator(".st-key-call-controls").bounding_box()
        assert head
        assert controls
        assert head["height"] < 100
        assert controls["height"] < 100


def test_an_unknown_address_says_so_and_leads_on(looked_at: str, browser: Browser) -> None:
    """It looked like Overview."""
    page = browser.new_page()
    page.goto(f"{looked_at}/nosuchpage")
    expect(page.locator("h1")).to_have_text("Page not found")
    assert page.title().startswith("Page not found")
    page.get_by_role("link", name="Open Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.close()


def test_an_address_below_a_page_says_so_instead_of_staying_blank(looked_at: str, browser: Browser) -> None:
    """Streamlit looked for its own files there too, and showed a white page for good."""
    page = browser.new_page()
    for path in ("/calls/call_1", "/runbooks/call/failure?period=7d"):
        page.goto(f"{looked_at}{path}")
        expect(page.locator("h1")).to_have_text("Page not found")
    page.goto(f"{looked_at}/calls/")
    expect(page.locator("h1")).to_have_text("Calls")
    page.close()


def test_the_keyboard_alone_leads_from_a_chart_to_its_calls(looked_at: str, browser: Browser) -> None:
    """Behind each chart stands a list of links, one for each point that can be clicked."""
    with opened(browser, f"{looked_at}/analytics?period=7d") as page:
        button = panel(page, "languages").get_by_role("button", name="Table")
        button.focus()
        page.keyboard.press("Enter")
        points = page.get_by_role("list", name="Calls behind each point")
        expect(points).to_be_visible()
        expect(points.get_by_role("link").first).to_be_focused()
        page.keyboard.press("Tab")
        expect(points.get_by_role("link").nth(1)).to_be_focused()
        words = page.evaluate("document.activeElement.innerText")
        page.keyboard.press("Enter")
        assert counted(page) == int(words.split(" · ")[1])
        page.go_back()
        expect(page.locator("h1")).to_have_text("Analytics")
