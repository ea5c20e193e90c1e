"""Explore in a real browser: a question is asked, read, saved under a name, and opened again by its link."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from core.storage.saved_views import saved_views
from core.types import Document
from tests.dashboard.browser import drawn, opened
from tests.dashboard.test_drilldown import settle

pytestmark = pytest.mark.full
TABLE = ".st-key-chart-explored-table table"


def choose(page: Page, key: str, value: str) -> None:
    """Choose from a box as a hand would: open it, type, click the value."""
    page.locator(f".st-key-{key} input").click()
    page.locator(f".st-key-{key} input").fill(value)
    page.get_by_role("option", name=value, exact=True).click()
    settle(page)


def test_a_question_is_saved_and_its_link_opens_the_same(
    address: str, calls_of_today: Database[Document], browser: Browser
) -> None:
    """The bars, the table and the store agree: an error in 6 of 30 calls inbound, 6 of 90 outbound."""
    with opened(browser, f"{address}/explore?period=7d") as page:
        choose(page, "measure", "Error rate")
        choose(page, "split", "Direction")
        expect(page.locator(TABLE)).to_contain_text("Inbound")
        (bars,) = drawn(page, "explored")
        read = page.locator(TABLE).inner_text()
        page.get_by_role("button", name="Saved views").click()
        page.locator(".st-key-view-name input").fill("Errors by direction")
        page.locator(".st-key-view-who input").fill("Asha")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved as Errors by direction").first).to_be_visible()
    shares = []
    for direction in ("inbound", "outbound"):
        of: Document = {"direction": direction}
        failed, n = (
            calls_of_today["calls"].count_documents(of | errors)
            for errors in ({"errors.0": {"$exists": True}}, {})
        )
        shares.append(100 * failed / n)
        assert f"{direction.capitalize()}\t{shares[-1]:.1f} %" in read
    assert sorted(bars["x"]) == pytest.approx(sorted(shares))
    [view] = saved_views(calls_of_today)
    assert (view.name, view.made_by) == ("Errors by direction", "Asha")
    with opened(browser, f"{address}/explore?{urlencode(view.link, doseq=True)}") as page:
        expect(page.locator(TABLE)).to_contain_text("Inbound")
        assert page.locator(TABLE).inner_text() == read
        assert drawn(page, "explored")[0]["x"] == bars["x"]
