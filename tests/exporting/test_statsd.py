"""What StatsD hears, on a real socket and by a real server; and that nobody need be there."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.database import Database
from pymongo.errors import PyMongoError

from core.clock import utc_now
from core.errors import UserError
from core.exporting.statsd import send_statsd
from core.scheduler.jobs import all_jobs
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import EXPORTED_TOTALS
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import told
from tests.ports import free_port

CALLS = "voice_agent.calls|c|#direction:outbound,language:hindi,status:completed"
Lines = dict[str, float]
"""Name, type and tags of each sample, and its value."""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        yield server


def configure(monkeypatch: pytest.MonkeyPatch, port: int, **others: str) -> None:
    for name, value in {"STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(port), **others}.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()


def sent(database: Database[Document], listener: socket.socket) -> Lines:
    """What one run sends."""
    send_statsd(database)
    found: Lines = {}
    while text := heard(listener):
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            value, _, about = rest.partition("|")
            found[f"{name}|{about}"] = float(value)
    return found


def heard(listener: socket.socket) -> str:
    """The next packet; nothing after a fifth of a second without one."""
    try:
        return listener.recv(65_535).decode()
    except TimeoutError:
        return ""


def record(database: Database[Document], first: int, number: int) -> None:
    """Calls of a minute ago, taken in by roll-ups and totals."""
    began = utc_now() - timedelta(minutes=1)
    calls = [call(n, began, duration_seconds=30, e2e_latency_ms=1_200) for n in range(first, first + number)]
    write_calls(database, calls)
    told(database)


def test_what_changed_is_sent_with_tags(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The past is not sent at first; then each call once, also after a restart of the scheduler."""
    configure(monkeypatch, listener.getsockname()[1], STATSD_PREFIX="acme.voice")
    record(database, 0, 3)
    first = sent(database, listener)
    assert not any("|c" in name for name in first)
    assert first["acme.voice.active_calls|g|#direction:inbound"] == 0
    assert first["acme.voice.alerts_firing|g|#severity:critical,muted:false"] == 0
    assert first["acme.voice.call_duration_seconds.p95|g"] == pytest.approx(30, rel=0.02)
    assert first["acme.voice.e2e_latency_seconds.p50|g"] == pytest.approx(1.2, rel=0.02)
    record(database, 3, 5)
    tags = "#direction:outbound,language:hindi,status:completed"
    assert sent(database, listener)[f"acme.voice.calls|c|{tags}"] == 5
    assert not any("|c" in name for name in sent(database, listener))


def test_plain_statsd_has_the_labels_in_the_names(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tag is sent, nor anything else that Datadog's own variables would add."""
    monkeypatch.setenv("DD_ENV", "staging")
    monkeypatch.setenv("DD_EXTERNAL_ENV", "it-false,pn-agent")
    configure(monkeypatch, listener.getsockname()[1], STATSD_DIALECT="statsd")
    record(database, 0, 1)
    sent(database, listener)
    record(database, 1, 2)
    lines = sent(database, listener)
    assert lines["voice_agent.calls.outbound.hindi.completed|c"] == 2
    assert not any("#" in name for name in lines)
    assert {name.partition("|")[2] for name in lines} == {"c", "g"}


def test_a_client_that_is_switched_off_loses_no_call_without_a_word(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, listener.getsockname()[1])
    record(database, 0, 1)
    sent(database, listener)
    record(database, 1, 3)
    monkeypatch.setenv("DD_DOGSTATSD_DISABLE", "true")
    with pytest.raises(UserError, match="DD_DOGSTATSD_DISABLE is set"):
        send_statsd(database)
    monkeypatch.delenv("DD_DOGSTATSD_DISABLE")
    assert sent(database, listener)[CALLS] == 3


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "nothing listens there"),
        ("nowhere.invalid", "gaierror: name cannot be resolved"),
    ],
)
def test_nobody_there_breaks_nothing_and_is_said(
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    host: str,
    reason: str,
) -> None:
    """A closed port and a name that does not resolve: the job ends, soon, with a warning."""
    configure(monkeypatch, free_port(), STATSD_HOST=host)
    record(database, 0, 1)
    send_statsd(database)
    # one packet alone does not notice a closed port
    kinds = [f"asr_{n}" for n in range(40)]
    write_calls(database, [call(1, utc_now() - timedelta(minutes=1), errors=kinds)])
    told(database)
    caplog.clear()
    begun = time.monotonic()
    send_statsd(database)
    assert time.monotonic() - begun < 15
    (warning,) = caplog.records
    assert warning.getMessage() == "Figures did not reach STATSD_HOST"
    assert vars(warning)["reason"].startswith(reason)


