"""A Prometheus scrape with a thousand and a million calls: from stored totals, and by summing all days.

Summing is what a collector without stored totals would do; the results are compared.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from benchmarks.setup.made_calls import fill
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import refresh_rollups
from core.exporting.families import families
from core.exporting.prometheus import expose
from core.exporting.sums import Sums, sums_of
from core.exporting.totals import advance_totals, read_totals
from core.storage import get_sync_database
from core.types import Document

SIZES = (1_000, 1_000_000)
DAYS = 90
ROUNDS = 15


def scrape(database: Database[Document]) -> None:
    """Do what the API does for GET /metrics."""
    expose(families(database), "text/plain")


def add_up(database: Database[Document]) -> Sums:
    """Return the same counters, summed over the days."""
    now = datetime.now(UTC)
    cube = load_cube(database, now - timedelta(days=DAYS + 2), now + timedelta(days=1), campaigns=False)
    return sums_of(cube.cells)


def milliseconds(do: Callable[[], object]) -> float:
    """Return the median time of several runs."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        do()
        taken.append((time.perf_counter() - begun) * 1_000)
    return median(taken)


def main() -> None:
    """Measure and print a table."""
    table = Table("calls", "scrape, from totals", "all days summed", "totals of a minute")
    scrapes = []
    for calls in SIZES:
        with scratch_store():
            database = get_sync_database()
            fill(database, calls, days=DAYS)
            refresh_rollups(database)
            advance_totals(database)
            totals = read_totals(database)
            assert totals is not None
            counts = {key: value for key, value in add_up(database).items() if key[0] == "calls"}
            assert counts.items() <= totals.published.items()
            figures = [
                milliseconds(lambda: scrape(database)),  # noqa: B023 (called at once)
                milliseconds(lambda: add_up(database)),  # noqa: B023 (called at once)
                milliseconds(lambda: advance_totals(database)),  # noqa: B023 (called at once)
            ]
            scrapes.append(figures[0])
            table.add_row(f"{calls:,}", *(f"{figure:,.0f} ms" for figure in figures))
    few, many = scrapes
    note("scrape", "scrape", many, few)
    Console().print(table)
