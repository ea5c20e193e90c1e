"""Calls over HTTP, one by one and in batches, next to recording in process and a bare endpoint.

Client, server and database share this machine's processors, and the rivals take turns. The bare endpoint is
plain FastAPI: it validates the same model and stores nothing.
"""

import asyncio
import http.client
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median

import orjson
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.setup.results import note
from core.models.metrics import CallMetrics
from core.ports import answers
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.collections import ensure_indexes
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_all, close_connections

ROUNDS = 5
CALLS = 3_000
BATCHED_CALLS = 20_000
BATCH = 100
CLIENTS = 32
BATCH_CLIENTS = 4
API_PORT, BARE_PORT = 8_911, 8_912
KEY = secrets.token_urlsafe(32)
HEADERS = {"Content-Type": "application/json", "X-API-Key": KEY}
_names = iter(range(1_000_000))


def _calls(count: int) -> list[dict[str, object]]:
    start, name = datetime(2026, 1, 1, tzinfo=UTC), next(_names)
    return [
        {
            "call_id": f"{name}-{number}",
            "lead_id": f"lead_{number}",
            "start_time": (start + timedelta(seconds=number)).isoformat(),
            "duration_seconds": 180,
            "status": "completed",
            "direction": "outbound",
            "language": "hinglish",
            "asr_latency_ms": 234.5,
            "tts_latency_ms": 156.2,
            "total_turns": 12,
            "sentiment_score": 0.75,
        }
        for number in range(count)
    ]


def _post(port: int, path: str, bodies: Sequence[bytes], clients: int) -> float:
    """Return the seconds ``clients`` take to post all bodies, each on its own connection."""
    remaining, guard = iter(bodies), threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with guard:
                body = next(remaining, None)
            if body is None:
                return
            connection.request("POST", path, body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202, answer.status

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(client) for _ in range(clients)]:
            done.result()
    return time.perf_counter() - started


def _one_by_one(port: int) -> float:
    bodies = [orjson.dumps(one) for one in _calls(CALLS)]
    return CALLS / _post(port, "/api/v1/calls", bodies, CLIENTS)


def _in_batches(port: int) -> float:
    calls = _calls(BATCHED_CALLS)
    bodies = [orjson.dumps(calls[start : start + BATCH]) for start in range(0, BATCHED_CALLS, BATCH)]
    return BATCHED_CALLS / _post(port, "/api/v1/calls", bodies, BATCH_CLIENTS)


def _in_process() -> float:
    calls = _calls(BATCHED_CALLS)

    async def run() -> float:
        service, remaining = MetricsService(), iter(calls)

        async def caller() -> None:
            for fields in remaining:
                await service.record_call_metrics(CallMetrics.model_validate(fields))

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CLIENTS)))
        seconds = time.perf_counter() - started
        await close_connections()
        return seconds

    return BATCHED_CALLS / asyncio.run(run())


def bare() -> None:
    """Serve the bare endpoint to compare with."""
    app = FastAPI()

    @app.post("/api/v1/calls", status_code=202)
    async def calls(call: CallMetrics) -> dict[str, int]:
        return {"accepted": 1 if call.call_id else 0}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    uvicorn.run(app, port=BARE_PORT, http="h11", access_log=False, log_level="warning")


@contextmanager
def _served(command: Sequence[str], port: int) -> Iterator[None]:
    environment = os.environ | {"API_PORT": str(port), "API_INGEST_KEYS": KEY}
    server = subprocess.Popen(  # noqa: S603 (our own servers)
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not answers(f"http://127.0.0.1:{port}/healthz"):
            assert server.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _measure(console: Console) -> None:
    rivals: dict[str, Callable[[], float]] = {
        f"POST one call, {CLIENTS} clients": lambda: _one_by_one(API_PORT),
        f"POST {BATCH} calls, {BATCH_CLIENTS} clients": lambda: _in_batches(API_PORT),
        f"record_call_metrics, {CLIENTS} callers": _in_process,
        f"bare FastAPI, one call, {CLIENTS} clients": lambda: _one_by_one(BARE_PORT),
    }
    rates: dict[str, list[float]] = {name: [] for name in rivals}
    for done in track(range(ROUNDS + 1), "calls a second", transient=True):
        for name, measure in rivals.items():
            rate = measure()
            if done:  # the first round is a warm-up
                rates[name].append(rate)
    one, batched, in_process, bare_one = (median(some) for some in rates.values())
    note("ingest", "one by one", one, bare_one)
    note("ingest", "in batches", batched, in_process)
    title = f"Calls over HTTP, calls/s, median (range) of {ROUNDS} rounds after one to warm up"
    table = Table("what", "calls/s", title=title, title_justify="left")
    for name, some in rates.items():
        table.add_row(name, f"{median(some):,.0f} ({min(some):,.0f} to {max(some):,.0f})")
    console.print(table)
    spooled = spool_status()
    assert spooled.waiting == spooled.lost == 0, "the database did not keep up, so the figures mean nothing"


def main() -> None:
    """Print the table, measured on a scratch embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ.pop("MONGODB_URI", None)
        get_settings.cache_clear()
        ensure_indexes(get_sync_database())
        run_bare = "from benchmarks.ingest import bare; bare()"
        try:
            with _served(["-m", "core", "api"], API_PORT), _served(["-c", run_bare], BARE_PORT):
                _measure(Console())
        finally:
            close_all(wait_seconds=10)


if __name__ == "__main__":
    main()
