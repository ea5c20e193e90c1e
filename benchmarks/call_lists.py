"""What is read from the calls themselves: a page of their list, latency by hour, and the slowest.

Asked in turns of 100,000 and of 1,000,000 calls in the same 90 days: how much more does the larger store
cost? No answer is kept.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from pymongo.database import Database
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.setup.made_calls import fill, long_ago
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.aggregation import series
from core.aggregation.cube import Cube, load_cube
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.search.call_search import CallFacets, count_calls, list_calls, list_query
from core.aggregation.search.slowest import slowest_calls
from core.storage import get_sync_database
from core.types import Document

SIZES, DAYS, ROUNDS, ROWS = (100_000, 1_000_000), 90, 15, 50
END = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)
PERIOD = (END - timedelta(days=DAYS), END)
FIELD = "e2e_latency_ms"
LARGEST_RATIO = 1.5
MOST_COUNTED = 100_000
"""As on the page of calls."""
Store = Database[Document]


def page_of_list(store: Store) -> object:
    """Return the newest calls and their number, as the page of calls shows them."""
    rows = list_calls(store, list_query(*PERIOD, CallFilters(), CallFacets()), limit=ROWS)
    return rows, count_calls(store, *PERIOD, most=MOST_COUNTED)


def _hourly(store: Store) -> Cube:
    return load_cube(store, *PERIOD, bucket="1h", fields=(FIELD,), campaigns=False, counts=False)


def latency_by_hour(store: Store) -> object:
    """Return the p95 of each hour of the week."""
    return series.percentile_by_hour_of_week(_hourly(store), FIELD)


def slowest(store: Store) -> object:
    """Return the ten slowest calls, found by the hours' highest values."""
    return slowest_calls(store, _hourly(store), FIELD, CallFilters())


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "list": page_of_list,
    "hours": latency_by_hour,
    "slowest": slowest,
}


def _stores() -> list[Store]:
    client = get_sync_database().client
    stores = [client[f"calls_{size}"] for size in SIZES]
    for store, size in zip(stores, SIZES, strict=True):
        fill(store, size, END, DAYS, recorded_at=long_ago())
        refresh_rollups(store)
    return stores


def main() -> None:
    """Print the table, measured on a scratch embedded server."""
    table = Table(
        title=f"Read from the calls of {DAYS} days, median of {ROUNDS} in turns, ms", title_justify="left"
    )
    for column in ("", *(f"{size:,} calls" for size in SIZES), f"ratio (at most {LARGEST_RATIO})"):
        table.add_column(column, justify="right" if column else "left")
    with scratch_store():
        stores = _stores()
        for name, ask in track(QUESTIONS.items(), "Asking", transient=True):
            times: list[list[float]] = [[] for _ in stores]
            for store, seconds in list(zip(stores, times, strict=True)) * (ROUNDS + 1):
                began = time.perf_counter()
                ask(store)
                seconds.append(time.perf_counter() - began)
            few, many = (1000 * median(seconds[1:]) for seconds in times)
            note("call_lists", name, many, few)
            table.add_row(name, f"{few:,.1f}", f"{many:,.1f}", f"{many / few:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
