"""The page and its database: it goes and comes back while somebody looks."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pymongo import MongoClient
from pymongo.database import Database

from core.clock import utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import ensure_indexes
from core.storage.server.connection import close_all
from core.storage.server.embedded import find_mongod
from core.types import Document
from tests.dashboard.browser import opened, scrolled_to, served
from tests.dashboard.conftest import make_call
from tests.dashboard.test_drilldown import settle
from tests.ports import free_port

pytestmark = pytest.mark.full


class Server:
    """A ``mongod`` of this test's own, to be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.uri = f"mongodb://127.0.0.1:{self.port}/?serverSelectionTimeoutMS=300"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = ["--dbpath", str(self._folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        self._process = subprocess.Popen(
            [str(find_mongod()), *where, "--nounixsocket"], stdout=subprocess.DEVNULL
        )
        with contextlib.closing(self.client(20_000)) as client:
            client.admin.command("ping")

    def client(self, patience_ms: int = 300) -> MongoClient[Document]:
        """A client of its own; to be closed."""
        return MongoClient(self.uri, serverSelectionTimeoutMS=patience_ms, tz_aware=True)

    def kill(self) -> None:
        """As a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Configured for child processes too; not yet started."""
    (tmp_path / "db").mkdir()
    server = Server(tmp_path / "db")
    monkeypatch.setenv("MONGODB_URI", server.uri)
    monkeypatch.setenv("MONGODB_DATABASE", "restart")
    get_settings.cache_clear()
    yield server
    close_all()
    server.kill()


def record(server: Server, first: int, last: int) -> None:
    with contextlib.closing(server.client()) as client:
        now = utc_now()
        write_calls(
            client["restart"],
            [make_call(n, now - timedelta(minutes=n % 30 + 1)) for n in range(first, last)],
        )


def test_a_page_outlives_its_database(server: Server, tmp_path: Path, browser: Browser) -> None:
    """Figures stay with their time while it is away; without a reload they go on once it is back."""
    server.start()
    with contextlib.closing(server.client()) as client:
        ensure_indexes(client["restart"])
    record(server, 0, 50)
    with served(tmp_path) as address, opened(browser, f"{address}/?period=24h") as page:
        calls = page.locator(".st-key-kpi-total-calls [data-testid=stMetricValue]")
        expect(calls).to_have_text("50")
        page.evaluate("window.neverReloaded = true")
        server.kill()
        expect(page.get_by_text("The database is not reachable. Showing figures from")).to_be_visible()
        expect(calls).to_have_text("50")
        server.start()
        record(server, 50, 80)
        expect(calls).to_have_text("80")
        expect(page.get_by_text("The database is not reachable")).to_have_count(0)
        scrolled_to(page, "volume-status")
        assert page.evaluate("window.neverReloaded")


def test_a_page_opened_before_its_database_starts_by_itself(
    server: Server, tmp_path: Path, browser: Browser
) -> None:
    with served(tmp_path) as address, opened(browser, f"{address}/latency") as page:
        expect(page.get_by_text("The database is not reachable.")).to_be_visible()
        server.start()
        record(server, 0, 50)
        scrolled_to(page, "asr-latency-ms")


def test_figures_renew_themselves_without_a_flash(server: Server, tmp_path: Path, browser: Browser) -> None:
    """Cards and the places of charts stay while their figures change; nothing dims; Pause stops them.

    Figures and charts renew themselves together, every minute. The page that is paused was there first, so it
    would have had its turn before the other.
    """
    server.start()
    record(server, 0, 50)
    figure = ".st-key-kpi-total-calls [data-testid=stMetricValue]"
    with served(tmp_path) as address, opened(browser, f"{address}/?period=1h") as paused:
        expect(paused.locator(figure)).to_have_text("50")
        paused.locator(".st-key-pause label").first.click()
        expect(paused.locator(".st-key-pause input")).to_be_checked()
        settle(paused)
        with opened(browser, f"{address}/?period=1h") as page:
            expect(page.locator(figure)).to_have_text("50")
            scrolled_to(page, "volume-status")
            page.evaluate(_WATCH)
            record(server, 50, 60)
            expect(page.locator(figure)).to_have_text("60")
            assert page.evaluate("window.card.isConnected")
            assert page.evaluate("window.chart.isConnected")
            assert page.evaluate("window.dimmest") == 1
        time.sleep(5)
        expect(paused.locator(figure)).to_have_text("50")


_WATCH = """() => {
  window.card = document.querySelector(".st-key-kpi-total-calls [data-testid=stMetric]");
  window.chart = document.querySelector(".st-key-chart-volume-status");
  window.dimmest = 1;
  const look = () => {
    for (const element of document.querySelectorAll("[data-stale]"))
      window.dimmest = Math.min(window.dimmest, Number(getComputedStyle(element).opacity));
    requestAnimationFrame(look);
  };
  look();
}"""


_SAID = "element => getComputedStyle(element, '::before').content"


def test_a_page_says_that_its_server_is_away_and_keeps_what_was_typed(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """Streamlit would ask its reader to run a script in a terminal."""
    page = browser.new_page()
    with served(tmp_path) as address:
        page.goto(f"{address}/calls")
        page.wait_for_selector("[data-testid=stMain] h1")
        search = page.get_by_label("Search by call or lead id")
        search.fill("lead_4")
        settle(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("streamlit run")).to_be_hidden()
    assert "This page goes on by itself" in dialog.locator("h2 + div").evaluate(_SAID)
    expect(page.locator("input[value=lead_4]")).to_be_visible()
    page.context.close()
