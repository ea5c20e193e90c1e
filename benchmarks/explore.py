"""Queries beyond the roll-ups over 1,000,000 calls: the columnar copy next to DuckDB's own table.

The table is on disk, made from the same rows, and queried in plain SQL as an analyst would write it. Both
have the same threads and memory, take turns, and have warm files. Ours are asked as the page does: from the
definitions, closed days from Parquet, today's calls from memory. The answers are compared.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from benchmarks.setup.made_calls import fill
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.aggregation.columnar.copy import Source, copy_closed_days, open_source
from core.aggregation.columnar.engine import MEMORY, THREADS
from core.aggregation.columnar.question import Answer, Question, answer
from core.aggregation.rollups.refresh import refresh_rollups
from core.clock import day_bounds, local_today
from core.storage import get_sync_database
from core.storage.recording.dirty_windows import OVERLAP
from core.types import Document

CALLS, DAYS, ROUNDS = 1_000_000, 90, 9
LARGEST_RATIO = 1.5
_POINTS = "[0.5, 0.9, 0.95, 0.99]"
_LATENCY = (
    f"count(e2e_latency_ms), stddev_samp(e2e_latency_ms), avg(e2e_latency_ms), "
    f"quantile_disc(e2e_latency_ms, {_POINTS}), max(e2e_latency_ms)"
)
_QUALIFIED = (
    "count(*) FILTER (WHERE status = 'completed' AND qualification_completed), "
    "count(*) FILTER (WHERE status = 'completed')"
)
_COST = (
    "count(cost), stddev_samp(cost), sum(cost), count(*) FILTER (WHERE cost IS NOT NULL), "
    "count(*) FILTER (WHERE status = 'completed' AND qualification_completed), "
    "count(*) FILTER (WHERE status = 'completed' AND handoff_triggered)"
)
QUESTIONS: dict[str, tuple[Question, str]] = {
    "qualification rate by attempt": (
        Question("qualification_rate", "attempt"),
        f"SELECT attempt, count(*), {_QUALIFIED} FROM calls GROUP BY 1",  # noqa: S608 (our own words)
    ),
    "latency percentiles by hour": (
        Question("e2e_latency_ms", "hour"),
        f"SELECT hour, count(*), {_LATENCY} FROM calls GROUP BY 1",  # noqa: S608 (our own words)
    ),
    "latency percentiles by attempt, one language": (
        Question("e2e_latency_ms", "attempt", (("language", "hindi"),)),
        f"SELECT attempt, count(*), {_LATENCY} FROM calls WHERE language = 'hindi' GROUP BY 1",  # noqa: S608 (our own words)
    ),
    "cost by weekday": (
        Question("cost", "weekday"),
        f"SELECT weekday, count(*), {_COST} FROM calls GROUP BY 1",  # noqa: S608 (our own words)
    ),
    "error rate by day": (
        Question("error_rate", "day"),
        "SELECT day, count(*), count(*) FILTER (WHERE has_error), count(*) FROM calls GROUP BY 1",
    ),
}


def own_table(source: Source, file: Path) -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own table of a source's calls."""
    made = duckdb.connect(str(file), config={"threads": THREADS, "memory_limit": MEMORY})
    made.register("fresh", source.fresh)
    made.execute(
        "CREATE TABLE calls AS SELECT * FROM read_parquet($files) UNION ALL SELECT * FROM fresh",
        {"files": [str(one) for one in source.files]},
    )
    made.execute("CHECKPOINT")
    return made


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds that ``act`` takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def check(ours: Answer, theirs: list[tuple[Any, ...]]) -> None:
    """Assert that both have the same groups, counts and percentiles."""
    assert ours.calls == sum(row[1] for row in theirs)
    assert ours.groups == len(theirs)
    by_key = {str(row[0]): row for row in theirs}
    for key, row in zip(ours.rows.index, ours.rows.to_dict("records"), strict=True):
        assert row["calls"] == by_key[key][1]
        if "p95" in row:
            assert row["p95"] == by_key[key][5][2]


def prepared(store: Database[Document]) -> tuple[Source, list[str]]:
    """Write the calls, roll them up and copy them; return the source, and how long it took."""
    end = datetime.now(UTC)
    start = day_bounds(local_today() - timedelta(days=DAYS - 1))[0]
    fill(store, CALLS, end, (end - start) / timedelta(days=1))
    refresh_rollups(store)
    time.sleep(OVERLAP.total_seconds() + 2)  # calls recorded in the last minute are not copied yet
    refresh_rollups(store)
    copying = timed(lambda: copy_closed_days(store, DAYS))
    sources: list[Source] = []
    opening = median(timed(lambda: sources.append(open_source(store, start, end))) for _ in range(3))
    source = sources[-1]
    size = sum(file.stat().st_size for file in source.files)
    said = [
        f"Copying {len(source.days)} days: {copying:.1f} s, {size / 1e6:.0f} MB",
        f"Opening the copy, {len(source.fresh):,} of today from the store: {1000 * opening:.0f} ms",
    ]
    return source, said


def main() -> None:
    """Print the times and the ratio, measured on a scratch embedded server."""
    console = Console()
    table = Table(title=f"{CALLS:,} calls, median of {ROUNDS} in turns, ms", title_justify="left")
    for column in ("question", "Explore", "DuckDB's own table", "ratio"):
        table.add_column(column, justify="right" if table.columns else "left")
    totals = [0.0, 0.0]
    with scratch_store() as folder:
        source, said = prepared(get_sync_database())
        own = own_table(source, folder / "own.duckdb")
        for name, (question, sql) in QUESTIONS.items():
            check(answer(source, question), own.execute(sql).fetchall())
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(timed(lambda question=question: answer(source, question)))  # type: ignore[misc]
                theirs.append(timed(lambda sql=sql: own.execute(sql).fetchall()))  # type: ignore[misc]
            times = median(ours), median(theirs)
            totals = [total + one for total, one in zip(totals, times, strict=True)]
            table.add_row(name, *(f"{1000 * one:.0f}" for one in times), f"{times[0] / times[1]:.2f}")
        own.close()
    note("explore", "queries", *(1000 * total for total in totals))
    ratio = totals[0] / totals[1]
    table.add_row("all", *(f"{1000 * one:.0f}" for one in totals), f"{ratio:.2f}")
    console.print(table)
    for line in said:
        console.print(line)
    console.print(f"Explore takes {ratio:.2f} x DuckDB on its own table; the goal is {LARGEST_RATIO} at most")


if __name__ == "__main__":
    main()
