"""What a process says of itself while it records."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from pymongo.database import Database

from core.health import system_health
from core.storage.recording.processes import SILENT_AFTER
from core.types import Document

AGENT = """
import asyncio, sys, time
from core import logging_config
from core.clock import utc_now
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.storage.recording import processes
processes.FIRST_SECONDS, processes.BEAT_SECONDS = 0.1, 0.1
call = {"call_id": "1", "status": "completed", "direction": "inbound", "language": "hindi"}
call = CallMetrics(start_time=utc_now(), duration_seconds=1, **call)
asyncio.run(MetricsService().record_call_metrics(call))
logging_config._writer.lose(7, "dropped {} log lines: a test")
sys.stdin.read()
"""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def agent(database: Database[Document]) -> subprocess.Popen[bytes]:
    """A process that has recorded a call and dropped 7 log lines; it ends when its input does."""
    process = subprocess.Popen([sys.executable, "-c", AGENT], stdin=subprocess.PIPE)
    wait_for(lambda: [one.log_dropped for one in system_health(database).processes] == [7])
    return process


def test_a_process_that_is_ended_by_sigterm_takes_its_row_away(database: Database[Document]) -> None:
    """It has no handler of its own, so no exit function runs; it still ends of the signal."""
    running = agent(database)
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == -signal.SIGTERM
    assert system_health(database).processes == []


def test_a_process_that_records_tells_how_it_is_until_it_ends(database: Database[Document]) -> None:
    running = agent(database)
    (one,) = system_health(database).processes
    assert (one.pid, one.records_waiting, one.spooled, one.dead, one.lost) == (running.pid, 0, 0, 0, 0)
    assert not one.is_silent(system_health(database).now)
    running.communicate()
    assert running.returncode == 0
    assert system_health(database).processes == []


def test_a_process_that_was_killed_is_silent_for_a_day(database: Database[Document]) -> None:
    running = agent(database)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (one,) = system_health(database).processes
    assert one.is_silent(one.seen_at + SILENT_AFTER + timedelta(seconds=1))
    (ttl,) = [
        index["expireAfterSeconds"]
        for index in database["processes"].index_information().values()
        if "expireAfterSeconds" in index
    ]
    assert ttl == 24 * 3600
