"""Memory of the dashboard's server after 100 and after 1,000 page views.

Each reader opens a link, visits every page and leaves; ten links take turns, so that caches fill early.
Without a browser: a page view is a full run of its script. The database is another process. As readers come
within minutes, not within a day, what is kept for one who may come back is kept for SESSION_SECONDS.
"""

import argparse
import sys

import psutil
from rich.console import Console
from rich.progress import track

from benchmarks.setup.goals import FIGURES
from benchmarks.setup.made_calls import fill, long_ago
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from benchmarks.setup.streamlit_server import QUERIES, served
from benchmarks.setup.streamlit_session import Session
from core.aggregation.rollups.refresh import refresh_rollups
from core.storage import get_sync_database

CALLS = 20_000
PAGES = (
    *("", "analytics", "conversion", "latency", "explore"),
    *("compare", "compliance", "system", "alerts", "calls"),
)
FEW, MANY = 100, 1_000
"""Page views."""
SESSION_SECONDS = 3
"""Instead of a minute."""


def _visit(port: int, views: int, first: int = 0) -> None:
    """Have one reader after another visit every page, until there were so many page views."""
    readers = range(first // len(PAGES), views // len(PAGES))
    for reader in track(readers, f"Page views up to {views:,}", transient=True):
        with Session(port, QUERIES[reader % len(QUERIES)]) as session:
            for page in PAGES:
                session.run(page)


def _mebibytes(process_id: int) -> float:
    return float(psutil.Process(process_id).memory_info().rss) / 2**20


def measure(calls: int) -> tuple[float, float]:
    """Return the server's memory after FEW and after MANY page views, in MiB."""
    with scratch_store() as folder:
        database = get_sync_database()
        fill(database, calls, recorded_at=long_ago())
        refresh_rollups(database)
        own = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(SESSION_SECONDS)}
        with served([sys.executable, "-m", "dashboard"], own, folder) as (port, server):
            _visit(port, FEW)
            few = _mebibytes(server.pid)
            _visit(port, MANY, FEW)
            return few, _mebibytes(server.pid)


def main(calls: int = CALLS) -> None:
    """Print both figures and their ratio."""
    few, many = measure(calls)
    note("dashboard_memory", "memory", many, few)
    goal = FIGURES["dashboard_memory"]["memory"].goal()
    Console().print(
        f"{few:,.0f} MiB after {FEW} page views, {many:,.0f} MiB after {MANY:,}: {many / few:.2f} x ({goal})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="size of the store")
    main(parser.parse_args().calls)
