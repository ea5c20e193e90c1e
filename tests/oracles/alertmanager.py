"""A real Alertmanager on loopback, and a receiver that writes down what it notifies and when."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.oracles import program
from tests.ports import free_port

START_SECONDS = 20.0
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Timing:
    """The route's intervals, in seconds."""

    group_wait: float
    group_interval: float
    repeat_interval: float


@dataclass(frozen=True)
class Notified:
    """One notification: seconds after the timeline's start, its group, and its alerts' states."""

    at: float
    group: str
    alerts: Mapping[str, str]
    """Name of each alert in it → firing or resolved."""


@dataclass
class Alertmanager:
    """A running server; ``notified`` grows while it runs."""

    url: str
    started: float
    notified: list[Notified] = field(default_factory=list)

    def offset(self) -> float:
        """Seconds since the timeline's start."""
        return time.monotonic() - self.started

    def push(self, firing: Sequence[Labels], resolved: Sequence[Labels] = ()) -> None:
        """Tell it which alerts fire and which are over, as Prometheus does."""
        now = datetime.now(UTC)
        body = [{"labels": dict(labels), "endsAt": _iso(now + timedelta(hours=1))} for labels in firing]
        body += [{"labels": dict(labels), "endsAt": _iso(now)} for labels in resolved]
        if body:
            _post(f"{self.url}/api/v2/alerts", body)

    def silence(self, matchers: Labels, seconds: float) -> None:
        """Silence the alerts with these labels from now on for so long."""
        now = datetime.now(UTC)
        equal = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in matchers.items()
        ]
        body = {"matchers": equal, "startsAt": _iso(now), "endsAt": _iso(now + timedelta(seconds=seconds))}
        _post(f"{self.url}/api/v2/silences", body | {"createdBy": "test", "comment": "test"})


@contextmanager
def running(
    folder: Path,
    timing: Timing,
    inhibit: Sequence[Mapping[str, object]] = (),
    mutes: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> Iterator[Alertmanager]:
    """An Alertmanager that groups by the label ``group`` and names alerts by ``alertname``.

    Alerts labelled ``quiet`` go to a receiver that wants no ends. ``mutes`` has for a group when it is mute.
    """
    server, started = f"http://127.0.0.1:{free_port()}", time.monotonic()
    manager = Alertmanager(server, started)
    with _receiver(manager) as hook:
        config = folder / "alertmanager.yml"
        config.write_text(json.dumps(_config(timing, hook, inhibit, mutes)))
        command = [
            str(program("alertmanager", "prometheus-alertmanager")),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={server.removeprefix('http://')}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
        with (
            (folder / "alertmanager.log").open("wb") as log,
            subprocess.Popen(command, stderr=log) as process,
        ):
            try:
                _wait_until_ready(server, process, log.name)
                manager.started = time.monotonic()
                yield manager
            finally:
                process.terminate()


def _config(
    timing: Timing,
    hook: str,
    inhibit: Sequence[Mapping[str, object]],
    mutes: Mapping[str, Mapping[str, object]],
) -> dict[str, object]:
    quiet = {"receiver": "quiet", "matchers": ['quiet="1"']}
    muted = [
        {"receiver": "hook", "matchers": [f'group="{group}"'], "mute_time_intervals": [group]}
        for group in mutes
    ]
    intervals = {name: f"{round(value * 1000)}ms" for name, value in vars(timing).items()}
    return {
        "route": {"receiver": "hook", "group_by": ["group"], **intervals, "routes": [quiet, *muted]},
        "receivers": [
            {"name": name, "webhook_configs": [{"url": hook, "send_resolved": ends, "max_alerts": 0}]}
            for name, ends in (("hook", True), ("quiet", False))
        ],
        "time_intervals": [
            {"name": group, "time_intervals": [interval]} for group, interval in mutes.items()
        ],
        "inhibit_rules": list(inhibit),
    }


@contextmanager
def _receiver(manager: Alertmanager) -> Iterator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = manager.offset()
            payload: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            states = {alert["labels"]["alertname"]: alert["status"] for alert in payload["alerts"]}
            manager.notified.append(Notified(at, payload["groupLabels"].get("group", ""), states))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 256  # a connection that finds the queue full is tried again a second later

    with Server(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


def _wait_until_ready(server: str, process: subprocess.Popen[bytes], log: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{server}/-/ready", timeout=1):  # noqa: S310 (a server of this test)
                return
        except OSError:
            said = process.poll() is not None and Path(log).read_text()
            assert not said, f"Alertmanager ended at its start: {said[-1000:]}"
            assert time.monotonic() < deadline, "Alertmanager does not answer"
            time.sleep(0.05)


def _post(url: str, body: object) -> None:
    request = urllib.request.Request(  # noqa: S310 (a server of this test)
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 (as above)
        pass


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
