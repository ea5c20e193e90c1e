"""A user of the database without rights, or whose rights are taken away: what each program says and does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pymongo import MongoClient

from core.models.metrics import CallMetrics
from core.services.sync_metrics_service import SyncMetricsService
from core.settings import get_settings
from core.storage.recording.breaker import breaker
from core.storage.recording.replay import replay
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_all, get_sync_database
from core.storage.server.embedded import find_mongod
from core.types import Document
from tests.ports import free_port
from tests.test_cli import core

ROOT = Path(__file__).parents[3]
PASSWORD = "hush-hush"
READ, WRITE = ({"role": role, "db": "voice_agent"} for role in ("read", "readWrite"))
REFUSED = "refuses this (not authorized); MONGODB_URI needs a user with the role readWrite on voice_agent"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoClient[Document]]:
    """A server that asks who comes, and its administrator."""
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    options = ["--port", str(port), "--bind_ip", "127.0.0.1", "--dbpath", str(folder), "--nounixsocket"]
    command = [str(find_mongod()), *options, "--auth", "--wiredTigerCacheSizeGB", "0.25"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with MongoClient[Document]("127.0.0.1", port) as first:
            first.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        with MongoClient[Document]("127.0.0.1", port, username="root", password=PASSWORD) as administrator:
            administrator["voice_agent"].command("createUser", "agent", pwd=PASSWORD, roles=[])
            yield administrator
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def store(server: MongoClient[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoClient[Document]]:
    """The configured store is that server, for a user who may only read."""
    host, port = server.address or ("", 0)
    monkeypatch.setenv("MONGODB_URI", f"mongodb://agent:{PASSWORD}@{host}:{port}/voice_agent")
    get_settings.cache_clear()
    breaker.rest_until = breaker.next_look = 0.0
    grant(server, READ)
    yield server
    close_all()
    breaker.rest_until = breaker.next_look = 0.0


def grant(server: MongoClient[Document], *roles: Document) -> None:
    server["voice_agent"].command("updateUser", "agent", roles=list(roles))


@pytest.mark.usefixtures("store")
def test_a_command_says_that_its_user_lacks_the_right() -> None:
    done = core("aggregate", "2026-01-10")
    assert done.returncode == 2
    assert REFUSED in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.full
def test_the_doctor_says_which_rights_are_missing(store: MongoClient[Document]) -> None:
    done = core("doctor")
    assert "the user in MONGODB_URI has no right to insert, update, remove, createIndex" in done.stdout
    grant(store)
    assert (
        f"FAIL  store: MongoDB at {':'.join(map(str, store.address or ()))} {REFUSED}"
        in core("doctor").stdout
    )
    grant(store, WRITE)
    assert "ok    store: " in core("doctor").stdout


@pytest.mark.full
def test_the_scheduler_says_so_in_a_line_for_each_job(store: MongoClient[Document]) -> None:
    grant(store)
    command = [sys.executable, "run_scheduler.py", "--once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    failed = [line for line in map(json.loads, done.stdout.splitlines()) if line["level"] == "ERROR"]
    assert failed
    assert all(REFUSED in line["reason"] and "exception" not in line for line in failed)


def test_calls_wait_on_the_disk_until_the_right_is_given(
    store: MongoClient[Document], caplog: pytest.LogCaptureFixture
) -> None:
    call = CallMetrics(call_id="c1", start_time=datetime.now(UTC), status="completed", direction="outbound")
    with SyncMetricsService() as service:
        service.record_call_metrics(call)
    assert spool_status().waiting == 1
    assert [vars(line)["reason"] for line in caplog.records] == ["Unauthorized"]
    grant(store, WRITE)
    replay(get_sync_database())
    assert (spool_status().waiting, store["voice_agent"]["calls"].count_documents({})) == (0, 1)
