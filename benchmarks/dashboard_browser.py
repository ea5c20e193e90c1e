"""The dashboard as its readers wait for it: in a real browser, and ten sessions at once at the server.

Beside it, as the floor, a Streamlit page with a title and one chart. ``--calls`` chooses the stores' sizes.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.setup.made_calls import fill
from benchmarks.setup.streamlit_session import Session
from core.aggregation.rollups.refresh import refresh_rollups
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import close_all
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
SIZES = (10_000, 1_000_000)
ROUNDS = 7
FLOOR = """
import plotly.graph_objects as go
import streamlit as st

st.set_page_config(layout="wide")
st.title("One chart")
st.plotly_chart(go.Figure(go.Bar(x=list(range(24)), y=list(range(24)))), key="only")
if st.toggle("Again", key="again"):
    st.caption("again")
"""
QUERIES = tuple(
    f"period={period}&language={language}"
    for period in ("24h", "7d", "30d", "90d", "1h")
    for language in ("Hindi", "English")
)
"""Ten readers, ten different views."""

# Notes when the page last changed. A blinking cursor or an animation of style changes no element.
_WATCH = """
window.lastChange = 0;
new MutationObserver(() => { window.lastChange = performance.now(); })
  .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""
QUIET_MS = 700


@contextmanager
def _served(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    port = free_port()
    env = os.environ | environment | {"DASHBOARD_PORT": str(port), "STREAMLIT_SERVER_PORT": str(port)}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)  # noqa: S603 (ours)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < deadline, (folder / "server.log").read_text()[-2000:]
                    time.sleep(0.1)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def _settled(page: Page, since: float) -> float:
    """Milliseconds from ``since`` (the page's clock) to the last change before QUIET_MS without one."""
    page.wait_for_function(
        "([since, quiet]) => window.lastChange > since && performance.now() - window.lastChange > quiet"
        " && document.querySelector('.js-plotly-plot .main-svg')"
        " && !document.querySelector('[data-testid=stSkeleton]')",
        arg=[since, QUIET_MS],
        polling=50,
    )
    return float(page.evaluate("window.lastChange")) - since


def _timed(page: Page, action: Callable[[], object]) -> float:
    before = float(page.evaluate("performance.now()"))
    action()
    return _settled(page, before)


def _first_views(browser: Browser, url: str) -> list[float]:
    times = []
    for _ in range(3):
        with _page(browser) as page:
            page.goto(url, wait_until="commit")
            times.append(_settled(page, 0))
    return times


def _in_browser(browser: Browser, url: str) -> dict[str, list[float]]:
    first = _first_views(browser, url)
    with _page(browser) as page:
        page.goto(f"{url}/?period=7d")
        _settled(page, 0)
        page.locator(".st-key-pause label").first.click()  # what renews itself would count as a change
        _settled(page, 0)
        switches: dict[str, list[float]] = {"Analytics": [], "Overview": []}
        changes = []
        for round_number in range(ROUNDS + 1):
            for name, times in switches.items():
                times.append(_timed(page, page.get_by_role("link", name=name, exact=True).click))
            period = page.locator(".st-key-period").get_by_text(
                "24h" if round_number % 2 else "7d", exact=True
            )
            changes.append(_timed(page, period.click))
    to_pages = {f"switch to {name}": times[1:] for name, times in switches.items()}
    return {"first view": first, "filter change": changes[1:]} | to_pages


def _at_server(port: int) -> dict[str, list[float]]:
    with Session(port, "period=7d") as session:
        session.run()
        session.run()
        reruns = [session.run() * 1000 for _ in range(ROUNDS)]
    sessions = [Session(port, query) for query in QUERIES]
    cold = [session.run() * 1000 for session in sessions]
    with ThreadPoolExecutor(len(sessions)) as pool:
        together = [max(pool.map(Session.run, sessions)) * 1000 for _ in range(ROUNDS)]
    for session in sessions:
        session.__exit__(None, None, None)
    return {"server rerun, warm": reruns, "a view nobody had": cold, "ten sessions at once": together}


def _floor(browser: Browser, folder: Path) -> dict[str, list[float]]:
    script = folder / "floor.py"
    script.write_text(FLOOR)
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    with _served(command, {}, folder) as port:
        first = _first_views(browser, f"http://localhost:{port}")
        with _page(browser) as page:
            page.goto(f"http://localhost:{port}")
            _settled(page, 0)
            toggle = page.locator(".st-key-again label").first
            changes = [_timed(page, toggle.click) for _ in range(ROUNDS + 1)][1:]
        with Session(port) as session:
            session.run()
            reruns = [session.run() * 1000 for _ in range(ROUNDS)]
        sessions = [Session(port) for _ in QUERIES]
        with ThreadPoolExecutor(len(sessions)) as pool:
            together = [max(pool.map(Session.run, sessions)) * 1000 for _ in range(ROUNDS)]
        for session in sessions:
            session.__exit__(None, None, None)
    return {
        "first view": first,
        "filter change": changes,
        "server rerun, warm": reruns,
        "ten sessions at once": together,
    }


def _with_calls(browser: Browser, calls: int, folder: Path) -> dict[str, list[float]]:
    os.environ["DATA_DIR"] = str(folder)
    os.environ.pop("MONGODB_URI", None)
    get_settings.cache_clear()
    try:
        database = get_sync_database()
        fill(database, calls)
        refresh_rollups(database)
        with _served([sys.executable, "-m", "dashboard"], {"DATA_DIR": str(folder)}, folder) as port:
            return _in_browser(browser, f"http://localhost:{port}") | _at_server(port)
    finally:
        close_all(wait_seconds=10)


LIMITS = {
    "first view": "2,500",
    "switch to Analytics": "350",
    "switch to Overview": "350",
    "filter change": "450",
    "server rerun, warm": "60",
    "a view nobody had": "",
    "ten sessions at once": "350",
}


def _cell(times: Sequence[float] | None) -> str:
    return f"{median(times):,.0f} ({min(times):,.0f}-{max(times):,.0f})" if times else ""


def main(sizes: Sequence[int] = SIZES) -> None:
    """Print the table: medians and ranges in milliseconds."""
    table = Table(title="The dashboard, ms, median (range)", title_justify="left")
    for column in ("", "limit", "one chart alone", *(f"{size:,} calls" for size in sizes)):
        table.add_column(column, justify="right" if column else "left")
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    columns = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        with tempfile.TemporaryDirectory() as folder:
            columns.append(_floor(browser, Path(folder)))
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                columns.append(_with_calls(browser, size, Path(folder)))
        browser.close()
    for name, limit in LIMITS.items():
        table.add_row(name, limit, *(_cell(column.get(name)) for column in columns))
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", default=list(SIZES), help="sizes of the stores")
    main(parser.parse_args().calls)