def test_a_name_that_does_not_resolve_for_a_while_loses_no_call(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = listener.getsockname()[1]
    configure(monkeypatch, port)
    record(database, 0, 1)
    sent(database, listener)
    record(database, 1, 3)
    configure(monkeypatch, port, STATSD_HOST="nowhere.invalid")
    send_statsd(database)
    configure(monkeypatch, port)
    assert sent(database, listener)[CALLS] == 3


def test_a_figure_that_cannot_be_read_loses_no_call(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job fails, and the next one has all."""
    configure(monkeypatch, listener.getsockname()[1])
    record(database, 0, 1)
    sent(database, listener)
    record(database, 1, 3)
    database["rule_health"].drop()
    database.command({"create": "rule_health", "viewOn": "calls", "pipeline": [{"$set": {"a": {"$ln": -1}}}]})
    with pytest.raises(PyMongoError):
        send_statsd(database)
    database["rule_health"].drop()
    assert sent(database, listener)[CALLS] == 3


@pytest.mark.parametrize("change", [{"$set": {"sums": b"no sums"}}, {"$unset": {"sums": 1}}])
def test_a_mark_that_cannot_be_read_begins_again(
    database: Database[Document],
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    change: Document,
) -> None:
    configure(monkeypatch, listener.getsockname()[1])
    record(database, 0, 1)
    sent(database, listener)
    database[EXPORTED_TOTALS].update_one({"_id": "sent to StatsD"}, change)
    assert "voice_agent.active_calls|g|#direction:inbound" in sent(database, listener)
    record(database, 1, 3)
    assert sent(database, listener)[CALLS] == 3


def test_a_tiny_figure_is_written_without_an_exponent(
    database: Database[Document], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, listener.getsockname()[1])
    write_calls(database, [call(1, utc_now() - timedelta(minutes=1), e2e_latency_ms=0.02)])
    told(database)
    send_statsd(database)
    text = ""
    while more := heard(listener):
        text += more
    assert re.search(r"e2e_latency_seconds\.p50:0\.00002\|g", text)
    assert not re.search(r":[\d.]+e", text)


def test_the_scheduler_sends_only_where_a_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a lane of its own, so that a name server holds up no check."""
    assert "statsd" not in {job.name for job in all_jobs()}
    configure(monkeypatch, 8125)
    (job,) = (job for job in all_jobs() if job.name == "statsd")
    assert {other.name for other in all_jobs() if other.lane == job.lane} == {"statsd"}


@contextmanager
def statsd_server(folder: Path) -> Iterator[tuple[int, int]]:
    """The original server, from npm: the ports for metrics, and for questions."""
    if shutil.which("npm") is None:
        pytest.skip("npm is missing: install Node.js")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]
    done = subprocess.run(
        [*install, "statsd@0.9.0"], cwd=folder, capture_output=True, check=False, timeout=300
    )
    if done.returncode:
        said = " ".join(done.stderr.decode().split())[-200:]
        pytest.skip(f"npm cannot install statsd, set npm's registry to one that has it: {said}")
    port, questions = free_port(), free_port()
    config = {"address": "127.0.0.1", "port": port, "mgmt_address": "127.0.0.1", "mgmt_port": questions}
    (folder / "config.js").write_text(json.dumps(config | {"backends": [], "flushInterval": 600_000}))
    with subprocess.Popen(["node", "node_modules/statsd/stats.js", "config.js"], cwd=folder) as running:
        try:
            yield port, questions
        finally:
            running.kill()


def asked(port: int, question: str) -> str:
    """What the server answers to a question at its management port."""
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as server:
                server.sendall(f"{question}\n".encode())
                answer = ""
                while not answer.endswith("END\n\n"):
                    answer += server.recv(65_535).decode()
                return answer
        except ConnectionRefusedError:
            time.sleep(0.2)
    raise AssertionError("the server did not start")


@pytest.mark.full
def test_the_original_server_counts_what_was_sent(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes every line, and its counters and gauges are ours."""
    with statsd_server(tmp_path) as (port, questions):
        asked(questions, "counters")
        configure(monkeypatch, port, STATSD_DIALECT="statsd")
        record(database, 0, 1)
        send_statsd(database)
        record(database, 1, 7)
        send_statsd(database)
        time.sleep(1)
        counters, gauges = asked(questions, "counters"), asked(questions, "gauges")
    assert re.search(r"'?voice_agent\.calls\.outbound\.hindi\.completed'?: 7\b", counters)
    assert re.search(r"'?statsd\.bad_lines_seen'?: 0\b", counters)
    (p95,) = re.findall(r"'?voice_agent\.e2e_latency_seconds\.p95'?: ([\d.]+)", gauges)
    assert float(p95) == pytest.approx(1.2, rel=0.02)
