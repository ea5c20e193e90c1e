"""``make demo`` as a user starts it: both pages in a real browser, Ctrl-C, nothing left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser import scrolled_to
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_SECONDS = 600  # a first start installs everything
pytestmark = pytest.mark.full


def users_of(folder: Path) -> list[str]:
    """Every process that was started with this DATA_DIR, its command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if process.environ().get("DATA_DIR") == str(folder):
                found.append(" ".join(process.info["cmdline"] or ()))
        except psutil.Error:
            continue
    return found


class Demo:
    """A running ``make demo`` with its addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = {"DASHBOARD_PORT": str(free_port()), "API_PORT": str(free_port())}
        self.dashboard = f"http://localhost:{ports['DASHBOARD_PORT']}"
        self.api = f"http://127.0.0.1:{ports['API_PORT']}"
        self.process = subprocess.Popen(
            ["make", "demo"],
            cwd=ROOT,
            env={**os.environ, **ports, "DATA_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for_banner(self) -> str:
        """What it printed up to the last line of its banner."""
        assert self.process.stdout
        printed = ""
        for line in self.process.stdout:
            printed += line
            if "Ctrl-C stops everything" in line:
                return printed
        pytest.fail(f"make demo ended without a banner:\n{printed}")

    def press_ctrl_c(self) -> float:
        """As the terminal does, to the whole group; the seconds until it had ended."""
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=60)
        return time.monotonic() - started


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "demo")
    yield demo
    if demo.process.poll() is None:
        os.killpg(demo.process.pid, signal.SIGKILL)


def drawn(page: Page, chart: str) -> int:
    """How many marks a chart has drawn: bars, lines, cells."""
    plot = scrolled_to(page, chart)
    expect(plot.locator(".main-svg").first).to_be_visible(timeout=30_000)
    marks = plot.locator(".point path, .js-line, .heatmaplayer image")
    expect(marks.first).to_be_attached(timeout=30_000)
    return marks.count()


@pytest.mark.timeout(READY_WITHIN_SECONDS + 180)
def test_demo_shows_calls_on_both_pages_and_leaves_nothing(demo: Demo, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    banner = demo.wait_for_banner()
    assert demo.dashboard in banner
    assert users_of(demo.folder)

    page.goto(demo.dashboard)
    calls = page.locator(".st-key-kpi-total-calls [data-testid=stMetricValue]")
    expect(calls).to_be_visible(timeout=60_000)
    assert int(calls.inner_text().replace(",", "")) > 100
    assert drawn(page, "volume-status") > 10
    assert drawn(page, "e2e-latency-ms") >= 1

    page.goto(f"{demo.dashboard}/analytics")
    for chart in ("volume-status", "rates", "languages", "hours"):
        assert drawn(page, chart) >= 1
    # The incident that is under way makes an alert within the scheduler's first check.
    page.goto(demo.dashboard)
    expect(page.locator(".st-key-active-alerts")).to_contain_text("latency", timeout=60_000, ignore_case=True)

    current = httpx2.get(f"{demo.api}/api/v1/analytics/metrics").json()
    assert current["total_calls"] > 100
    firing = httpx2.get(f"{demo.api}/api/v1/analytics/alerts").json()
    assert "speech_latency" in {alert["alert_type"] for alert in firing["alerts"]}
    deadline = time.monotonic() + 240  # calls come at random, by night one every 30 s in the mean
    newest = current["live"]["last_call_ended_at"]
    while newest == current["live"]["last_call_ended_at"] and time.monotonic() < deadline:
        time.sleep(1)
        newest = httpx2.get(f"{demo.api}/api/v1/analytics/metrics").json()["live"]["last_call_ended_at"]
    assert newest > current["live"]["last_call_ended_at"]

    assert demo.press_ctrl_c() < 20
    assert users_of(demo.folder) == []
    assert not (demo.folder / "mongodb" / "mongod.sock").exists()
