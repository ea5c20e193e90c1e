"""A log call (message, four extras, call context, source location) next to other loggers.

How long the caller waits after a gap and in bursts, how many lines per second reach the file, and how late an
event loop wakes at 10,000 lines per second. Each round runs every contender in its own process. All lines are
counted, dropped ones too. Ours masks personal data, the others do not.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.setup.results import note

ROUNDS = 6
GAPS = 400
LATE_LINES = 20_000
BURSTS, CALLS_PER_BURST = 200, 50
LINES, LINES_BETWEEN_FLUSHES = 40_000, 10_000

CONTEXT = {"call_id": "call_123", "lead_id": "lead_456"}
_STDLIB_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(filename)s %(lineno)d %(funcName)s"
Log = Callable[[int], None]
Flush = Callable[[], object]


def _ours(path: Path) -> tuple[Log, Flush]:
    from core.logging_config import flush, get_logger, set_call_context, setup_logging  # noqa: PLC0415 (each in a process of its own)

    setup_logging("INFO", path)
    set_call_context(**CONTEXT)
    logger = get_logger("api")

    def log(number: int) -> None:
        logger.info(
            "Call completed",
            extra={
                "duration": number,
                "status": "completed",
                "language": "hinglish",
                "qualification": "public_secured",
            },
        )

    return log, lambda: flush(60)


def _ours_beside_a_handler(path: Path) -> tuple[Log, Flush]:
    logging.getLogger().addHandler(logging.NullHandler())
    return _ours(path)


def _stdlib_queue(path: Path) -> tuple[Log, Flush]:
    import queue  # noqa: PLC0415 (each in a process of its own)
    from logging.handlers import QueueHandler, QueueListener  # noqa: PLC0415 (each in a process of its own)

    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415 (each in a process of its own)

    waiting: queue.Queue[Any] = queue.Queue()
    target = logging.FileHandler(path)
    target.setFormatter(JsonFormatter(_STDLIB_FIELDS))
    listener = QueueListener(waiting, target)
    listener.start()
    logger = logging.getLogger("api")
    logger.setLevel(logging.INFO)
    logger.addHandler(QueueHandler(waiting))

    def log(number: int) -> None:
        logger.info(
            "Call completed",
            extra={
                "duration": number,
                "status": "completed",
                "language": "hinglish",
                "qualification": "public_secured",
                **CONTEXT,
            },
        )

    def drain() -> None:
        while not waiting.empty():
            time.sleep(0.001)

    return log, drain


def _structlog(path: Path) -> tuple[Log, Flush]:
    import orjson  # noqa: PLC0415 (each in a process of its own)
    import structlog  # noqa: PLC0415 (each in a process of its own)

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

    def log(number: int) -> None:
        logger.info(
            "Call completed",
            duration=number,
            status="completed",
            language="hinglish",
            qualification="public_secured",
        )

    return log, lambda: None


def _loguru(path: Path, *, enqueue: bool = False) -> tuple[Log, Flush]:
    from loguru import logger  # noqa: PLC0415 (each in a process of its own)

    logger.remove()
    logger.add(path, serialize=True, enqueue=enqueue, level="INFO")
    bound = logger.bind(**CONTEXT)

    def log(number: int) -> None:
        bound.info(
            "Call completed",
            duration=number,
            status="completed",
            language="hinglish",
            qualification="public_secured",
        )

    return log, logger.complete


QUIET = "no logging"
OURS = "this project, masking"
BASELINE = "B: QueueHandler, python-json-logger"
CONTENDERS: dict[str, Callable[[Path], tuple[Log, Flush]]] = {
    OURS: _ours,
    "the same with another handler": _ours_beside_a_handler,
    BASELINE: _stdlib_queue,
    "structlog (no thread), orjson": _structlog,
    "loguru": _loguru,
    "loguru, enqueue=True": partial(_loguru, enqueue=True),
}


def _measure(name: str) -> dict[str, float]:
    """Return µs per call after a gap and in a burst, lines per second, and the loop's lateness in ms."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.log"
        if name == QUIET:
            return {"late": _lateness(lambda _number: None)}
        log, flush = CONTENDERS[name](path)
        log(0)
        gaps, bursts = _gaps(log), _bursts(log)
        flush()
        late = _lateness(log)
        flush()
        started = time.perf_counter()
        for number in range(1, LINES + 1):
            log(number)
            if number % LINES_BETWEEN_FLUSHES == 0:
                flush()
        seconds = time.perf_counter() - started
        time.sleep(0.1)
        expected = 1 + GAPS + BURSTS * CALLS_PER_BURST + LINES + LATE_LINES
        written, dropped = _counted(path.read_bytes())
        assert written + dropped == expected, f"{written} lines and {dropped} dropped of {expected}"
    return {"lone": gaps, "burst": bursts, "late": late, "rate": LINES / seconds}


