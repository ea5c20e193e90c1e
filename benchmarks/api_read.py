"""Many concurrent readers of the REST API: how long answers take, and that slow queries delay no others.

Server, database and readers share this machine's processors. Each reader keeps its connection and sends the
next request as soon as it has an answer. Meanwhile, other readers keep sending a slow one: a list filtered by
something roll-ups do not hold, and one asks for liveness five times a second.
"""

import argparse
import http.client
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.setup.made_calls import fill, long_ago
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.aggregation.rollups.refresh import refresh_rollups
from core.clock import local_today
from core.ports import answers
from core.storage import get_sync_database

CALLS, READERS, SECONDS, SLOW_READERS = 1_000_000, 200, 60.0, 1
DAYS = 90
PORT = 8_913
KEYS = [secrets.token_urlsafe(32) for _ in range(20)]
ANALYTICS = "/api/v1/analytics"
OK, UNCHANGED = 200, 304
LONGEST_SECONDS = 60
_SPAWNED = multiprocessing.get_context("spawn")


@dataclass
class Answers:
    """Seconds that each answer to a request took, and failures."""

    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def row(self, span: float) -> list[str]:
        """Return answers per second; p50, p99 and maximum in milliseconds; failures."""
        if not self.seconds:
            return ["0", "-", "-", "-", _named(self.failures)]
        p50, p99 = np.percentile(self.seconds, [50, 99], method="inverted_cdf") * 1000
        rate = len(self.seconds) / span
        return [
            f"{rate:,.1f}",
            f"{p50:,.0f}",
            f"{p99:,.0f}",
            f"{max(self.seconds) * 1000:,.0f}",
            _named(self.failures),
        ]


def _named(failures: Counter[str]) -> str:
    return ", ".join(f"{n} x {what}" for what, n in failures.most_common()) or "none"


def _questions() -> dict[str, str]:
    today = local_today()
    day, week, quarter = (today - timedelta(days=days) for days in (1, 7, DAYS - 1))
    return {
        "last 24 hours": f"{ANALYTICS}/metrics",
        "a day": f"{ANALYTICS}/metrics/daily/{day}",
        "a week": f"{ANALYTICS}/metrics/range?start_date={week}",
        f"{DAYS} days": f"{ANALYTICS}/metrics/range?start_date={quarter}",
        "a page of calls": f"{ANALYTICS}/calls?start_date={week}&limit=100&analytics=false",
        "calls with figures": f"{ANALYTICS}/calls?start_date={week}&limit=20",
        "alerts": f"{ANALYTICS}/alerts",
    }


SLOW = "a list by duration and cost"
LIVENESS, LIVENESS_EVERY_SECONDS = "liveness", 0.2


def _slow_question() -> str:
    first = local_today() - timedelta(days=7)
    return f"{ANALYTICS}/calls?start_date={first}&min_duration_seconds=1&min_cost=0.1&limit=1000"


def _ask(
    questions: Sequence[tuple[str, str]], begin: int, seconds: float, pause: float = 0.0
) -> dict[str, Answers]:
    """Send one request after the other on one connection until the time is over."""
    until = time.perf_counter() + seconds
    found = {name: Answers() for name, _ in questions}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=LONGEST_SECONDS)
    headers = {} if LIVENESS in dict(questions) else {"X-API-Key": KEYS[begin % len(KEYS)]}
    number = begin
    while time.perf_counter() < until:
        name, path = questions[number % len(questions)]
        number += 1
        started = time.perf_counter()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            found[name].failures[type(error).__name__] += 1
            connection.close()
            continue
        if answer.status == OK:
            found[name].seconds.append(time.perf_counter() - started)
        else:
            found[name].failures[str(answer.status)] += 1
        time.sleep(pause)
    connection.close()
    return found


def _measure(readers: int, seconds: float) -> dict[str, Answers]:
    usual, slow, alive = list(_questions().items()), [(SLOW, _slow_question())], [(LIVENESS, "/healthz")]
    # Liveness from a process of its own: among two hundred threads it would wait for this one's interpreter.
    with ThreadPoolExecutor(readers + SLOW_READERS) as threads, ProcessPoolExecutor(1, _SPAWNED) as apart:
        watch = apart.submit(_ask, alive, 0, seconds, LIVENESS_EVERY_SECONDS)
        asked = [threads.submit(_ask, usual, number, seconds) for number in range(readers)]
        asked += [threads.submit(_ask, slow, number, seconds) for number in range(SLOW_READERS)]
        parts = [one.result() for one in [*asked, watch]]
    whole = {name: Answers() for name, _ in [*usual, *slow, *alive]}
    for part in parts:
        for name, found in part.items():
            whole[name].seconds += found.seconds
            whole[name].failures += found.failures
    return whole


@contextmanager
def _served() -> Iterator[None]:
    own = {"API_PORT": str(PORT), "API_KEYS": ",".join(KEYS), "API_REQUESTS_PER_MINUTE": "0"}
    server = subprocess.Popen(
        [sys.executable, "-m", "core", "api"], env=os.environ | own, stdout=subprocess.DEVNULL
    )
    try:
        while not answers(f"http://127.0.0.1:{PORT}/healthz"):
            assert server.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def run(calls: int, readers: int, seconds: float) -> None:
    """Measure with this many calls, readers and seconds, and print the table."""
    console = Console()
    with scratch_store():
        database = get_sync_database()
        fill(database, calls, days=DAYS, recorded_at=long_ago())
        with console.status("Rolling up"):
            refresh_rollups(database)
        with _served():
            for path in (*_questions().values(), _slow_question()):  # once each, to warm up
                _ask([("", path)], 0, 0.01)
            found = _measure(readers, seconds)
    title = f"{readers} concurrent readers for {seconds:g} s over {calls:,} calls of {DAYS} days"
    table = Table(
        "question",
        "answers/s",
        "p50 ms",
        "p99 ms",
        "longest ms",
        "failures",
        title=title,
        title_justify="left",
    )
    everything = Answers()
    for name, one in found.items():
        table.add_row(name, *one.row(seconds))
        if name not in {SLOW, LIVENESS}:
            everything.seconds += one.seconds
            everything.failures += one.failures
    note("api_read", "p99", float(np.percentile(everything.seconds, 99)) * 1000)
    note("api_read", "liveness", float(np.percentile(found[LIVENESS].seconds, 99)) * 1000)
    table.add_section()
    table.add_row("all figures and lists", *everything.row(seconds))
    console.print(table)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure on a scratch embedded server; options make it smaller."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api_read", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args(arguments)
    run(given.calls, given.readers, given.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
