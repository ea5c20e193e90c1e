"""One log call (message, four extras, call context, source) beside the stdlib's queue and structlog.

What the caller waits, alone and in bursts, and how many lines a second reach the file. Each round runs
every contender in a process of its own; ours masks, the others do not.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROUNDS = 3
LONE_CALLS = 400
BURSTS, CALLS_PER_BURST = 200, 50
LINES, LINES_BETWEEN_FLUSHES = 40_000, 10_000

EXTRAS = {"duration": 180, "status": "completed", "language": "hinglish", "qualification": "public_secured"}
CONTEXT = {"call_id": "call_123", "lead_id": "lead_456"}
_STDLIB_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(filename)s %(lineno)d %(funcName)s"
Log = Callable[[], None]
Flush = Callable[[], object]


def _ours(path: Path) -> tuple[Log, Flush]:
    from core.logging_config import flush, get_logger, set_call_context, setup_logging  # noqa: PLC0415

    setup_logging("INFO", path)
    set_call_context(**CONTEXT)
    logger = get_logger("api")
    return lambda: logger.info("Call completed", extra=EXTRAS), lambda: flush(60)


def _stdlib_queue(path: Path) -> tuple[Log, Flush]:
    import queue  # noqa: PLC0415
    from logging.handlers import QueueHandler, QueueListener  # noqa: PLC0415

    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    waiting: queue.Queue[Any] = queue.Queue()
    target = logging.FileHandler(path)
    target.setFormatter(JsonFormatter(_STDLIB_FIELDS))
    listener = QueueListener(waiting, target)
    listener.start()
    logger = logging.getLogger("api")
    logger.setLevel(logging.INFO)
    logger.addHandler(QueueHandler(waiting))
    fields = {**EXTRAS, **CONTEXT}

    def drain() -> None:
        while not waiting.empty():
            time.sleep(0.001)

    return lambda: logger.info("Call completed", extra=fields), drain


def _structlog(path: Path) -> tuple[Log, Flush]:
    import orjson  # noqa: PLC0415
    import structlog  # noqa: PLC0415

    source = structlog.processors.CallsiteParameter
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.CallsiteParameterAdder([source.FILENAME, source.LINENO, source.FUNC_NAME]),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(path.open("ab")),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**CONTEXT)
    logger = structlog.get_logger()
    return lambda: logger.info("Call completed", **EXTRAS), lambda: None


CONTENDERS: dict[str, tuple[Callable[[Path], tuple[Log, Flush]], str | None]] = {
    "this project": (_ours, None),
    "QueueHandler, python-json-logger": (_stdlib_queue, "pythonjsonlogger"),
    "structlog (no thread), orjson": (_structlog, "structlog"),
}


def _measure(name: str) -> dict[str, float]:
    """Microseconds of a lone call and of one in a burst, and lines a second until all are written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.log"
        log, flush = CONTENDERS[name][0](path)
        log()
        lone = []
        for _ in range(LONE_CALLS):
            time.sleep(0.002)
            began = time.perf_counter_ns()
            log()
            lone.append(time.perf_counter_ns() - began)
        bursts = []
        for _ in range(BURSTS):
            time.sleep(0.005)
            began = time.perf_counter_ns()
            for _ in range(CALLS_PER_BURST):
                log()
            bursts.append((time.perf_counter_ns() - began) / CALLS_PER_BURST)
        flush()
        started = time.perf_counter()
        for number in range(1, LINES + 1):
            log()
            if number % LINES_BETWEEN_FLUSHES == 0:
                flush()
        seconds = time.perf_counter() - started
        time.sleep(0.1)
        expected = 1 + LONE_CALLS + BURSTS * CALLS_PER_BURST + LINES
        assert path.read_bytes().count(b"\n") == expected, "lines are missing"
    return {"lone": median(lone) / 1000, "burst": median(bursts) / 1000, "rate": LINES / seconds}


def _in_a_process_of_its_own(name: str) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, "-m", "benchmarks.log_call", name],
        cwd=Path(__file__).resolve().parents[1],
        env={key: value for key, value in os.environ.items() if not key.startswith("LOG_")},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Print the table; contenders that are not installed are left out."""
    names = [name for name, (_, needs) in CONTENDERS.items() if not needs or find_spec(needs)]
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in track(range(ROUNDS), "log calls", transient=True):
        for name in names:
            figures[name].append(_in_a_process_of_its_own(name))
    Console().print(_table(figures))


def _table(figures: dict[str, list[dict[str, float]]]) -> Table:
    table = Table(
        title=f"One log call, median of {ROUNDS} rounds (in brackets: times the first row)",
        title_justify="left",
    )
    for column in ("", "lone call, p50 µs", "in a burst, p50 µs", "lines/s"):
        table.add_column(column, justify="right" if column else "left")
    middle = {
        name: {key: median(one[key] for one in rounds) for key in ("lone", "burst", "rate")}
        for name, rounds in figures.items()
    }
    first = next(iter(middle.values()))
    for name, own in middle.items():
        table.add_row(
            name,
            *(f"{own[key]:.1f} ({own[key] / first[key]:.1f})" for key in ("lone", "burst")),
            f"{own['rate']:,.0f} ({own['rate'] / first['rate']:.2f})",
        )
    return table


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(_measure(sys.argv[1])))
    else:
        main()
