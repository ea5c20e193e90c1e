"""The dashboard as people meet it: the real server, the real store, a real browser."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page
from pymongo.database import Database

from core.storage.connection import Document
from tests.dashboard.conftest import ROOT
from tests.ports import free_port

pytestmark = pytest.mark.full
LINES = ".scatterlayer path.js-line"


@pytest.fixture
def address(calls_of_today: Database[Document], tmp_path: Path) -> Iterator[str]:
    """``python -m dashboard`` on a free port; it must end well when asked to."""
    port = free_port()
    with (tmp_path / "dashboard.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "dashboard"],
            cwd=ROOT,
            env=os.environ | {"DASHBOARD_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://localhost:{port}"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=15) == 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(url, timeout=2):  # noqa: S310 (our own address)
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail("the dashboard did not start")


@contextmanager
def opened(browser: Browser, url: str, width: int = 1440, scheme: str = "light") -> Iterator[Page]:
    """A page of a browser in another time zone; no error may reach its console, no request leave here."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="America/New_York",
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    strangers: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: None if "localhost" in request.url else strangers.append(request.url))
    page.goto(url)
    yield page
    # A link to a page other than the first asks for two files below that page that are not there.
    assert [error for error in errors if "404 (Not Found)" not in error] == []
    assert [url for url in strangers if not url.startswith(("data:", "blob:"))] == []
    context.close()


def _shapes(page: Page, panel: str, kind: str) -> int:
    page.wait_for_selector(f".st-key-chart-{panel} .main-svg")
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


def test_charts_are_drawn_and_filters_stay_in_the_url(address: str, browser: Browser) -> None:
    with opened(browser, f"{address}/?period=7d&direction=inbound") as page:
        page.wait_for_selector(".st-key-kpi-total-calls")
        assert _calls(page) == "30"
        assert _shapes(page, "volume-status", "path") > 10
        assert _shapes(page, "asr-latency-ms", LINES) >= 1
        page.get_by_role("link", name="Analytics").click()
        page.wait_for_selector(".st-key-chart-hours .main-svg")
        assert "period=7d" in page.url
        assert "direction=Inbound" in page.url
        assert page.get_by_text("30 calls ·").is_visible()
        for panel in ("volume-status", "volume-direction", "durations", "sentiment", "languages"):
            assert _shapes(page, panel, ".bars path") >= 1, panel
        for panel in ("asr-latency-ms", "tts-latency-ms", "rates", "duration-course"):
            assert _shapes(page, panel, ".scatterlayer path") >= 1, panel
        link = page.url
    with opened(browser, link) as page:
        page.wait_for_selector(".st-key-chart-hours .main-svg")
        assert page.get_by_text("30 calls ·").is_visible()


def test_an_empty_period_has_a_button_to_the_data(address: str, browser: Browser) -> None:
    with opened(browser, f"{address}/?period=custom&from=1999-01-01&to=1999-01-31") as page:
        page.get_by_role("button", name="Show the 30 days up to").click()
        page.wait_for_selector(".st-key-kpi-total-calls")
        assert _calls(page) == "120"
        assert _shapes(page, "volume-status", ".bars path") > 0
        assert "1999" not in page.url


def test_dark_and_phone_hold_everything(address: str, browser: Browser) -> None:
    for path, panel in (("/", "volume-status"), ("/analytics", "hours")):
        with opened(browser, f"{address}{path}", width=390, scheme="dark") as page:
            page.wait_for_selector(f".st-key-chart-{panel} .main-svg")
            assert _fits(page)
            ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
            assert ground == "rgb(20, 24, 28)"


def test_the_table_behind_a_chart_downloads(address: str, browser: Browser) -> None:
    with opened(browser, f"{address}/analytics") as page:
        page.locator(".st-key-chart-languages").get_by_role("button", name="Table").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        lines = Path(download.value.path()).read_text().splitlines()
    assert lines == ["Language,Calls,Share (%)", "Hinglish,90,75.0", "Hindi,30,25.0"]
