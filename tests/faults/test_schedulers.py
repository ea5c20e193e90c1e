"""Two schedulers, killed, stopped and ended at random while many sends fail: each alert arrives once."""

import asyncio
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pymongo.database import Database

from core.alerting.channels.configured import configured_channels
from core.alerting.notify.outbox import enqueue, outbox_rows, rows_of
from core.models.outbox import WAITING, OutboxState
from core.settings import get_settings
from core.storage.server.connection import get_database
from core.types import Document
from tests.alerting.channels.wire import Authority, Proxy, WebServer
from tests.alerting.notify.test_outbox import news
from tests.faults.scheduler import LEASE_SECONDS
from tests.scheduler.test_loop import fail_calls

ROOT = Path(__file__).resolve().parents[2]
HOOKS = 4
FAILING = 0.4
CHAOS_SECONDS = 50
DRAINED_WITHIN_SECONDS = 120
AFTER_A_SEND = 1.5
"""Longest from connecting to an answer, or from it to its being marked, seconds, on a busy machine."""
Process = subprocess.Popen[bytes]


class Flaky(WebServer):
    """Answers slowly, and often that it cannot."""

    chance = random.Random(1)  # noqa: S311 (no secret)

    def answer(self) -> int:
        """Forty of a hundred times 500."""
        time.sleep(self.chance.uniform(0.02, 0.2))
        return 500 if self.chance.random() < FAILING else 200


@contextmanager
def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flaky]:
    """The other side of the webhooks that the settings name."""
    authority = Authority(folder)
    with Flaky(authority) as server, Proxy(server) as proxy:
        for running in (server, proxy):
            threading.Thread(target=running.serve_forever, daemon=True).start()
        hooks = [f"hook{number}=jsons://webhook.example.com/{number}" for number in range(HOOKS)]
        settings = authority.environment | {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}",
            "ALERT_APPRISE_URLS": ",".join(hooks),
            "ALERT_CHECK_INTERVAL_SECONDS": "10",
            "LOG_FILE": str(folder / "log"),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        yield server
        proxy.shutdown()
        server.shutdown()


@dataclass
class Nodes:
    """Two schedulers, what was done to them, and when that may have cut a send from its mark."""

    chance: random.Random
    running: list[Process] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    cuts: list[tuple[float, float]] = field(default_factory=list)
    """From when to when the process stood still; one that is killed does for ever."""

    def start(self) -> None:
        """Start both."""
        self.running = [self._new(), self._new()]

    def _new(self) -> Process:
        return subprocess.Popen([sys.executable, "-m", "tests.faults.scheduler"], cwd=ROOT)

    def harm(self) -> None:
        """Do something to one of them."""
        what = self.chance.choice(["kill", "stop", "long stop", "end"])
        self.done[what] += 1
        victim = self.chance.randrange(len(self.running))
        process = self.running[victim]
        if what == "kill":
            self.cuts.append((time.monotonic(), math.inf))
            process.kill()
            process.wait()
        elif what == "end":
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            if code not in {0, -signal.SIGTERM}:  # before it has begun it ends as any process
                self.done[f"ended with {code}"] += 1
        else:
            stopped = time.monotonic()
            process.send_signal(signal.SIGSTOP)
            time.sleep(LEASE_SECONDS * (1.6 if what == "long stop" else 0.3))
            if what == "long stop":
                self.cuts.append((stopped, time.monotonic()))
            process.send_signal(signal.SIGCONT)
            return
        self.running[victim] = self._new()

    def explain(self, at: float) -> bool:
        """Whether a process stood still after this send, before its mark, or in the middle of it."""
        return any(
            -0.5 <= stopped - at <= AFTER_A_SEND or 0 <= at - went_on <= AFTER_A_SEND
            for stopped, went_on in self.cuts
        )

    def end(self) -> None:
        """End both."""
        for process in self.running:
            process.kill()
            process.wait()


@pytest.mark.alone
@pytest.mark.full
@pytest.mark.timeout(500)
def test_every_alert_arrives_and_once_unless_a_process_stands_still_between_sending_and_marking(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent twice is counted, and each has a kill, or a stop longer than the lease, to explain it."""
    with service(tmp_path, monkeypatch) as server:
        nodes = Nodes(random.Random(int(os.environ.get("FAULT_SEED", "20241024"))))  # noqa: S311 (no secret)
        fail_calls(database)
        nodes.start()
        try:
            sent = asyncio.run(_alert_while(nodes))
            _drain(database)
        finally:
            nodes.end()
    (rule_alert,) = database["alerts"].find({"alert_type": "call_failure_rate"})
    (installation,) = database["installation"].find()
    incident = f"{installation['name']}.{rule_alert['_id']}"
    expected = {(f"/{hook}", name) for hook in range(HOOKS) for name in [*sent, incident]}
    arrived: dict[tuple[str, str], list[float]] = {}
    for at, path, payload in server.taken:
        arrived.setdefault((path, payload["alias"]), []).append(at)
    twice = {name: times for name, times in arrived.items() if len(times) > 1}
    counted = (
        f"{len(expected)} alerts, {len(server.received)} attempts, {dict(nodes.done)}, {len(twice)} twice"
    )
    sys.stdout.write(f"\n{counted}\n")  # pytest -s shows it
    assert not [what for what in nodes.done if what.startswith("ended with")]
    assert arrived.keys() == expected
    unexplained = {
        name: times for name, times in twice.items() if sum(map(nodes.explain, times)) < len(times) - 1
    }
    assert unexplained == {}, (counted, nodes.cuts)


async def _alert_while(nodes: Nodes) -> list[str]:
    """Put alerts into the outbox while the schedulers are harmed; their names."""
    harmed = threading.Thread(target=_harm, args=(nodes, time.monotonic() + CHAOS_SECONDS))
    harmed.start()
    channels = configured_channels(get_settings())
    names: list[str] = []
    while harmed.is_alive():
        names.append(f"alert {len(names)}")
        for channel in channels.values():
            await enqueue(get_database(), rows_of(news(names[-1], channel.name), channel))
        await asyncio.sleep(1)
    return names


def _harm(nodes: Nodes, until: float) -> None:
    time.sleep(10)  # they are at work
    while time.monotonic() < until:
        nodes.harm()
        time.sleep(nodes.chance.uniform(0.5, 6))


def _drain(database: Database[Document]) -> None:
    deadline = time.monotonic() + DRAINED_WITHIN_SECONDS
    while left := outbox_rows(database, WAITING):
        assert time.monotonic() < deadline, [(row.id, row.state, row.reason) for row in left]
        time.sleep(1)
    assert outbox_rows(database, [OutboxState.DEAD, OutboxState.SUPERSEDED]) == []
