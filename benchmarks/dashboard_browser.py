"""The dashboard as its readers wait for it: in a real browser, and ten sessions at once at the server.

Beside it, as the floor, a Streamlit app of two pages with a title and one chart each, and one filter.
A wait is given twice: until the first screenful is on the screen whole, and until nothing on the page
changes any more. ``--calls`` chooses the stores' sizes.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.setup.goals import FIGURES
from benchmarks.setup.made_calls import fill, long_ago
from benchmarks.setup.results import note
from benchmarks.setup.streamlit_server import QUERIES, served
from benchmarks.setup.streamlit_session import Session
from core.aggregation.rollups.refresh import refresh_rollups
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import close_all

SIZES = (10_000, 1_000_000)
ROUNDS = 15
FLOOR = """
import plotly.graph_objects as go
import streamlit as st

st.set_page_config(layout="wide")
period = st.segmented_control("Period", ["24h", "7d"], default="7d", required=True, key="period")
hours = {"24h": 24, "7d": 168}[period]


def draw():
    st.title(page.title)
    bars = list(range(hours))
    st.plotly_chart(go.Figure(go.Bar(x=bars, y=bars)), key=page.title)


page = st.navigation([st.Page(draw, title=name, url_path=name) for name in ("Analytics", "Overview")])
page.run()
"""
# Notes when what last changed. A blinking cursor or an animation of style changes no element. A change is
# on the screen once the frame after it is done, so an element's time is that frame's. Marks that nobody sees,
# as whether a script runs, do not count as seen.
_WATCH = """
window.lastChange = 0;
window.shown = new Map();
const plot = "[class*='st-key-plot-']", panel = "[class*='st-key-chart-']";
const inPlace = "[class*='st-key-plot-'], [class*='st-key-later-']";
let changed = new Set();
const framed = () => {
  const now = performance.now(), elements = changed;
  changed = new Set();
  for (const element of elements) window.shown.set(element, now);
};
new MutationObserver(changes => {
  window.lastChange = performance.now();
  if (!changed.size) requestAnimationFrame(() => setTimeout(framed));
  for (const { type, attributeName, target, addedNodes, removedNodes } of changes) {
    if (type === "attributes" && attributeName.startsWith("data-")) continue;
    if (!addedNodes.length && [...removedNodes].some(node => node.matches?.(inPlace))) continue;
    for (const node of addedNodes.length ? addedNodes : [target]) {
      const element = node.nodeType === 1 ? node : node.parentElement;
      if (element) changed.add(element.closest(plot) ?? element.closest(panel) ?? element);
    }
  }
}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });

window.lastSeen = () => {
  let last = 0;
  for (const [element, at] of window.shown) {
    const { top, bottom, width } = element.getBoundingClientRect();
    if (element.isConnected && width && top < innerHeight && bottom > 0 && at > last) last = at;
  }
  window.shown.clear();
  return last;
};
"""
QUIET_MS = 700


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@dataclass(frozen=True)
class Wait:
    """Milliseconds until the first screenful is there, and until the whole page is."""

    seen: float
    whole: float


def _settled(page: Page, since: float) -> Wait:
    """The waits from ``since`` (the page's clock) to the last changes before QUIET_MS without one."""
    page.wait_for_function(
        "([since, quiet]) => window.lastChange > since && performance.now() - window.lastChange > quiet"
        " && document.querySelector('.js-plotly-plot .main-svg, [class*=st-key-later-]')"
        " && !document.querySelector('[data-testid=stSkeleton]')",
        arg=[since, QUIET_MS],
        polling=50,
    )
    seen, whole = page.evaluate("[window.lastSeen(), window.lastChange]")
    return Wait(seen - since, whole - since)


def _timed(page: Page, action: Callable[[], object]) -> Wait:
    before = float(page.evaluate("performance.now()"))
    action()
    return _settled(page, before)


def _first_views(browser: Browser, url: str) -> list[Wait]:
    times = []
    for _ in range(3):
        with _page(browser) as page:
            page.goto(url, wait_until="commit")
            times.append(_settled(page, 0))
    return times


def _in_browser(browser: Browser, url: str) -> dict[str, list[float]]:
    waits = {"first view": _first_views(browser, url)}
    with _page(browser) as page:
        page.goto(f"{url}/?period=7d")
        _settled(page, 0)
        if (pause := page.locator(".st-key-pause label")).count():
            pause.first.click()  # what renews itself would count as a change
            _settled(page, 0)
        for round_number in range(ROUNDS + 1):
            for name in ("Analytics", "Overview"):
                wait = _timed(page, page.get_by_role("link", name=name, exact=True).click)
                waits.setdefault(f"switch to {name}", []).append(wait)
            period = page.locator(".st-key-period").get_by_text(
                "7d" if round_number % 2 else "24h", exact=True
            )
            waits.setdefault("filter change", []).append(_timed(page, period.click))
    measured = {name: times if name == "first view" else times[1:] for name, times in waits.items()}
    return {name: [wait.seen for wait in times] for name, times in measured.items()} | {
        f"{name}, whole page": [wait.whole for wait in times] for name, times in measured.items()
    }


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
    return {"server rerun, warm": reruns, "a view not cached yet": cold, "ten sessions at once": together}


def _floor(browser: Browser, folder: Path) -> dict[str, list[float]]:
    script = folder / "floor.py"
    script.write_text(FLOOR)
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    # As Streamlit comes; our configuration, which is read where this runs, turns it off.
    with served(command, {"STREAMLIT_RUNNER_POST_SCRIPT_GC": "true"}, folder) as (port, _):
        waits = _in_browser(browser, f"http://localhost:{port}")
        with Session(port) as session:
            session.run()
            reruns = [session.run() * 1000 for _ in range(ROUNDS)]
        sessions = [Session(port) for _ in QUERIES]
        with ThreadPoolExecutor(len(sessions)) as pool:
            together = [max(pool.map(Session.run, sessions)) * 1000 for _ in range(ROUNDS)]
        for session in sessions:
            session.__exit__(None, None, None)
    return waits | {"server rerun, warm": reruns, "ten sessions at once": together}


def _with_calls(browser: Browser, calls: int, folder: Path) -> dict[str, list[float]]:
    os.environ["DATA_DIR"] = str(folder)
    os.environ.pop("MONGODB_URI", None)
    get_settings.cache_clear()
    try:
        database = get_sync_database()
        fill(database, calls, recorded_at=long_ago())
        refresh_rollups(database)
        with served([sys.executable, "-m", "dashboard"], {"DATA_DIR": str(folder)}, folder) as (port, _):
            return _in_browser(browser, f"http://localhost:{port}") | _at_server(port)
    finally:
        close_all(wait_seconds=10)


def _cell(times: Sequence[float] | None, floor: Sequence[float] | None = None) -> str:
    if not times:
        return ""
    share = f" {median(times) / median(floor):.1f} x" if floor else ""
    return f"{median(times):,.0f} ({min(times):,.0f}-{max(times):,.0f}){share}"


def main(sizes: Sequence[int] = SIZES) -> None:
    """Print the table: medians and ranges in milliseconds, and how many times the floor's median."""
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
    for name, figure in FIGURES["dashboard_browser"].items():
        floor, *ours = (column.get(name) for column in columns)
        note("dashboard_browser", name, median(columns[-1][name]), median(floor) if floor else None)
        table.add_row(name, figure.goal(), _cell(floor), *(_cell(times, floor) for times in ours))
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", default=list(SIZES), help="sizes of the stores")
    main(parser.parse_args().calls)
