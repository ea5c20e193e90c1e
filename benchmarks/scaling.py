"""The cost of 10 thousand, 1 million and 100 million calls a day: measured at that density, then computed.

For 100 million calls a day, only the busiest quarter hour is filled, and the rest of the day are copies of
it. Sizes are those of calls with random ids, as agents create them.
"""

import asyncio
import itertools
import math
import multiprocessing
import random
import resource
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from statistics import fmean, median
from typing import Any

from bson import Timestamp
from pymongo.database import Database
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.record_call import _calls, _seconds
from benchmarks.setup.made_calls import documents
from benchmarks.setup.scaling_model import PEAK_HOUR, TURNS, Costs, Plan, Stored, Traffic, plan
from benchmarks.setup.store import scratch_store
from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.read import LATE
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.aggregation.series import percentile_series, volume
from core.clock import day_bounds
from core.models.metrics import CallMetrics, TurnMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_sync_database, rollup_store
from core.storage.collections import (
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
    ensure_indexes,
)
from core.storage.recording.dirty_windows import OVERLAP
from core.storage.recording.records import Record
from core.storage.server.connection import close_connections, server_time
from core.types import Document

WINDOW = timedelta(minutes=15)
DAY = (datetime.now(UTC) - timedelta(days=400)).date()
"""The last day with calls, old enough to be archived."""
LEVELS = ((10_000, 30), (1_000_000, 1), (100_000_000, 0))
"""Calls per day, and the days to fill; 0: only the busiest quarter hour."""
CACHE = (
    "cache_size=6G,eviction_dirty_target=5,eviction_dirty_trigger=20,"
    "eviction_updates_target=0,eviction_updates_trigger=0"
)
"""Cache of a dedicated server; the embedded one's 0.5 GB is too small for 2.6 million calls in 15 minutes."""
SAMPLE_TURNS = 200_000
TURN_MILLISECONDS = {
    "end_of_turn_delay_ms": 300,
    "asr_ms": 210,
    "llm_ttft_ms": 420,
    "tts_ttfb_ms": 150,
    "e2e_ms": 1100,
}
SERVER_TIME = Timestamp(0, 0)
"""Replaced by the server's clock."""
RECORDED, CALLERS = 30_000, 512
_SIZE: Document = {"$project": {"size": {"$bsonSize": "$$ROOT"}}}
HOT = {"_id_", "lead_id_1", "call_id_1"}
"""Indexes with random keys, which must fit into memory."""


def main() -> None:
    """Print the measurements and the model."""
    console = Console()
    levels = []
    with scratch_store():
        costs = _costs(get_sync_database())
    for calls_a_day, days in LEVELS:
        with scratch_store():
            levels.append(_traffic(get_sync_database(), calls_a_day, days))
            console.log(levels[-1])
    console.print(_records(costs))
    console.print(_measured(levels))
    console.print(_modelled(levels, [plan(costs, level) for level in levels]))


