"""A machine that starts no more threads: what is recorded and logged is kept, and the call goes on."""

import json
import os
import subprocess
import sys

from core.storage.recording.spool import spool_status

CALLS = """
import threading
def refuse(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
import asyncio
from datetime import UTC, datetime
from core.logging_config import get_logger
from core.models.metrics import CallMetrics
from core.services.background_metrics_service import BackgroundMetricsService
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
def call(call_id):
    start = datetime(2024, 10, 24, tzinfo=UTC)
    return CallMetrics(call_id=call_id, start_time=start, status="completed", direction="inbound")
log = get_logger("api")
log.info("before")
with SyncMetricsService().active_call("sync"):
    SyncMetricsService().record_call_metrics(call("sync"))
BackgroundMetricsService().record_call_metrics(call("background"))
asyncio.run(MetricsService().record_call_metrics(call("async")))
log.info("after")
"""


def test_calls_are_kept_on_disk_and_lines_printed_where_no_thread_starts() -> None:
    """What cannot be sent to the database is counted without a wait."""
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=os.environ | {"LOG_TO_DATABASE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    assert {"before", "after"} <= set(said)
    assert any("log lines to the database: the process ended" in line for line in said)
    assert not any("could not be rendered" in line for line in said)
    assert spool_status().waiting == 3
