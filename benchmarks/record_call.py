"""Recording a call, durable, beside a bare durable insert_one of the same document."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_database
from core.storage.calls import to_document
from core.storage.connection import DURABLE, Document, close_all, close_connections

T = TypeVar("T")
ROUNDS = 5
CALLS = 400
CALLERS = (1, 64)


def _calls(round_number: int) -> list[CallMetrics]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        CallMetrics.model_validate(
            {
                "call_id": f"{round_number}-{number}",
                "lead_id": f"lead_{number}",
                "start_time": start,
                "duration_seconds": 180,
                "status": "completed",
                "direction": "outbound",
                "language": "hinglish",
                "asr_latency_ms": 234.5,
                "tts_latency_ms": 156.2,
            }
        )
        for number in range(CALLS)
    ]


async def _per_second(record: Callable[[T], Awaitable[object]], items: list[T], callers: int) -> float:
    remaining = iter(items)

    async def caller() -> None:
        for item in remaining:
            await record(item)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(items) / (time.perf_counter() - started)


async def _measure() -> Table:
    service, database = MetricsService(), get_database()
    bare = database.get_collection("bare", write_concern=DURABLE)

    async def insert(document: Document) -> None:
        await bare.insert_one(document)

    table = Table(title=f"Recording a call, calls/s, median of {ROUNDS} rounds", title_justify="left")
    for column in ("callers", "record_call_metrics", "insert_one", "ratio"):
        table.add_column(column, justify="right")
    for callers in CALLERS:
        ours, theirs = [], []
        for number in track(range(ROUNDS), f"{callers} callers", transient=True):
            calls = _calls(number + 100 * callers)
            ours.append(await _per_second(service.record_call_metrics, calls, callers))
            theirs.append(await _per_second(insert, [to_document(call, 0) for call in calls], callers))
        table.add_row(
            f"{callers}",
            f"{median(ours):,.0f}",
            f"{median(theirs):,.0f}",
            f"{median(ours) / median(theirs):.2f}",
        )
    await close_connections()
    return table


def main() -> None:
    """Print the table, measured on a scratch embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ.pop("MONGODB_URI", None)
        get_settings.cache_clear()
        try:
            Console().print(asyncio.run(_measure()))
        finally:
            close_all(wait_seconds=10)


if __name__ == "__main__":
    main()
