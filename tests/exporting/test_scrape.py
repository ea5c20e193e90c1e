"""A real Prometheus scrapes a running API: percentiles are the dashboard's, and counters outlive restarts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pymongo.database import Database

from benchmarks.setup.made_calls import fill
from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.exporting.catalogue import COUNTERS, HISTOGRAMS, PREFIX
from core.ports import answers
from core.settings import get_settings
from core.storage.calls import delete_calls
from core.types import Document
from tests.exporting.test_integrations import copied
from tests.exporting.test_totals import told
from tests.oracles import program
from tests.ports import free_port

pytestmark = pytest.mark.full
KEY = "k" * 32
TOTAL = "sum(voice_agent_calls_total)"


@contextmanager
def api(port: int) -> Iterator[None]:
    """The API as a process of its own."""
    running = subprocess.Popen(
        [sys.executable, "-m", "core", "api"],
        env=os.environ | {"API_PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


@contextmanager
def prometheus(folder: Path, api_port: int) -> Iterator[Callable[[str], float]]:
    """Debian's Prometheus with the documented configuration, scraping every two seconds; asks it a question.

    One that has no answer is asked again: on a busy machine a scrape takes longer than it may, and then
    what it should have brought is unknown until the next.
    """
    port, config = free_port(), copied(folder)
    text = config.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{api_port}").replace("30s", "2s")
    config.write_text(text)
    command = [
        str(program("prometheus")),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.lookback-delta=5s",
    ]
    address = f"http://127.0.0.1:{port}"

    def ask(question: str) -> float:
        found: list[dict[str, Any]] = []

        def is_answered() -> bool:
            answer = httpx2.get(f"{address}/api/v1/query", params={"query": question})
            found[:] = answer.raise_for_status().json()["data"]["result"]
            return bool(found)

        until(is_answered)
        return float(found[0]["value"][1])

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        try:
            until(lambda: answers(f"{address}/-/ready"))
            yield ask
        finally:
            running.terminate()


def until(happens: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_prometheus_sees_what_the_dashboard_shows_and_no_counter_falls(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key, over a restart of the API, an erasure and new calls."""
    port, now = free_port(), datetime.now(UTC)
    monkeypatch.setenv("API_KEYS", KEY)
    get_settings.cache_clear()
    fill(database, 5_000, end=now, days=10)
    told(database)
    with prometheus(tmp_path, port) as ask:
        with api(port):
            until(lambda: ask(TOTAL) == 5_000)
            shown = summarise(load_cube(database, now - timedelta(days=11), now + timedelta(days=1)))
            for metric in HISTOGRAMS:
                figure = getattr(shown, metric.of)
                if not figure.n:
                    continue
                seconds = figure.p95 * metric.scale
                bucket = f"sum by (le) ({PREFIX}{metric.name}_bucket)"
                found = ask(f"histogram_quantile(0.95, {bucket})")
                bounds = (0.0, *metric.bounds)
                place = sum(bound < seconds for bound in metric.bounds)
                assert bounds[max(place - 1, 0)] <= found <= metric.bounds[place + 1], metric.name
            delete_calls(database, {"status": "failed"})
            told(database)
            time.sleep(5)
            assert ask(TOTAL) == 5_000
        until(lambda: ask('up{job="voice-agent"}') == 0)
        with api(port):
            until(lambda: ask(TOTAL) == 5_000)
            fill(database, 300, end=now, days=1, seed=1)
            told(database)
            until(lambda: ask(TOTAL) > 5_000)
            names = [f"{metric.name}_total" for metric in COUNTERS]
            names += [f"{metric.name}_{part}" for metric in HISTOGRAMS for part in ("bucket", "sum", "count")]
            fell = f"sum(resets({PREFIX}{{}}[5m])) or vector(0)"  # nothing is of a name without a value
            assert {name: n for name in names if (n := ask(fell.format(name))) > 0} == {}
            assert ask("sum(changes(voice_agent_calls_total[5m]))") > 0
            assert ask("count(voice_agent_build_info)") == 1


def test_two_processes_of_the_api_tell_the_same(database: Database[Document]) -> None:
    """Whichever of them a balancer asks."""
    fill(database, 2_000, end=datetime.now(UTC), days=3)
    told(database)
    ports = free_port(), free_port()
    with api(ports[0]), api(ports[1]):
        told_by = [asked(port) for port in ports * 2]
    assert all(lines == told_by[0] for lines in told_by)
    assert any(line.startswith("voice_agent_calls_total{") for line in told_by[0])


def asked(port: int) -> list[str]:
    """What counters and histograms of calls are at one process."""
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text
    names = tuple(f"{PREFIX}{metric.name}_" for metric in (*COUNTERS, *HISTOGRAMS))
    return [line for line in text.splitlines() if line.startswith(names)]