def _costs(database: Database[Document]) -> Costs:
    ensure_indexes(database)
    recorded = Timestamp(datetime.combine(DAY, datetime.min.time(), UTC), 1)
    ids = _fill(database, 300_000, 30, recorded, random_ids=True)
    turns = _turns(itertools.islice(ids, SAMPLE_TURNS // TURNS), recorded)
    while some := list(itertools.islice(turns, 10_000)):
        database["turns"].insert_many(some, ordered=False)
    database.client.admin.command("fsync")
    before = {name: database.command("collStats", name) for name in ("calls", "turns")}
    archive_due(database)
    sizes = {
        name: sum(part["bytes"] for part in database["archives"].find({"collection": name}))
        for name in before
    }
    call, turn = (_stored(before[name], sizes[name]) for name in ("calls", "turns"))
    return Costs(call, turn, median(asyncio.run(_record()) for _ in range(3)))


def _stored(stats: Document, parquet: int) -> Stored:
    count = stats["count"]
    hot = sum(size for name, size in stats["indexSizes"].items() if name in HOT)
    return Stored(
        bson=stats["size"] / count,
        disk=stats["storageSize"] / count,
        indexes=stats["totalIndexSize"] / count,
        hot=hot / count,
        parquet=parquet / count,
    )


def _end(day: date) -> datetime:
    return day_bounds(day)[1]


def _fill(
    database: Database[Document],
    calls: int,
    days: float,
    recorded: Timestamp = SERVER_TIME,
    *,
    random_ids: bool = False,
) -> Iterator[str]:
    """Write calls of the days before the end of DAY, and return their ids."""
    ids = []
    batches = documents(calls, _end(DAY), days, seed=time.monotonic_ns() % 2**32)
    for batch in track(batches, f"Writing {calls:,} calls", total=-(-calls // 10_000), transient=True):
        rows = [row | {"recorded_at": recorded} for row in batch]
        if random_ids:
            rows = [row | {"_id": uuid.uuid4().hex} for row in rows]
        database["calls"].insert_many(rows, ordered=False)
        ids += [row["_id"] for row in rows]
    return iter(ids)


def _turns(calls: Iterable[str], recorded: Timestamp) -> Iterator[Document]:
    start, rng = _end(DAY) - timedelta(hours=6), random.Random(1)  # noqa: S311 (no secret)
    for number, call_id in enumerate(calls):
        for turn in range(1, TURNS + 1):
            made = TurnMetrics(
                call_id=call_id,
                turn=turn,
                start_time=start + timedelta(seconds=number % 20_000 + 12 * turn),
                language="hinglish",
                **{
                    field: round(rng.lognormvariate(math.log(typical), 0.4), 1)
                    for field, typical in TURN_MILLISECONDS.items()
                },
            )
            yield Record.now(made).to_document() | {"recorded_at": recorded}


async def _record() -> float:
    service = MetricsService()
    calls = _calls(RECORDED, uuid.uuid4().hex)

    async def record(fields: dict[str, Any]) -> None:
        await service.record_call_metrics(CallMetrics(**fields))

    rate = RECORDED / await _seconds(record, calls, CALLERS)
    await close_connections()
    return rate


def _traffic(database: Database[Document], calls_a_day: int, days: int) -> Traffic:
    database.client.admin.command("setParameter", wiredTigerEngineRuntimeConfig=CACHE)
    last_hour = calls_a_day * PEAK_HOUR
    new = max(1, round(last_hour / 12))
    before = round(days * calls_a_day) or round(last_hour / 4) - new
    _fill(database, before, days or 1 / 96)
    ensure_indexes(database)  # afterwards: many times faster
    _wait_out_overlap()
    started = time.perf_counter()
    refresh_rollups(database)
    rebuilt = before / (time.perf_counter() - started)
    _fill(database, new, 1 / 96)
    seconds, megabytes = _refresh_elsewhere()
    if not days:
        _copy_window(database, _end(DAY))
    _settle(database)
    _copy_day(database)
    sizes = [row["size"] for row in database[ROLLUPS_15M].aggregate([_SIZE])]
    days_sizes = [
        [row["size"] for row in database[name].aggregate([_SIZE])]
        for name in (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS, ROLLUPS_HOURLY)
    ]
    return Traffic(
        calls_a_day=calls_a_day,
        window_bytes=fmean(sizes),
        day_bytes=sum(map(fmean, days_sizes)),
        greatest_document=max(sizes + list(itertools.chain.from_iterable(days_sizes))),
        rebuilt_per_second=rebuilt,
        refresh_seconds=seconds,
        refresh_megabytes=megabytes,
        question_milliseconds=_question(database),
    )


def _wait_out_overlap() -> None:
    """Wait until a refresh no longer has to re-read the last minute's calls."""
    time.sleep(OVERLAP.total_seconds() + 5)


def _settle(database: Database[Document]) -> None:
    """Refresh late enough for queries to be answered from roll-ups alone."""
    time.sleep(LATE.total_seconds() + 1)
    refresh_rollups(database)


def _refresh() -> tuple[float, float]:
    started = time.perf_counter()
    refresh_rollups(get_sync_database())
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _refresh_elsewhere() -> tuple[float, float]:
    """Return seconds and peak memory in MB of a refresh in its own process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_refresh)


def _copy_window(database: Database[Document], end: datetime) -> None:
    """Fill the day's roll-ups with copies of its last quarter hour."""
    window = database[ROLLUPS_15M].find_one({"_id": end - WINDOW}) or {}
    rows = ({**window, "_id": end - number * WINDOW} for number in range(2, 97))
    rollup_store.replace_older(database, ROLLUPS_15M, rows, server_time(database))


def _copy_day(database: Database[Document]) -> None:
    """Copy the last day's roll-ups to the 89 days before it."""
    for name in (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS):
        (last,) = database[name].find({"date": str(DAY)})
        database[name].delete_many({"date": {"$ne": str(DAY)}})
        for number in range(1, 90):
            day = DAY - timedelta(days=number)
            key = rollup_store.day_id(get_settings().timezone, day)
            database[name].insert_one({**last, "_id": key, "date": str(day), "start": day_bounds(day)[0]})


def _question(database: Database[Document]) -> float:
    """Return the median milliseconds of a dashboard's figures over 90 days."""
    start, end = day_bounds(DAY - timedelta(days=89))[0], _end(DAY)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        cube = load_cube(database, start, end, campaigns=False)
        summarise(cube)
        volume(cube, "status", "1D")
        for field in ("asr_latency_ms", "tts_latency_ms"):
            percentile_series(cube, field, "1D")
        times.append((time.perf_counter() - started) * 1_000)
    (row,) = database[ROLLUPS_DAILY].find({"_id": rollup_store.day_id(get_settings().timezone, DAY)})
    assert cube.total == 90 * row["calls"]
    return median(times)


def _table(title: str, levels: list[Traffic]) -> Table:
    columns = (f"{level.calls_a_day:,} calls/day" for level in levels)
    return Table("", *columns, title=title, title_justify="left")


def _measured(levels: list[Traffic]) -> Table:
    cores = multiprocessing.cpu_count()
    title = f"Measured here: {cores} cores, {sys.platform}, Python {sys.version.split()[0]}"
    table = Table(
        "", *(f"{level.calls_a_day:,} calls/day" for level in levels), title=title, title_justify="left"
    )
    for label, values in (
        ("document per quarter hour, kB", [f"{level.window_bytes / 1e3:,.1f}" for level in levels]),
        ("documents per day, kB", [f"{level.day_bytes / 1e3:,.1f}" for level in levels]),
        ("largest document, kB", [f"{level.greatest_document / 1e3:,.1f}" for level in levels]),
        ("rebuild, calls/s", [f"{level.rebuilt_per_second:,.0f}" for level in levels]),
        ("refresh at peak, s", [f"{level.refresh_seconds:,.2f}" for level in levels]),
        ("memory of that refresh, MB", [f"{level.refresh_megabytes:,.0f}" for level in levels]),
        ("90-day query, ms", [f"{level.question_milliseconds:,.0f}" for level in levels]),
    ):
        table.add_row(label, *values)
    return table


def _records(costs: Costs) -> Table:
    title = f"Bytes per record; {costs.records_per_second:,.0f} durable records/s of one process and server"
    head = ("BSON", "on disk", "indexes", "hot indexes", "archived")
    table = Table("", *head, title=title, title_justify="left")
    for name, row in (("a call", costs.call), ("a turn", costs.turn)):
        sizes = (row.bson, row.disk, row.indexes, row.hot, row.parquet)
        table.add_row(name, *(f"{size:,.0f}" for size in sizes))
    return table


def _modelled(levels: list[Traffic], plans: list[Plan]) -> Table:
    title = (
        f"Model: {TURNS} turns per call, records kept 90 days, {PEAK_HOUR:.0%} of a day in its busiest hour"
    )
    table = Table(
        "", *(f"{level.calls_a_day:,} calls/day" for level in levels), title=title, title_justify="left"
    )
    for label, values in (
        ("database, one copy", [_bytes(row.database_bytes) for row in plans]),
        ("roll-ups per year", [_bytes(row.rollup_bytes_a_year) for row in plans]),
        ("archive per year", [_bytes(row.archive_bytes_a_year) for row in plans]),
        ("hot memory", [_bytes(row.hot_bytes) for row in plans]),
        ("records/s at peak", [f"{row.records_per_second:,.1f}" for row in plans]),
        ("share of one server's write rate", [f"{row.write_share:.1%}" for row in plans]),
        ("refresh, share of its minute", [f"{row.refresh_share:.1%}" for row in plans]),
        ("rebuild of 90 days", [_time(row.rebuild_seconds) for row in plans]),
        ("shards (limited by)", [f"{row.shards:,} ({row.limit})" for row in plans]),
        ("database servers, replicated", [f"{row.machines:,}" for row in plans]),
    ):
        table.add_row(label, *values)
    return table


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 3600:,.1f} h"


if __name__ == "__main__":
    main()
