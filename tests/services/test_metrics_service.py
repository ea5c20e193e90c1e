"""What the agent calls beside recording a call: turns, services, active calls, without an event loop."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymongo.database import Database

from core.aggregation.rollups.sketch import bucket_of
from core.clock import utc_now
from core.erasure import restrict_lead
from core.errors import UserError
from core.models.metrics import CallMetrics, ServiceSample, TurnMetrics
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.storage.recording.active_calls import (
    ALIVE_SECONDS,
    count_active,
    count_active_by_direction,
    list_active,
)
from core.storage.recording.replay import replay
from core.storage.recording.service_minutes import bucket_of as bucket_without_numpy
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_connections
from core.types import Document
from tests import ENDING_STARTS_NO_THREADS
from tests.storage.recording.test_recorder import server_of

START = datetime(2024, 10, 24, tzinfo=UTC)
SAMPLES = """
import os, sys
from core.models.metrics import ServiceSample
from core.services.sync_metrics_service import SyncMetricsService
service = SyncMetricsService()
def ask(times, milliseconds):
    for _ in range(times):
        service.record_service_call(
            ServiceSample(service="deepgram", operation="listen", duration_ms=milliseconds, error="timeout")
        )
ask(3, 100)
if os.fork() == 0:
    ask(2, 50)
    sys.exit()
ask(4, 100)
os.wait()
"""
FORKED = """
import asyncio, os, sys
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from tests.services.test_metrics_service import call
def both(who):
    SyncMetricsService().record_call_metrics(call(f"{who} plain"))
    asyncio.run(MetricsService().record_call_metrics(call(f"{who} asyncio")))
both("parent")
if os.fork() == 0:
    both("child")
    sys.exit()
both("parent again")
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""

INTERRUPTED = """
import signal, time
from core.logging_config import attach_metrics, get_logger, log_external_call
from core.services.sync_metrics_service import SyncMetricsService
attach_metrics(SyncMetricsService())
log = get_logger("speech")
def ask():
    log_external_call(log, "deepgram", "listen", 5.0)
def interrupt(*_):
    ask()
    signal.setitimer(signal.ITIMER_REAL, 0.001)
ask()
signal.signal(signal.SIGALRM, interrupt)
interrupt()
until = time.monotonic() + 2
while time.monotonic() < until:
    ask()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
"""


def call(call_id: str) -> CallMetrics:
    return CallMetrics.model_validate(
        {"call_id": call_id, "start_time": START, "status": "completed", "direction": "outbound"}
    )


def test_a_turn_that_is_recorded_twice_is_stored_once(database: Database[Document]) -> None:
    async def converse() -> None:
        service = MetricsService()
        for turn, e2e in ((1, 900.0), (2, 1_500.0), (1, 950.0)):
            await service.record_turn(TurnMetrics(call_id="call_1", turn=turn, start_time=START, e2e_ms=e2e))
        await close_connections()

    asyncio.run(converse())
    assert {row["turn"]: row["e2e_ms"] for row in database["turns"].find()} == {1: 950.0, 2: 1_500.0}


def test_requests_are_summed_by_minute_service_and_operation(database: Database[Document]) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0)

    async def serve() -> None:
        async with MetricsService() as service:
            for number in range(100):
                service.record_service_call(
                    ServiceSample(
                        service="api",
                        operation="POST /calls",
                        duration_ms=number,
                        error="5xx" if number < 5 else None,
                        at=minute + timedelta(seconds=number * 0.9),
                    )
                )
        await close_connections()

    asyncio.run(serve())
    rows = list(database["service_minutes"].find().sort("minute"))
    assert [(row["minute"], row["count"], row["errors"]) for row in rows] == [
        (minute, 67, {"5xx": 5}),
        (minute + timedelta(minutes=1), 33, {}),
    ]
    assert (rows[1]["total_ms"], rows[1]["min_ms"], rows[1]["max_ms"]) == (sum(range(67, 100)), 67, 99)
    assert sum(rows[1]["buckets"].values()) == 33


def test_buckets_are_those_of_the_sketches() -> None:
    values = np.concatenate([[0, 1e-7, 1e-6, 1e7, 1e9], np.random.default_rng(7).lognormal(5, 3, 1_000)])
    assert [bucket_without_numpy(value) for value in values] == bucket_of(values).tolist()


