"""A server that takes long to start holds up nobody: callers have their own deadline, the start goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.storage.server.embedded import find_mongod
from tests.storage.server.test_embedded import ROOT

SLOW_SECONDS = 8
CALL = """
import asyncio, fcntl, sys, time
from datetime import datetime, timedelta
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.storage import get_database, get_sync_database
from core.storage.recording import recorder
from core.storage.recording.spool import spool_status

def call(name):
    return CallMetrics(call_id=name, start_time=datetime.now() - timedelta(minutes=1), duration_seconds=30,
                       status="completed", direction="outbound")
"""
ON_A_LOOP = """
gaps = []

async def tick():
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.05)
        gaps.append(time.monotonic() - before)

async def main():
    ticker = asyncio.create_task(tick())
    async with MetricsService().active_call("c1"):
        await asyncio.sleep(0.3)
    service = MetricsService(get_database())
    await service.record_call_metrics(call("c1"))
    await service.aggregate_daily_metrics("2024-11-05")
    recorder.breaker.succeeded()
    recorder.replayer.start(recorder.store_key(None)[1], get_sync_database)
    recorder.replayer.wait(30)
    await service.record_call_metrics(call("c2"))
    ticker.cancel()

asyncio.run(main())
print("said", max(gaps), get_sync_database()["calls"].count_documents({}), spool_status().waiting)
"""
ASYNC = 'asyncio.run(MetricsService().record_call_metrics(call("c1")))\nprint("said", spool_status().waiting)'
SYNC = 'SyncMetricsService().record_call_metrics(call("c1"))\nprint("said", spool_status().waiting)'
NO_WAITING_FOR_LOCKS = """
real, waited_for = fcntl.flock, []

def flock(descriptor, operation):
    if operation not in (fcntl.LOCK_UN,) and not operation & fcntl.LOCK_NB:
        waited_for.append(operation)
    return real(descriptor, operation)

fcntl.flock = flock
SyncMetricsService().record_call_metrics(call("c1"))
time.sleep(1)
print("said", len(waited_for), get_sync_database()["calls"].count_documents({}))
"""
Run = Callable[..., tuple[list[str], float]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a script with a DATA_DIR of its own; the words it says, and how many seconds it took."""

    def begin(script: str, *, slow: bool = True, **environment: str) -> tuple[list[str], float]:
        folder = tmp_path / "bin"
        folder.mkdir()
        if slow:
            mongod = folder / "mongod"
            mongod.write_text(f'#!/bin/sh\nsleep {SLOW_SECONDS}\nexec "{find_mongod()}" "$@"\n')
            mongod.chmod(0o755)
        # In a file: among the unbuffered pieces of a printed line a log line could come to stand.
        given = {"DATA_DIR": str(tmp_path / "data"), "LOG_FILE": str(tmp_path / "log")}
        given["PATH"] = f"{folder}:{os.environ['PATH']}"
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", CALL + script],
            cwd=ROOT,
            env=os.environ | given | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = next((line for line in done.stdout.splitlines() if line.startswith("said ")), None)
        assert said, repr(done.stdout)
        return said.split()[1:], time.monotonic() - started

    return begin


@pytest.mark.full
def test_no_step_of_an_event_loop_waits_for_a_server_that_starts(run: Run) -> None:
    """The loop goes on ticking, and what was recorded meanwhile reaches the database once it is up."""
    (gap, stored, spooled), _ = run(ON_A_LOOP, RECORD_WAIT_SECONDS="0.5")
    assert float(gap) < SLOW_SECONDS - 3
    assert (stored, spooled) == ("2", "0")


@pytest.mark.parametrize("script", [ASYNC, SYNC], ids=["async", "sync"])
def test_a_process_whose_first_record_starts_the_server_ends_in_time(run: Run, script: str) -> None:
    """Its call is on the disk; it neither waits for the start nor spoils it."""
    (spooled,), seconds = run(script, RECORD_WAIT_SECONDS="0.3")
    assert spooled == "1"
    assert seconds < 30


@pytest.mark.full
def test_a_short_wait_does_not_make_a_server_look_silent(run: Run) -> None:
    """The first record's deadline is over before the server answers, and the second one finds it."""
    script = """
service = SyncMetricsService()
service.record_call_metrics(call("c1"))
time.sleep(6)
service.record_call_metrics(call("c2"))
recorder.replayer.wait(20)
print("said", get_sync_database()["calls"].count_documents({}), spool_status().waiting)
"""
    (stored, spooled), seconds = run(script, slow=False, RECORD_WAIT_SECONDS="0.05")
    assert (stored, spooled) == ("2", "0")
    assert seconds < 40


@pytest.mark.full
def test_nothing_waits_inside_the_kernel_for_the_embedded_servers_locks(run: Run) -> None:
    """Under gevent a thread is a greenlet, and one that waits there stops all others for good."""
    (waited, stored), _ = run(NO_WAITING_FOR_LOCKS, slow=False, RECORD_WAIT_SECONDS="30")
    assert (waited, stored) == ("0", "1")
