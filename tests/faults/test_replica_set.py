"""A replica set of three local servers loses its primary under load: nothing acknowledged is lost."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import refresh_rollups
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import ensure_indexes
from core.storage.recording.replay import replay
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_all, get_sync_database
from core.storage.server.embedded import find_mongod
from core.types import Document
from tests.faults.agents import Agents, check
from tests.ports import free_port
from tests.storage.archive.test_mover import PERIOD, call, recorded_long_ago
from tests.test_cli import core

CALLS = 30_000


class ReplicaSet:
    """Three members on loopback ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in range(3)]
        self._members = {port: self._start(port) for port in self._ports}
        members = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(self._ports)]
        # An election after 2 s instead of 10 makes the test shorter, nothing else.
        config = {"_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": 2_000}}
        for port in reversed(self._ports):  # all of them have to answer before the first is told
            with MongoClient[Document]("127.0.0.1", port, directConnection=True) as client:
                client.admin.command("ping")
                if port == self._ports[0]:
                    client.admin.command("replSetInitiate", config)
        self.uri = f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self._ports)}/?replicaSet=rs0"
        self.primary()

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        data = self._folder / str(port)
        data.mkdir(exist_ok=True)
        options = {
            "--replSet": "rs0",
            "--port": str(port),
            "--bind_ip": "127.0.0.1",
            "--dbpath": str(data),
            "--logpath": str(data / "log"),
            "--oplogSize": "128",
            "--wiredTigerCacheSizeGB": "0.25",
        }
        arguments = [text for option in options.items() for text in option]
        return subprocess.Popen(
            [find_mongod(), *arguments, "--logappend", "--nounixsocket"], stdout=subprocess.DEVNULL
        )

    def primary(self, among: Sequence[int] = ()) -> int:
        """Port of the member that takes writes, once there is one (among these)."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for port in among or self._ports:
                try:
                    with MongoClient[Document](
                        "127.0.0.1",
                        port,
                        directConnection=True,
                        serverSelectionTimeoutMS=500,
                        socketTimeoutMS=500,
                    ) as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return port
                except PyMongoError:
                    continue
            time.sleep(0.1)
        raise AssertionError("no primary")

    def restart(self, port: int) -> None:
        """Start a killed member again."""
        self._members[port].wait()
        self._members[port] = self._start(port)

    def signal(self, number: int, *ports: int) -> None:
        """Send members a signal."""
        for port in ports:
            self._members[port].send_signal(number)

    def others(self, primary: int) -> list[int]:
        """Ports of the members that are not the primary."""
        return [port for port in self._ports if port != primary]

    def stop(self) -> None:
        """End all."""
        for member in self._members.values():
            member.kill()
            member.wait()


@pytest.fixture
def replica_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplicaSet]:
    """The configured store is a replica set."""
    members = ReplicaSet(tmp_path)
    monkeypatch.setenv("MONGODB_URI", members.uri)
    get_settings.cache_clear()
    yield members
    close_all()
    members.stop()


def killed(members: ReplicaSet, primary: int) -> None:
    """The primary is killed, and comes back later with what it had."""
    members.signal(signal.SIGKILL, primary)
    members.primary(members.others(primary))
    members.restart(primary)


def frozen(members: ReplicaSet, primary: int) -> None:
    """The primary hangs for longer than an election takes."""
    members.signal(signal.SIGSTOP, primary)
    members.primary(members.others(primary))
    members.signal(signal.SIGCONT, primary)


def alone(members: ReplicaSet, primary: int) -> None:
    """Writes reach the primary only, which is killed: a majority never had them."""
    members.signal(signal.SIGSTOP, *members.others(primary))
    time.sleep(1)
    members.signal(signal.SIGKILL, primary)
    members.signal(signal.SIGCONT, *members.others(primary))
    members.primary(members.others(primary))
    members.restart(primary)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_primary_lost_under_load_loses_nothing_acknowledged(
    replica_set: ReplicaSet, tmp_path: Path
) -> None:
    database = get_sync_database()
    ensure_indexes(database)
    agents = Agents(tmp_path, CALLS)
    try:
        deadline = time.monotonic() + 300
        for fault in (killed, alone, frozen):
            time.sleep(2)
            fault(replica_set, replica_set.primary())
        while not agents.finished() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert agents.finished(), "the writers did not come to an end"
    finally:
        agents.stop()
    replay(database)
    assert spool_status().waiting == 0
    read = database.client.get_database(database.name, read_concern=ReadConcern("majority"))
    check(read, agents.acknowledged(), CALLS)


@pytest.mark.full
def test_every_command_works_on_a_replica_set(
    replica_set: ReplicaSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = get_sync_database()
    ensure_indexes(database)
    recorded_long_ago(database, [call(number) for number in range(200)])
    write_calls(database, [call(number) for number in range(200, 400)])
    for arguments, said in (
        (("aggregate", "2026-01-10..2026-01-11"), "355"),
        (("archive",), "200 records recorded more than 90 days ago archived"),
        (("check-alerts",), ""),
        (("backup", str(tmp_path / "backup")), "Saved"),
        (("erase-lead", "lead_7", "--yes"), "erased 8 records"),
        (("doctor",), f"MongoDB at {urlsplit(replica_set.uri).netloc}, version 6.0.5, replica set of 3"),
    ):
        done = core(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout, done.stdout
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == 400, "erased calls still count, as calls of nobody"
    restored = core("restore", str(tmp_path / "backup"), MONGODB_DATABASE="other")
    assert restored.returncode == 0, restored.stderr
    assert database.client["other"]["calls"].count_documents({}) == 200
    with run_scheduler_once() as scheduler:
        assert scheduler.wait(60) == 0


def run_scheduler_once() -> subprocess.Popen[bytes]:
    """The scheduler's jobs, each once."""
    return subprocess.Popen([sys.executable, "run_scheduler.py", "--once"], cwd=Path(__file__).parents[2])