@pytest.mark.skipif(ENDING_STARTS_NO_THREADS, reason="this Python starts no threads at its end: it spools")
@pytest.mark.full
def test_each_process_writes_its_own_requests_when_it_ends(database: Database[Document]) -> None:
    subprocess.run([sys.executable, "-c", SAMPLES], check=True, timeout=30)
    counted = Counter({row["process"]: row["count"] for row in database["service_minutes"].find()})
    assert sorted(counted.values()) == [2, 7]
    assert spool_status().waiting == 0


@pytest.mark.full
def test_a_signal_handler_that_logs_a_request_never_waits_for_what_it_interrupts(
    database: Database[Document],
) -> None:
    """Or a ``__del__``, which may run at any moment as well."""
    subprocess.run([sys.executable, "-c", INTERRUPTED], check=True, timeout=60, stdout=subprocess.DEVNULL)
    replay(database)  # a Python that starts no threads at its end has spooled them
    assert database["service_minutes"].count_documents({"service": "deepgram"}) > 0


@pytest.mark.full
def test_a_forked_child_records_too(database: Database[Document]) -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=30)
    who = {"parent", "child", "parent again"}
    expected = {f"{one} {how}" for one in who for how in ("plain", "asyncio")}
    assert {row["_id"] for row in database["calls"].find()} == expected


@pytest.mark.alone
@pytest.mark.full
def test_a_frozen_database_delays_neither_requests_nor_calls_without_a_loop(
    database: Database[Document], store: Path
) -> None:
    """And active calls are forgotten, which say nothing later."""
    server = server_of(store)
    with SyncMetricsService() as service:
        service.record_call_metrics(call("before"))
        server.send_signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            service.record_call_metrics(call("spooled"))
            waited = time.monotonic() - started
            service.record_service_call(ServiceSample(service="api", operation="GET /", duration_ms=5))
            service.call_started("call_1")
            service.__exit__()
            assert spool_status().waiting == 2
            assert time.monotonic() - started < 4
        finally:
            server.send_signal(signal.SIGCONT)
    assert 1.9 < waited < 3.5
    replay(database)
    assert {row["_id"] for row in database["calls"].find()} == {"before", "spooled"}
    assert database["service_minutes"].count_documents({"service": "api"}) == 1
    assert spool_status().waiting == 0


def test_threads_record_at_once(database: Database[Document]) -> None:
    service = SyncMetricsService()

    def converse(thread: int) -> None:
        for number in range(20):
            service.record_call_metrics(call(f"{thread}-{number}"))

    threads = [threading.Thread(target=converse, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database["calls"].count_documents({}) == 160


def test_a_call_is_active_until_it_ends_or_gives_no_sign_of_life(database: Database[Document]) -> None:
    async def begin() -> None:
        service = MetricsService()
        for call_id in ("ended", "died", "long"):
            await service.call_started(call_id, direction="outbound", campaign="festive")
        await service.call_ended("ended")
        await service.call_heartbeat("ended")  # late
        async with service.active_call("block", direction="inbound"):
            assert count_active_by_direction(database)["inbound"] == 1
        await close_connections()

    asyncio.run(begin())
    hours = datetime.now(UTC) - timedelta(hours=5)
    dead = datetime.now(UTC) - timedelta(seconds=ALIVE_SECONDS + 1)
    database["active_calls"].update_one({"_id": "died"}, {"$set": {"seen_at": dead}})
    database["active_calls"].update_one({"_id": "long"}, {"$set": {"started_at": hours}})
    assert [(one.call_id, one.campaign) for one in list_active(database)] == [("long", "festive")]
    database["active_calls"].update_one({"_id": "long"}, {"$set": {"lead_id": "lead_1"}})
    restrict_lead(database, "lead_1", utc_now() + timedelta(days=1), "a duty", "asha")
    assert (list_active(database), count_active(database)) == ([], 1), "of a hidden lead"
    assert count_active(database) == 1


@pytest.mark.parametrize("day", [None, 20241105, 1.5, "5 Nov 2024", ["2024-11-05"]])
def test_what_is_no_day_is_refused_with_the_remedy(day: Any) -> None:
    """Whatever it is."""
    with pytest.raises(UserError, match="is not a date; write YYYY-MM-DD, for example 2024-10-24"):
        asyncio.run(MetricsService().aggregate_daily_metrics(day))


def test_a_moment_stands_for_its_day_in_timezone(database: Database[Document]) -> None:
    """Late in the evening of UTC it is the next day in India."""
    moment = datetime(2024, 11, 5, 20, tzinfo=UTC)
    assert str(asyncio.run(MetricsService().aggregate_daily_metrics(moment)).date) == "2024-11-06"
