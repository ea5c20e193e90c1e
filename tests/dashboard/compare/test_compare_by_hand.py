"""Compare in a real browser: two versions are chosen, told apart, and the link opens the same."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from core.aggregation import frames
from core.clock import utc_now
from core.types import Document
from tests.dashboard.browser import opened, served

pytestmark = pytest.mark.full
VERDICTS = ".st-key-chart-verdicts"


def choose(page: Page, key: str, value: str) -> None:
    """Choose from a box as a hand would: open it, click the value."""
    page.locator(f".st-key-{key} input").click()
    page.get_by_role("option", name=value, exact=True).click()


def rows(page: Page) -> dict[str, list[str]]:
    """Return what the table of verdicts shows, by figure."""
    lines = page.locator(f"{VERDICTS} table tr").all_inner_texts()
    cells = [[cell.strip() for cell in line.split("\t")] for line in lines]
    return {figure: rest for figure, *rest in cells}


def of_frames() -> Mapping[str, pd.DataFrame]:
    """Return all calls as a notebook gets them, by version."""
    now = utc_now()
    calls = frames.calls(now - timedelta(days=2), now)
    number = calls.index.str.removeprefix("call_").astype(int)
    return {f"2.{version}": group for version, group in calls.groupby(number % 2)}


def test_two_versions_are_chosen_and_the_link_opens_the_same(
    calls: Database[Document], browser: Browser, tmp_path: Path
) -> None:
    """The verdict is there at once, and the opposite the other way round; figures are those of frames."""
    with served(tmp_path) as address:
        with opened(browser, f"{address}/compare?period=7d") as page:
            verdicts = page.locator(VERDICTS)
            expect(verdicts).to_contain_text("2.1 is better on qualification rate")
            choose(page, "a", "2.1")
            choose(page, "b", "2.0")
            expect(verdicts).to_contain_text("2.0 against 2.1")
            expect(verdicts).to_contain_text("worse on qualification rate")
            expect(page.locator(".st-key-chart-compare-percentiles")).to_contain_text("End-to-end latency")
            shown = rows(page)
            page.wait_for_function("['a=2.1', 'b=2.0'].every(part => location.search.includes(part))")
            link = page.evaluate("location.href")
        for at, (_, group) in enumerate(sorted(of_frames().items(), reverse=True)):
            completed = group[group["status"] == "completed"]
            qualified = 100 * completed["qualification_completed"].mean()
            assert shown["Qualification rate"][at].startswith(f"{qualified:.1f} %")
            assert shown["End-to-end latency, mean"][at] == f"{group['e2e_latency_ms'].mean():,.0f} ms"
            assert shown["Answer rate"][4].split(" · ")[at] == f"{len(group):,}"
        with opened(browser, link) as page:
            expect(page.locator(VERDICTS)).to_contain_text("2.0 against 2.1")
            assert rows(page) == shown