def _counted(lines: bytes) -> tuple[int, int]:
    """Return how many lines were written, and how many ours dropped: a busy loop may starve its thread."""
    counts = [json.loads(line)["lines"] for line in lines.splitlines() if b'"message":"dropped ' in line]
    return lines.count(b"\n") - len(counts), sum(counts)


def _gaps(log: Log) -> float:
    taken = []
    for number in range(GAPS):
        time.sleep(0.002)
        began = time.perf_counter_ns()
        log(number)
        taken.append(time.perf_counter_ns() - began)
    return median(taken) / 1000


def _bursts(log: Log) -> float:
    taken = []
    for _ in range(BURSTS):
        time.sleep(0.005)
        began = time.perf_counter_ns()
        for number in range(CALLS_PER_BURST):
            log(number)
        taken.append((time.perf_counter_ns() - began) / CALLS_PER_BURST)
    return median(taken) / 1000


def _lateness(log: Log) -> float:
    """Return how late an event loop wakes at 10,000 lines per second: 99th percentile in ms."""
    late: list[float] = []

    async def tick(until: float) -> None:
        while (began := time.perf_counter()) < until:
            await asyncio.sleep(0.002)
            late.append((time.perf_counter() - began - 0.002) * 1000)

    async def both() -> None:
        ticking = asyncio.create_task(tick(time.perf_counter() + LATE_LINES / 10_000))
        began = time.perf_counter()
        for number in range(0, LATE_LINES, 20):
            for one in range(20):
                log(number + one)
            await asyncio.sleep(max(0.0, began + number / 10_000 - time.perf_counter()))
        await ticking

    asyncio.run(both())
    return quantiles(late, n=100)[98]


def _in_a_process_of_its_own(name: str) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 (this very file)
        [sys.executable, "-m", "benchmarks.log_call", name],
        cwd=Path(__file__).resolve().parents[1],
        env={key: value for key, value in os.environ.items() if not key.startswith("LOG_")},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Print the tables."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in (*CONTENDERS, QUIET)}
    disabled: dict[str, list[float]] = {"this project": [], "stdlib": []}
    for _ in track(range(ROUNDS), "log calls", transient=True):
        for name, rounds in figures.items():
            rounds.append(_in_a_process_of_its_own(name))
        for name, nanoseconds in _disabled().items():
            disabled[name].append(nanoseconds)
    Console(width=150).print(_table(figures))
    for name, key in (("after a gap", "lone"), ("in a burst", "burst"), ("rate", "rate"), ("late", "late")):
        ours, theirs = (median(one[key] for one in figures[who]) for who in (OURS, BASELINE))
        note("log_call", name, ours, theirs)
    ratio = median(disabled["this project"]) / median(disabled["stdlib"])
    shown = {name: f"{median(values):.0f} ns" for name, values in disabled.items()}
    print(f"A disabled DEBUG: {shown['this project']}, stdlib {shown['stdlib']}, ratio {ratio:.2f}")


def _disabled() -> dict[str, float]:
    """Return the nanoseconds of a call below the log level."""
    from core.logging_config import get_logger  # noqa: PLC0415 (each in a process of its own)

    ours, theirs = get_logger("bench"), logging.getLogger("bench")
    theirs.setLevel(logging.INFO)
    calls = {"this project": ours.debug, "stdlib": theirs.debug}
    best = {}
    for name, debug in calls.items():
        timer = timeit.Timer(partial(debug, "a %s", "b", extra={"c": 1}))
        best[name] = min(timer.repeat(5, 20_000)) / 20_000 * 1e9
    return best


def _table(figures: dict[str, list[dict[str, float]]]) -> Table:
    table = Table(
        title=f"One log call: median of {ROUNDS} interleaved rounds [lowest to highest], ratio to B",
        title_justify="left",
    )
    titles = {
        "lone": "after a gap, p50 µs",
        "burst": "in a burst, p50 µs",
        "rate": "lines/s",
        "late": "loop late, p99 ms",
    }
    for column in ("", *titles.values()):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in figures.items():
        table.add_row(name, *(_cell(key, rounds, figures[BASELINE]) for key in titles))
    return table


def _cell(key: str, rounds: list[dict[str, float]], baseline: list[dict[str, float]]) -> str:
    values = [one[key] for one in rounds if key in one]
    if not values:
        return ""
    digits = {"rate": ",.0f", "late": ".2f"}.get(key, ".1f")
    low, middle, high = (format(value, digits) for value in (min(values), median(values), max(values)))
    ratio = median(values) / median(one[key] for one in baseline)
    return f"{middle} \\[{low} to {high}] {ratio:.2f}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(_measure(sys.argv[1])))
    else:
        main()
