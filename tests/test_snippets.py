"""The user's own snippets, as written, in a process of their own."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pymongo.database import Database

from core.types import Document

ROOT = Path(__file__).resolve().parents[1]
SNIPPET = """
import asyncio
from datetime import datetime
from core.logging_config import get_logger, set_call_context, clear_call_context, log_api_request
from core.models.metrics import CallMetrics
from core.services.alert_service import AlertService, check_and_send_alerts
from core.services.metrics_service import MetricsService
from core.storage import get_database

logger = get_logger("api")
set_call_context(call_id="call_123", lead_id="lead_456")
log_api_request(logger, "POST", "/api/v1/calls", 201, 145.3, user_id="user_123")
logger.info("Call completed", extra={"duration": 180, "status": "completed"})
clear_call_context()

async def main():
    metrics_service = MetricsService(get_database())
    await metrics_service.record_call_metrics(CallMetrics(
        call_id="call_123", lead_id="lead_456",
        start_time=datetime(2024, 10, 24, 23, 58), end_time=datetime(2024, 10, 25, 0, 1),
        duration_seconds=180, status="completed", direction="outbound", language="hinglish",
        asr_latency_ms=234.5, tts_latency_ms=156.2, total_turns=12,
        qualification_completed=True, handoff_triggered=True, sentiment_score=0.75))
    daily = await metrics_service.aggregate_daily_metrics("2024-10-24")
    await check_and_send_alerts(get_database())
    sent = await AlertService().send_alert(
        alert_type="custom_metric", severity="warning", message="Queue is long",
        current_value=75.5, threshold_value=50.0, metadata={"queue": "hindi"})
    tested = await AlertService().send_test_alert()
    return daily.total_calls, daily.qualification_rate, sent, tested

import json, sys
for _ in range(2):
    sys.stderr.write(json.dumps(asyncio.run(main())) + "\\n")
"""


def test_the_snippets_work_twice_in_one_process(database: Database[Document]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", SNIPPET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    nobody = {"email": False, "slack": False}
    answers = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert answers == [[1, 1.0, nobody, nobody]] * 2
    stored = database["calls"].find_one({"_id": "call_123"})
    assert stored is not None
    assert stored["start_time"].isoformat() == "2024-10-24T18:28:00+00:00"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["message"] for line in lines if line.get("call_id") == "call_123"][1] == "Call completed"


def awaited(lines: str) -> str:
    """A program of what stands inside of a function of the reader's."""
    return (
        "import asyncio\n\n\nasync def main():\n" + textwrap.indent(lines, "    ") + "\nasyncio.run(main())"
    )


@pytest.mark.full
@pytest.mark.parametrize(
    ("document", "calls"),
    [
        ("README.md", 1),
        ("docs/recording.md", None),
        ("docs/frames.md", 0),
        ("docs/logging.md", 0),
        ("docs/merging.md", 1),
        ("docs/encryption.md", 0),
        ("docs/prices.md", 0),
        ("docs/rules.md", 0),
    ],
)
def test_the_programs_in_the_documents_run(
    database: Database[Document], document: str, calls: int | None
) -> None:
    """Each by itself, as a reader pastes it; ``calls``: how many they record, None for one each."""
    programs = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert programs
    for program in programs:
        inside = "await" in program and "asyncio.run" not in program
        done = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-c", awaited(program) if inside else program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, "Spooled" in done.stdout) == (0, False), done.stdout + done.stderr
    assert database["calls"].count_documents({}) == (len(programs) if calls is None else calls)
