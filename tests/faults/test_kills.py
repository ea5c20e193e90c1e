"""kill -9 of writers, scheduler and database at random moments: what was acknowledged is there, once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.daily import refresh_days
from core.aggregation.figures import summarise
from core.aggregation.rollups.call_frames import CallFilters
from core.storage.recording.replay import replay
from core.types import Document
from tests.faults.agents import ROOT, WRITERS, Agents, Process, check
from tests.faults.writer import START
from tests.storage.recording.test_recorder import server_of
from tests.storage.server.test_embedded import supervisor

CALLS = 16_000
"""So many take a minute. Each kill of a writer or a server finds 64 calls in the air, and a fault that is
there shows in nearly every one: a few of each kind do."""
KILL_EVERY_SECONDS = 1.0


def start_scheduler() -> Process:
    settings = {"ALERT_CHECK_INTERVAL_SECONDS": "10", "LOG_FILE": os.devnull}
    return subprocess.Popen([sys.executable, "run_scheduler.py"], cwd=ROOT, env={**os.environ, **settings})


@pytest.mark.full
@pytest.mark.timeout(600)
def test_kill_of_writers_scheduler_and_database_loses_nothing_and_counts_nothing_twice(
    database: Database[Document], store: Path, tmp_path: Path
) -> None:
    chance = random.Random(20241024)  # noqa: S311 (no secret)
    agents, scheduler = Agents(tmp_path, CALLS), start_scheduler()
    kills = {"writer": 0, "scheduler": 0, "mongod": 0, "supervisor": 0}
    victims: list[str] = []
    try:
        deadline = time.monotonic() + 500
        while not agents.finished() and time.monotonic() < deadline:
            time.sleep(chance.uniform(0.2, 2 * KILL_EVERY_SECONDS - 0.2))
            victims = victims or chance.sample(list(kills), len(kills))
            victim = victims.pop()
            kills[victim] += 1
            if victim == "writer":
                agents.kill(chance.randrange(WRITERS))
            elif victim == "scheduler":
                scheduler.kill()
                scheduler.wait()
                scheduler = start_scheduler()
            else:
                try:
                    (supervisor(store) if victim == "supervisor" else server_of(store)).kill()
                except (StopIteration, psutil.NoSuchProcess):
                    kills[victim] -= 1  # it is down already
        assert agents.finished(), "the writers did not come to an end"
    finally:
        agents.stop()
        scheduler.send_signal(signal.SIGKILL)
        scheduler.wait()
    replay(database)
    assert min(kills.values()) > 0, kills
    check(database, agents.acknowledged(), CALLS)
    refresh_days(database)
    everything = START.replace(hour=0), START.replace(day=START.day + 3)
    for status in ("completed", "failed", "no_answer"):
        cube = load_cube(database, *everything, CallFilters(status=status))
        query = {"status": status}
        (raw,) = database["calls"].aggregate(
            [
                {"$match": query},
                {"$group": {"_id": None, "n": {"$sum": 1}, "asr": {"$avg": "$asr_latency_ms"}}},
            ]
        )
        assert cube.total == raw["n"]
        assert summarise(cube).asr_latency_ms.mean == pytest.approx(raw["asr"])
