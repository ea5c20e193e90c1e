"""Recording calls, validated and durable, beside PyMongo's own durable writes of the same documents.

All on one embedded server, on collections with the same indexes, the rivals taking turns.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any, TypeVar

from pymongo.asynchronous.database import AsyncDatabase
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_database, get_sync_database
from core.storage.connection import DURABLE, Document, close_all, close_connections
from core.storage.indexes import INDEXES, ensure_indexes
from core.storage.records import Record

T = TypeVar("T")
ROUNDS = 5
CALLS = 30_000
SINGLE_CALLS = 3_000
BATCH = 1_000
CALLERS = (64, 512)
CALLS_A_SECOND = 1_000
PACED_SECONDS = 5
Fields = dict[str, Any]


def _calls(count: int, name: str) -> list[Fields]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        {
            "call_id": f"{name}-{number}",
            "lead_id": f"lead_{number}",
            "start_time": start + timedelta(seconds=number),
            "end_time": start + timedelta(seconds=number + 180),
            "duration_seconds": 180,
            "status": "completed",
            "direction": "outbound",
            "language": "hinglish",
            "asr_latency_ms": 234.5,
            "tts_latency_ms": 156.2,
            "total_turns": 12,
            "qualification_completed": True,
            "handoff_triggered": True,
            "sentiment_score": 0.75,
        }
        for number in range(count)
    ]


def _documents(count: int, name: str) -> list[Document]:
    return [Record.now(CallMetrics.model_validate(fields)).to_document() for fields in _calls(count, name)]


async def _seconds(write: Callable[[T], Awaitable[object]], items: Sequence[T], callers: int) -> float:
    """How long so many callers take for all items, each waiting for one before its next."""
    remaining = iter(items)

    async def caller() -> None:
        for item in remaining:
            await write(item)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - started


async def _paced(write: Callable[[T], Awaitable[object]], items: Sequence[T]) -> list[float]:
    """Milliseconds that each write is awaited for, when they come at CALLS_A_SECOND."""
    waits: list[float] = []

    async def one(item: T) -> None:
        started = time.perf_counter()
        await write(item)
        waits.append((time.perf_counter() - started) * 1_000)

    began, tasks = time.perf_counter(), []
    for number, item in enumerate(items):
        await asyncio.sleep(max(0, began + number / CALLS_A_SECOND - time.perf_counter()))
        tasks.append(asyncio.create_task(one(item)))
    await asyncio.gather(*tasks)
    return waits


class _Rivals:
    """Each writes documents of its own; answers calls per second, or the milliseconds of each await."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._service = MetricsService()
        self._bare = database.get_collection("bare", write_concern=DURABLE)
        self._names = iter(range(1_000_000))

    async def record(self, fields: Fields) -> None:
        await self._service.record_call_metrics(CallMetrics(**fields))

    async def insert(self, document: Document) -> None:
        await self._bare.insert_one(document)

    async def insert_many(self) -> float:
        documents = _documents(CALLS, f"m{next(self._names)}")
        batches = [documents[start : start + BATCH] for start in range(0, CALLS, BATCH)]
        return CALLS / await _seconds(self._bare.insert_many, batches, callers=1)

    async def insert_one(self, callers: int) -> float:
        documents = _documents(SINGLE_CALLS, f"o{next(self._names)}")
        return SINGLE_CALLS / await _seconds(self.insert, documents, callers)

    async def recorded(self, callers: int) -> tuple[float, float]:
        """Of new calls, and of the same ones again with one field corrected."""
        calls = _calls(CALLS, f"r{next(self._names)}")
        new = CALLS / await _seconds(self.record, calls, callers)
        corrected = [fields | {"sentiment_score": 0.5} for fields in calls]
        return new, CALLS / await _seconds(self.record, corrected, callers)

    async def paced(self) -> tuple[list[float], list[float]]:
        count = CALLS_A_SECOND * PACED_SECONDS
        ours = await _paced(self.record, _calls(count, f"p{next(self._names)}"))
        return ours, await _paced(self.insert, _documents(count, f"q{next(self._names)}"))


def _row(rates: Sequence[float]) -> str:
    return f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


async def _throughput(rivals: _Rivals) -> Table:
    many: list[float] = []
    single: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    new: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    repeated: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    for _ in track(range(ROUNDS), "calls a second", transient=True):
        many.append(await rivals.insert_many())
        for callers in CALLERS:
            first, again = await rivals.recorded(callers)
            new[callers].append(first)
            repeated[callers].append(again)
            single[callers].append(await rivals.insert_one(callers))
    title = f"Recording, calls/s, median (range) of {ROUNDS} rounds"
    table = Table(
        "callers", "what", "calls/s", "x insert_many", "x insert_one", title=title, title_justify="left"
    )
    table.add_row("1", f"insert_many, batches of {BATCH:,}", _row(many), "1", "")
    for callers in CALLERS:
        for name, rates in (("record_call_metrics", new[callers]), ("the same corrected", repeated[callers])):
            table.add_row(
                str(callers),
                name,
                _row(rates),
                f"{median(rates) / median(many):.2f}",
                f"{median(rates) / median(single[callers]):.1f}",
            )
        table.add_row(str(callers), "insert_one", _row(single[callers]), "", "1")
    return table


async def _latency(rivals: _Rivals) -> Table:
    ours, theirs = [], []
    for _ in track(range(3), "milliseconds", transient=True):
        record, insert = await rivals.paced()
        ours += record
        theirs += insert
    title = f"Awaiting one call at {CALLS_A_SECOND:,} calls/s, ms"
    table = Table("what", "p50", "p99", "max", title=title, title_justify="left")
    for name, waits in (("record_call_metrics", ours), ("insert_one", theirs)):
        cuts = quantiles(waits, n=100)
        table.add_row(name, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}", f"{max(waits):.1f}")
    return table


async def _measure(console: Console) -> None:
    ensure_indexes(get_sync_database())
    get_sync_database()["bare"].create_indexes(INDEXES["calls"])
    rivals = _Rivals(get_database())
    console.print(await _throughput(rivals))
    console.print(await _latency(rivals))
    await close_connections()


def main() -> None:
    """Print the tables, measured on a scratch embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ.pop("MONGODB_URI", None)
        get_settings.cache_clear()
        try:
            asyncio.run(_measure(Console()))
        finally:
            close_all(wait_seconds=10)


if __name__ == "__main__":
    main()
