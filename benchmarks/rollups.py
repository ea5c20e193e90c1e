"""Building and refreshing roll-ups, their size, and the error of their percentiles."""

import time
from datetime import UTC, datetime, timedelta
from itertools import chain
from statistics import median

import numpy as np
from pymongo.database import Database
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.setup.made_calls import documents, fill
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.aggregation.rollups import sketch
from core.aggregation.rollups.refresh import rebuild_rollups, refresh_rollups
from core.storage import get_sync_database
from core.storage.collections import ROLLUPS_15M, ROLLUPS_DAILY
from core.storage.recording.dirty_windows import OVERLAP
from core.types import Document

SIZES = {100_000: 9, 1_000_000: 90}
"""Past calls and their days, with the same traffic per day."""
NEW_CALLS = 1_000
ROUNDS = 5
SHARES = np.array([0.5, 0.9, 0.95, 0.99])
VALUES = 200_000
END = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)


def _stores() -> dict[int, Database[Document]]:
    client = get_sync_database().client
    stores = {size: client[f"calls_{size}"] for size in SIZES}
    for size, store in stores.items():
        fill(store, size, END, SIZES[size])
    return stores


def _rebuild(store: Database[Document], days: int) -> float:
    """Return calls per second."""
    with Progress(transient=True) as bar:
        task = bar.add_task("Rebuilding")
        started = time.perf_counter()
        done = rebuild_rollups(
            store,
            END - timedelta(days=days),
            END,
            lambda at, total: bar.update(task, completed=at, total=total),
        )
        return done.calls / (time.perf_counter() - started)


def _record_new(store: Database[Document], days: int, number: int) -> None:
    """Record calls of the last hours, at the same rate as in the past."""
    span = NEW_CALLS * days / max(size for size, its in SIZES.items() if its == days)
    end = END + timedelta(days=span * (number + 1))
    rows = chain.from_iterable(documents(NEW_CALLS, end, span, seed=1_000 + number))
    store["calls"].insert_many(list(rows), ordered=False)


def _refreshes(stores: dict[int, Database[Document]]) -> dict[int, float]:
    """Return the median seconds of a refresh after new calls; the stores take turns."""
    for store in stores.values():
        refresh_rollups(store)
    # Calls recorded in the last minute are recomputed for safety, so wait until these are older.
    time.sleep(OVERLAP.total_seconds() + 2)
    for store in stores.values():
        refresh_rollups(store)
    times: dict[int, list[float]] = {size: [] for size in stores}
    for number in range(ROUNDS):
        for size, store in stores.items():
            _record_new(store, SIZES[size], number)
            started = time.perf_counter()
            refresh_rollups(store)
            times[size].append(time.perf_counter() - started)
    return {size: median(seconds) for size, seconds in times.items()}


def _distributions() -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    rng = np.random.default_rng(1)
    modes = rng.choice([120.0, 2400.0], VALUES, p=(0.7, 0.3))
    return {
        "heavy-tailed (Pareto 1.1)": rng.pareto(1.1, VALUES) * 50,
        "bimodal": rng.normal(modes, modes / 20).clip(1),
        "constant": np.full(VALUES, 2000.0),
        "zero": np.zeros(VALUES),
        "half zero": rng.exponential(300, VALUES) * rng.integers(0, 2, VALUES),
    }


def _errors() -> Table:
    table = Table(title="Percentiles next to numpy's inverted_cdf: relative error", title_justify="left")
    for column in ("values", "p50", "p90", "p95", "p99"):
        table.add_column(column, justify="right")
    for name, values in _distributions().items():
        counts = np.bincount(sketch.bucket_of(values), minlength=sketch.WIDTH)[None, :]
        ours = sketch.quantiles(counts, SHARES, values.min(keepdims=True), values.max(keepdims=True))[0]
        exact = np.quantile(values, SHARES, method="inverted_cdf")
        errors = np.abs(ours - exact) / np.where(exact > 0, exact, 1)
        table.add_row(name, *(f"{error:.2%}" for error in errors))
    return table


def main() -> None:
    """Print the tables, measured on a scratch embedded server."""
    title = f"Roll-ups; a refresh after {NEW_CALLS:,} new calls, median of {ROUNDS} in turns"
    table = Table(title=title, title_justify="left")
    for column in ("calls", "days", "rebuild, calls/s", "refresh, ms", "calls, MB", "15 min, MB", "days, MB"):
        table.add_column(column, justify="right")
    with scratch_store():
        stores = _stores()
        rates = {size: _rebuild(store, SIZES[size]) for size, store in stores.items()}
        refreshes = _refreshes(stores)
        for size, store in stores.items():
            sizes = (
                store.command("collstats", name)["storageSize"] / 1e6
                for name in ("calls", ROLLUPS_15M, ROLLUPS_DAILY)
            )
            table.add_row(
                f"{size:,}",
                f"{SIZES[size]}",
                f"{rates[size]:,.0f}",
                f"{1000 * refreshes[size]:.0f}",
                *(f"{size:,.0f}" for size in sizes),
            )
    console = Console()
    console.print(table)
    few, many = refreshes.values()
    note("rollups", "refresh", 1000 * many, 1000 * few)
    note("rollups", "rebuild", rates[max(SIZES)])
    console.print(f"With ten times the calls in the past a refresh takes {many / few:.2f} x the time\n")
    console.print(_errors())


if __name__ == "__main__":
    main()
