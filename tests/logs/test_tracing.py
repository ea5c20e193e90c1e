"""Lines of an agent that OpenTelemetry traces say to which span they belong."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lines(code: str) -> list[dict[str, object]]:
    """What a program of its own logs to stdout."""
    if importlib.util.find_spec("opentelemetry") is None:
        pytest.skip("no OpenTelemetry: pip install opentelemetry-sdk")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


_TRACED = """
import logging, sys, time
from core.logging_config import get_logger
log = get_logger("speech")
log.info("before OpenTelemetry is there")
from opentelemetry.sdk.trace import TracerProvider
{between}
tracer = TracerProvider().get_tracer("agent")
log.info("outside")
with tracer.start_as_current_span("turn") as span:
    log.info("inside", extra={extra})
    ids = span.get_span_context()
    # Not print, which writes text and end of line apart: the log may come between.
    sys.stdout.write('{{"ids": ["%032x", "%016x"]}}\\n' % (ids.trace_id, ids.span_id))
log.info("after")
"""


@pytest.mark.parametrize(
    "between",
    ["time.sleep(0.2)", "time.sleep(3)", "logging.getLogger().addHandler(logging.NullHandler())"],
    ids=["after a moment", "after the writer fell asleep", "beside a handler of another"],
)
def test_a_line_within_a_span_has_its_ids_and_no_other_has(between: str) -> None:
    printed = lines(_TRACED.format(between=between, extra={"turn": 3}))
    (ids,) = (line["ids"] for line in printed if "ids" in line)
    logged = {str(line["message"]): line for line in printed if "ids" not in line}
    assert [logged["inside"]["trace_id"], logged["inside"]["span_id"]] == ids
    assert re.fullmatch("[0-9a-f]{32}", str(logged["inside"]["trace_id"]))
    assert {name for name, line in logged.items() if "trace_id" in line} == {"inside"}
    assert len(logged) == 4


def test_an_id_of_the_agents_own_is_kept() -> None:
    printed = lines(_TRACED.format(between="time.sleep(0.2)", extra={"trace_id": "mine"}))
    (inside,) = (line for line in printed if line.get("message") == "inside")
    assert (inside["trace_id"], "span_id" in inside) == ("mine", False)


def test_without_opentelemetry_nothing_of_it_is_imported() -> None:
    code = (
        "import sys\nfrom core.logging_config import get_logger\nget_logger('api').info('x')\n"
        "print('{\"imported\": %d}' % any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert '{"imported": 0}' in done.stdout
