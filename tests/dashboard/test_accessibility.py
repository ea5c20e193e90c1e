"""Everybody can use it: what axe-core finds on each page, and what the keyboard reaches."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from core.clock import utc_now
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.types import Document
from tests.dashboard.browser import opened, scrolled_to

pytestmark = pytest.mark.full
_NAME = """() => {
  const focused = document.activeElement;
  return focused === document.body ? "" : (focused.getAttribute("aria-label") || focused.innerText).trim();
}"""


def _faults(page: Page) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:300]}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]


def _open_each(page: Page) -> list[str]:
    page.wait_for_selector("[data-testid=stMain] h1")
    links = page.locator("[data-testid=stSidebarNav] a")
    return [str(links.nth(number).get_attribute("href")) for number in range(links.count())]


def _attempt(number: int) -> CallMetrics:
    """One of three attempts of a lead: dialled on end, and then the lead asked not to be called again."""
    start = utc_now() - timedelta(minutes=60 - 10 * number)
    return CallMetrics.model_validate(
        {
            "call_id": f"attempt_{number}",
            "lead_id": "lead_of_three",
            "start_time": start,
            "duration_seconds": 40,
            "status": "completed",
            "direction": "outbound",
            "attempt": number,
            "qualification_completed": number == 2,
            "compliance": {"opt_out": True} if number == 3 else None,
        }
    )


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_no_fault_of_ours(
    address: str, calls_of_today: Database[Document], browser: Browser, width: int, scheme: str
) -> None:
    write_calls(calls_of_today, [_attempt(number) for number in (1, 2, 3)])
    with opened(browser, address) as page:
        menu = _open_each(page)
    pages = [*menu, f"{address}/calls?call_id=call_7", f"{address}/lead?call_id=attempt_2", f"{address}/lead"]
    pages += [f"{address}/calls?call_id=nobody", f"{address}/?direction=inbound&status=failed"]
    pages += [f"{address}/alerts?view={view}" for view in ("History", "Rules", "Silences", "Channels")]
    faults = {}
    with opened(browser, "about:blank", width=width, scheme=scheme) as page:
        for path in pages:
            page.goto(path)
            page.wait_for_selector("[data-testid=stMain] h1")
            page.wait_for_load_state("networkidle")
            page.wait_for_selector("[data-testid=stSkeleton]", state="detached")
            if found := _faults(page):
                faults[path] = found
    assert {urlsplit(path).path for path in menu} > {"/", "/latency", "/runbooks"}
    assert faults == {}


def test_the_keyboard_reaches_pages_filters_and_tables(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/analytics") as page:
        scrolled_to(page, "hours")
        page.locator(".st-key-more-filters label").first.click()
        page.wait_for_selector(".st-key-language", state="visible")
        page.evaluate("document.activeElement.blur()")
        reached = set()
        for _ in range(90):
            page.keyboard.press("Tab")
            reached.add(page.evaluate(_NAME))
    wanted = {"Overview", "Analytics", "24h", "Direction", "Language", "Pause", "Table"}
    assert {name for name in wanted if not any(name in text for text in reached)} == set()
    assert not any("Link to heading" in text for text in reached), "an unseen stop of the Tab key"


_GROUND = "element => getComputedStyle(element).backgroundColor"
_RING = "element => { const its = getComputedStyle(element); return its.outlineStyle + its.outlineWidth; }"


def test_the_keyboard_shows_where_it_is_in_the_menu(looked_at: str, browser: Browser) -> None:
    with opened(browser, f"{looked_at}/latency") as page:
        links = page.get_by_test_id("stSidebarNavLink")
        links.first.focus()
        page.keyboard.press("Tab")
        assert links.nth(1).evaluate(_RING) == "solid2px"


def test_what_is_chosen_and_on_shows_in_the_colours_of_the_readers_system(
    looked_at: str, browser: Browser
) -> None:
    """With a high contrast theme: the chosen period looked like the others, and switches were not there."""
    with opened(browser, f"{looked_at}/?period=7d") as page:
        page.emulate_media(forced_colors="active")
        page.wait_for_selector(".st-key-kpi-total-calls")
        chosen = page.locator(".st-key-period [aria-checked=true]")
        other = page.locator(".st-key-period [aria-checked=false]").first
        assert chosen.evaluate(_GROUND) != other.evaluate(_GROUND)
        switch = page.locator(".st-key-pause label > div").first
        assert switch.evaluate(_RING) == "solid1px"
        off = switch.evaluate(_GROUND)
        page.locator(".st-key-pause label").first.click()
        expect(page.locator(".st-key-pause input")).to_be_checked()
        assert switch.evaluate(_GROUND) != off
