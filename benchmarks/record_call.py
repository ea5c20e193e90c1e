"""Recording calls, validated and durable, next to PyMongo's own durable writes of the same documents.

All on one embedded server, on collections with the same indexes; the rivals take turns.
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

from benchmarks.setup.results import note
from core.models.metrics import CallMetrics, ServiceSample
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_database, get_sync_database
from core.storage.collections import INDEXES, ensure_indexes
from core.storage.recording.records import Record
from core.storage.recording.spool import spool_status
from core.storage.server.connection import DURABLE, close_all, close_connections
from core.types import Document

T = TypeVar("T")
ROUNDS = 7
CALLS = 30_000
SINGLE_CALLS = 10_000
SERVICE_CALLS = 20_000
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


async def _settle() -> None:
    """Let the server finish the writes of the previous contender."""
    await get_database().client.admin.command("fsync")


async def _seconds(write: Callable[[T], Awaitable[object]], items: Sequence[T], callers: int) -> float:
    """Return the seconds ``callers`` take for all items, each writing one at a time."""
    remaining = iter(items)
    await _settle()

    async def caller() -> None:
        for item in remaining:
            await write(item)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - started


async def _paced(write: Callable[[T], Awaitable[object]], items: Sequence[T]) -> list[float]:
    """Return the milliseconds each write takes, at a rate of CALLS_A_SECOND."""
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
    """Ways to write calls, each with its own documents; results are calls/s, or ms per await."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._service = MetricsService()
        self._bare = database.get_collection("bare", write_concern=DURABLE)
        self._names = iter(range(1_000_000))

    def record(self, fields: Fields) -> Awaitable[None]:
        return self._service.record_call_metrics(CallMetrics(**fields))

    def insert(self, document: Document) -> Awaitable[object]:
        return self._bare.insert_one(document)

    async def insert_many(self) -> float:
        documents = _documents(CALLS, f"m{next(self._names)}")
        batches = [documents[start : start + BATCH] for start in range(0, CALLS, BATCH)]
        return CALLS / await _seconds(self._bare.insert_many, batches, callers=1)

    async def insert_one(self, callers: int) -> float:
        documents = _documents(SINGLE_CALLS, f"o{next(self._names)}")
        return SINGLE_CALLS / await _seconds(self.insert, documents, callers)

    async def recorded(self, callers: int) -> tuple[float, float]:
        """Return the rates for new calls, and for the same calls with one field corrected."""
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


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the ratios by round, so that a slow round does not distort them."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


async def _throughput(rivals: _Rivals) -> Table:
    many: list[float] = []
    rates: dict[tuple[int, str], list[float]] = {}
    for done in track(range(ROUNDS + 1), "calls a second", transient=True):
        if done == 1:  # the first round is a warm-up: connections, caches, the first blocks of files
            many.clear()
            rates.clear()
        many.append(await rivals.insert_many())
        for callers in CALLERS:
            new, again = await rivals.recorded(callers)
            rates.setdefault((callers, "record_call_metrics"), []).append(new)
            rates.setdefault((callers, "the same, corrected"), []).append(again)
            rates.setdefault((callers, "insert_one"), []).append(await rivals.insert_one(callers))
    for callers in CALLERS:
        ours, alone = (median(rates[callers, what]) for what in ("record_call_metrics", "insert_one"))
        note("record_call", f"insert_many, {callers} callers", ours, median(many))
        note("record_call", f"insert_one, {callers} callers", ours, alone)
    table = Table(
        *("callers", "what", "calls/s", "x insert_many", "x insert_one"),
        title=f"Recording, calls/s, median (range) of {ROUNDS} rounds after one to warm up",
        caption="goal: 0.30 x insert_many with 64 callers and 0.45 with 512, 7 x insert_one",
        title_justify="left",
        caption_justify="left",
    )
    table.add_row("1", f"insert_many, batches of {BATCH:,}", _row(many), "1", "")
    for (callers, what), some in rates.items():
        single = rates[callers, "insert_one"]
        table.add_row(str(callers), what, _row(some), _ratios(some, many), _ratios(some, single))
    return table


async def _latency(rivals: _Rivals) -> Table:
    ours, theirs = [], []
    for _ in track(range(3), "milliseconds", transient=True):
        record, insert = await rivals.paced()
        ours += record
        theirs += insert
    note("record_call", "await", quantiles(ours, n=100)[98], quantiles(theirs, n=100)[98])
    title = f"Awaiting one call at {CALLS_A_SECOND:,} calls/s, ms"
    table = Table("what", "p50", "p99", "max", title=title, title_justify="left")
    for name, waits in (("record_call_metrics", ours), ("insert_one", theirs)):
        cuts = quantiles(waits, n=100)
        table.add_row(name, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}", f"{max(waits):.1f}")
    return table


def _service_call_microseconds() -> float:
    service, times = MetricsService(), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for number in range(SERVICE_CALLS):
            service.record_service_call(
                ServiceSample(service="deepgram", operation="listen", duration_ms=number % 500)
            )
        times.append((time.perf_counter() - started) / SERVICE_CALLS * 1e6)
    return median(times)


async def _measure(console: Console) -> None:
    ensure_indexes(get_sync_database())
    get_sync_database()["bare"].create_indexes(INDEXES["calls"])
    rivals = _Rivals(get_database())
    console.print(await _throughput(rivals))
    console.print(await _latency(rivals))
    spooled = spool_status()
    assert spooled.waiting == spooled.lost == 0, "the database did not keep up, so the figures mean nothing"
    console.print(f"record_service_call: {_service_call_microseconds():.1f} µs each, validated and summed")
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
