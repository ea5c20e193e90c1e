"""What comes out of a printer: dark ink on white paper, and panels beside each other as on the screen."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.dashboard.browser import opened, scrolled_to

pytestmark = pytest.mark.full
PAPER = {"width": 1047, "height": 718}
"""A4 in landscape without its margins, in pixels of CSS."""


def on_paper(page: Page) -> None:
    page.set_viewport_size(PAPER)  # type: ignore[arg-type] # a TypedDict
    page.emulate_media(media="print")


def test_a_dark_page_is_printed_on_white(looked_at: str, browser: Browser) -> None:
    """A page of ink is no use to anyone; the colours keep their meaning."""
    with opened(browser, looked_at, scheme="dark") as page:
        page.wait_for_selector(".st-key-kpi-total-calls")
        page.wait_for_function(
            "[...document.querySelectorAll('style')].some(it => it.textContent.includes('@media print'))"
        )
        on_paper(page)
        shades = Image.open(BytesIO(page.screenshot())).convert("L").histogram()
        assert sum(shades[200:]) > 0.8 * sum(shades), "most of the paper stays white"


def test_printed_panels_stand_as_on_the_screen(looked_at: str, browser: Browser) -> None:
    """Each chart was drawn for its place in the row: alone in it, two thirds would be empty."""
    with opened(browser, f"{looked_at}/analytics") as page:
        scrolled_to(page, "rates-direction")
        page.emulate_media(media="print")
        tops = page.evaluate(
            "['rates', 'rates-direction'].map(name =>"
            " document.querySelector(`.st-key-chart-${name}`).getBoundingClientRect().top)"
        )
        assert tops[0] == tops[1]
        assert page.evaluate(
            "[...document.querySelectorAll('[class*=st-key-chart-] .main-svg')].every(it =>"
            " it.getBoundingClientRect().right <= it.closest('[class*=st-key-chart-]')"
            ".getBoundingClientRect().right + 1)"
        )
