"""A million lines to a blocked target: memory used, and whether every line is accounted for."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from benchmarks.setup.results import note

LINES = 1_000_000
MIB = 2**20
_AGENT = """
import os, sys
from core.logging_config import *
log = get_logger("api")
set_call_context(call_id="call_123", lead_id="lead_456")
log.info("first", extra={"duration": 0, "status": "completed"})
flush()
os.write(2, b"began\\n")
sys.stdin.readline()
for number in range(%d):
    log.info("Call completed", extra={"duration": number, "status": "completed", "language": "hinglish",
                                      "qualification": f"offer_{number}"})
os.write(2, b"done\\n")
sys.stdin.readline()
flush(60)
"""


def main() -> None:
    """Print the growth and the count of lines."""
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder) / "stuck.log"
        os.mkfifo(fifo)
        reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reading, True)
        growth, lines = _flood(fifo, reading)
    written = [line for line in lines if line["component"] == "api"]
    note("log_flood", "memory", growth / MIB)
    dropped = sum(line["lines"] for line in lines if line["component"] == "logging")
    print(
        f"{LINES:,} lines to a blocked target: {growth / MIB:.1f} MiB above start; "
        f"written {len(written) - 1:,} + reported as dropped {dropped:,} = {len(written) - 1 + dropped:,}"
    )


def _flood(fifo: Path, reading: int) -> tuple[int, list[dict[str, Any]]]:
    agent = subprocess.Popen(  # noqa: S603 (a program of ours)
        [sys.executable, "-c", _AGENT % LINES],
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "LOG_FILE": str(fifo)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert agent.stdin is not None
    assert agent.stderr is not None
    process = psutil.Process(agent.pid)
    agent.stderr.readline()
    before = process.memory_info().rss
    agent.stdin.write(b"go\n")
    agent.stdin.flush()
    agent.stderr.readline()
    growth = process.memory_info().rss - before
    agent.stdin.write(b"go\n")
    agent.stdin.close()
    with os.fdopen(reading, "rb") as file:
        lines = [json.loads(line) for line in file]
    agent.wait(60)
    return growth, lines


if __name__ == "__main__":
    main()
