"""The dashboard in a process of its own, and pages of a real browser that fail on any error."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 90_000
"""Timeout for pages, generous because machines can be busy."""
expect.set_options(timeout=PATIENCE_MS)


LAUNCHER = ("dashboard",)
PLAIN = ("streamlit", "run", "dashboard/app.py")
"""The two ways of starting it, as arguments of ``python -m``."""


@contextmanager
def served(folder: Path, start: Sequence[str] = LAUNCHER) -> Iterator[str]:
    """Yield the address of a dashboard on a free port; it must exit cleanly afterwards."""
    port = free_port()
    with (folder / "dashboard.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *start],
            cwd=ROOT,
            env=os.environ | {"DASHBOARD_PORT": str(port), "STREAMLIT_SERVER_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://localhost:{port}"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
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
    """Yield a browser page in another time zone; console errors and outside requests fail the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="America/New_York",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    strangers: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: None if "localhost" in request.url else strangers.append(request.url))
    try:
        page.goto(url)
        yield page
        # Opening any but the first page requests two files below that page that do not exist.
        errors = [error for error in errors if "404 (Not Found)" not in error]
        strangers = [address for address in strangers if not address.startswith(("data:", "blob:"))]
        assert not errors, errors
        assert not strangers, strangers
    finally:
        context.close()


_BRING = "selector => document.querySelector(selector)?.scrollIntoView({ block: 'center' })"


def scrolled_to(page: Page, panel: str) -> Locator:
    """Return a panel whose chart is drawn, as it is once its reader comes near."""
    found = page.locator(f".st-key-chart-{panel}")
    deadline = time.monotonic() + PATIENCE_MS / 1_000
    while not found.locator(".main-svg").count():
        assert time.monotonic() < deadline, f"{panel} is not drawn"
        page.evaluate(_BRING, f".st-key-chart-{panel}")  # again, as what appears above it moves it away
        page.wait_for_timeout(100)
    return found


def draw_all(page: Page) -> None:
    """Look at each chart of a page once, and return to its top."""
    later = "[class*=st-key-later-] button"
    while page.locator(later).count():
        page.evaluate(_BRING, later)
        page.wait_for_timeout(100)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")


def drawn(page: Page, panel: str) -> list[dict[str, Any]]:
    """Return what Plotly drew in a panel: each trace's name, x, y, z and customdata as plain lists."""
    scrolled_to(page, panel)
    traces: list[dict[str, Any]] = page.evaluate(_DRAWN, f".st-key-chart-{panel} .js-plotly-plot")
    return traces


_DRAWN = """selector => {
  const plain = value => value == null ? null : Array.from(value, item =>
    item !== null && typeof item === "object" ? Array.from(item, Number) :
    typeof item === "number" && Number.isNaN(item) ? null : item);
  return document.querySelector(selector)._fullData.map(trace => ({
    name: trace.name, x: plain(trace.x), y: plain(trace.y), z: plain(trace.z),
    customdata: plain(trace.customdata) }));
}"""
