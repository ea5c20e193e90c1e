"""Pointing at a turn of a call, in a browser: its log lines are marked, wherever one points."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pymongo.database import Database

from core.settings import get_settings
from core.types import Document
from tests.dashboard.browser import opened, served
from tests.dashboard.calls.conversation import CALL, KEY, record_conversation

_MARKED = "table.log tr.pointed"


def lines(page: Page, turn: int) -> None:
    """Expect the lines of a turn to be marked and no others; 0 is none."""
    marked = page.locator(_MARKED)
    if not turn:
        expect(marked).to_have_count(0)
        expect(page.locator(".turn-lines")).to_have_text("")
        return
    count = 2 if turn == 2 else 1
    expect(marked).to_have_count(count)
    assert {marked.nth(n).get_attribute("data-turn") for n in range(count)} == {str(turn)}
    expect(page.locator(".turn-lines")).to_have_text(f"Turn {turn}: {count} log line{'s'[: count - 1]}")


def hover(page: Page, bar: Locator) -> None:
    """Plotly takes the mouse by itself: an element of it cannot be hovered over as others are."""
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)


@pytest.mark.full
def test_a_turn_marks_its_log_lines(
    database: Database[Document], browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pointed at in the text or in either chart; chosen by a click or a key it stays so."""
    monkeypatch.setenv("ENCRYPTION_KEYS", KEY)
    get_settings.cache_clear()
    record_conversation(database)
    with served(tmp_path) as address, opened(browser, f"{address}/calls?call_id={CALL}") as page:
        clock = page.locator(".st-key-chart-clock .bars path")
        expect(clock.first).to_be_attached()
        page.wait_for_timeout(500)  # the charts are watched as soon as they stand
        said = page.locator("ol.said li")
        said.nth(1).hover()
        lines(page, 2)
        page.locator("h1").hover()
        lines(page, 0)
        hover(page, clock.first)  # the lead's first words
        lines(page, 1)
        hover(page, page.locator(".st-key-chart-turns .bars path").first)
        lines(page, 1)
        page.locator("h1").hover()
        lines(page, 0)
        said.nth(2).get_by_role("button").click()
        page.locator("h1").hover()
        lines(page, 3)
        expect(said.nth(2).get_by_role("button")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Tab")
        lines(page, 4)
        page.keyboard.press("Enter")
        page.locator("h1").click()
        lines(page, 4)
        page.locator(".st-key-chart-log").get_by_role("radio", name="ERROR").click()
        expect(page.locator(".st-key-chart-log")).to_contain_text("1 of 9 lines")
        page.locator(".st-key-chart-log").get_by_role("radio", name="DEBUG").click()
        expect(page.locator(".st-key-chart-log")).to_contain_text("9 of 9 lines")
        lines(page, 4)
