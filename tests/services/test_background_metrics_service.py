"""Recording that never waits: a pipeline of audio goes on whatever the store is up to."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from pymongo.database import Database

from core.models.metrics import CallMetrics, TurnMetrics
from core.services import background_metrics_service
from core.services.background_metrics_service import BackgroundMetricsService
from core.storage.collections import ACTIVE_CALLS, CALLS, SERVICE_MINUTES, TURNS
from core.storage.recording.active_calls import count_active
from core.storage.recording.spool import spool_status
from core.types import Document
from tests import ENDING_STARTS_NO_THREADS

START = datetime(2024, 10, 24, 15, 30, tzinfo=UTC)
ENDS_AT_ONCE = """
from datetime import UTC, datetime
from core.models.metrics import CallMetrics
from core.services.background_metrics_service import BackgroundMetricsService
start = datetime(2024, 10, 24, tzinfo=UTC)
service = BackgroundMetricsService()
call = CallMetrics(call_id="c", start_time=start, status="completed", direction="inbound")
service.record_call_metrics(call)
"""

IS_TOLD_TO_END = """
import os, signal, time
from datetime import UTC, datetime
from core.models.metrics import CallMetrics, ServiceSample
from core.services.background_metrics_service import BackgroundMetricsService
from core.storage import get_sync_database
get_sync_database().command("ping")
service = BackgroundMetricsService()
start = datetime.now(UTC)
for number in range(20):
    service.record_call_metrics(
        CallMetrics(call_id=f"{number}", start_time=start, status="completed", direction="inbound")
    )
service.record_service_call(ServiceSample(service="deepgram", operation="listen", duration_ms=50))
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""

ENDS_WITH_ITS_LAST_OBJECT = """
from datetime import UTC, datetime
from core.models.metrics import CallMetrics
from core.services.background_metrics_service import BackgroundMetricsService
start = datetime.now(UTC)
service = BackgroundMetricsService()
class Session:
    def __del__(self):
        service.record_call_metrics(
            CallMetrics(call_id="c", start_time=start, status="completed", direction="inbound")
        )
keep = Session()
"""


def call(call_id: str) -> CallMetrics:
    return CallMetrics(call_id=call_id, start_time=START, status="completed", direction="inbound")


def test_what_is_handed_over_is_recorded_in_its_order(database: Database[Document]) -> None:
    service = BackgroundMetricsService()
    service.call_started("c", lead_id="lead_7")
    for e2e_ms in (500, 700):
        service.record_turn(TurnMetrics(call_id="c", turn=1, e2e_ms=e2e_ms))
    assert service.flush()
    assert count_active(database) == 1
    service.record_call_metrics(call("c"))
    service.call_ended("c")
    assert service.flush()
    assert [row["e2e_ms"] for row in database[TURNS].find()] == [700]
    assert database[CALLS].count_documents({}) == 1
    assert count_active(database) == 0


def test_calls_that_go_on_give_signs_of_life(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_metrics_service, "BEAT_SECONDS", 0.05)
    service = BackgroundMetricsService()
    service.call_started("c")
    assert service.flush()
    first = database[ACTIVE_CALLS].find_one({"_id": "c"})
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        now = database[ACTIVE_CALLS].find_one({"_id": "c"})
        if first and now and now["seen_at"] > first["seen_at"]:
            break
        time.sleep(0.02)
    else:
        pytest.fail("no sign of life")
    service.call_ended("c")
    assert service.flush()


def test_handing_over_takes_no_time_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the disk then, once the first attempt has failed."""
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1")
    monkeypatch.setenv("RECORD_WAIT_SECONDS", "0.3")
    service = BackgroundMetricsService()
    began = time.perf_counter()
    for number in range(100):
        service.record_call_metrics(call(f"call_{number}"))
    assert time.perf_counter() - began < 0.1
    assert service.flush()
    assert spool_status().waiting == 100


def test_a_process_that_ends_at_once_records_before(database: Database[Document]) -> None:
    subprocess.run([sys.executable, "-c", ENDS_AT_ONCE], check=True, timeout=60)
    stored = [row["_id"] for row in database[CALLS].find()]
    if ENDING_STARTS_NO_THREADS:  # nothing can be sent any more
        assert (stored, spool_status().waiting) == ([], 1)
    else:
        assert stored == ["c"]


def test_what_the_last_object_records_keeps_no_process_alive(database: Database[Document]) -> None:
    """The interpreter no longer starts the threads that it would take, and Python 3.11 waits for them."""
    ended = subprocess.run([sys.executable, "-c", ENDS_WITH_ITS_LAST_OBJECT], check=False, timeout=30)
    assert ended.returncode == 0


def test_a_process_that_is_told_to_end_records_before(database: Database[Document]) -> None:
    """As ``docker stop`` and systemd tell it, by SIGTERM, which runs nothing of ``atexit``."""
    ended = subprocess.run([sys.executable, "-c", IS_TOLD_TO_END], check=False, timeout=60)
    assert ended.returncode == -signal.SIGTERM
    assert database[CALLS].count_documents({}) == 20
    assert [row["count"] for row in database[SERVICE_MINUTES].find()] == [1]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_worker_of_multiprocessing_that_ends_at_once_records_before(
    database: Database[Document], method: str
) -> None:
    """Forked ones end without running what ``atexit`` knows; LiveKit runs its jobs in such workers."""
    subprocess.run([sys.executable, "-m", "tests.services.worker", method], check=True, timeout=60)
    assert [row["_id"] for row in database[CALLS].find()] == ["c"]
    assert [row["count"] for row in database[SERVICE_MINUTES].find()] == [1]
