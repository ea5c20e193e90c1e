"""What recording costs a Pipecat bot: the same simulated calls with and without the setup file, in turn.

Needs a Python with ``.[pipecat]``, named by PYTHON_WITH_PIPECAT. Measures the processor time of the whole
bot, including the recording thread, and how late its event loop wakes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAIRS, CALLS, TURNS_OF_CALL = 6, 3, 2
METER = """
import asyncio, json, os, runpy, sys, time
from loguru import logger
from core.storage import get_sync_database
import core.adapters.pipecat.observer  # in both, so that its import is in neither's figures
get_sync_database()
logger.remove()
bot_file, setup_file, pairs, calls = sys.argv[1:]
bot = runpy.run_path(bot_file)
late = []
async def watch():
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append((time.perf_counter() - began - 0.005) * 1000)
async def hold(setup_files):
    os.environ["PIPECAT_SETUP_FILES"] = setup_files
    late.clear()
    began = time.process_time()
    await asyncio.gather(*(bot["call"]("completed") for _ in range(int(calls))))
    spent = time.process_time() - began
    late.sort()
    return {"cpu_ms": spent * 1000, "late_ms": late[int(len(late) * 0.99)]}
async def main():
    watching = asyncio.create_task(watch())
    await hold(setup_file)  # the first one is a warm-up
    print(json.dumps([[await hold(""), await hold(setup_file)] for _ in range(int(pairs))]))
asyncio.run(main())
"""


def main() -> None:
    """Print the medians, and the median difference."""
    python = os.environ.get("PYTHON_WITH_PIPECAT")
    if python is None:
        print("pipecat_overhead: set PYTHON_WITH_PIPECAT to a Python that has .[pipecat]")
        return
    bot, setup_file = ROOT / "tests/adapters/pipecat/bot.py", ROOT / "core/adapters/pipecat/setup_file.py"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 (a Python named by the caller)
            [python, "-c", METER, str(bot), str(setup_file), str(PAIRS), str(CALLS)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATA_DIR": folder, "LOG_LEVEL": "ERROR"},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            timeout=900,
            check=True,
        )
    pairs = json.loads(done.stdout.splitlines()[-1])
    turns = CALLS * TURNS_OF_CALL
    for name, per, unit in (
        ("cpu_ms", turns, "ms of processor time per turn"),
        ("late_ms", 1, "ms the event loop woke late, 99th percentile"),
    ):
        without, with_ = (statistics.median(pair[number][name] for pair in pairs) / per for number in (0, 1))
        more = statistics.median(pair[1][name] - pair[0][name] for pair in pairs) / per
        print(f"{unit}: {without:.2f} without, {with_:.2f} with, {more:+.2f} median difference")


if __name__ == "__main__":
    main()
