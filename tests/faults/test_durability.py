"""Durability shown, not assumed: what the commands ask for, and what the kernel was told by then."""

import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from core.models.metrics import ServiceSample, TurnMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.calls import delete_calls
from core.storage.recording.service_minutes import writer as service_writer
from core.storage.server.embedded import embedded_uri
from core.types import Document
from tests.faults.writer import START, call

CLOSED_PORT = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200"
RECORD_ONE = """
import asyncio, os
from core.services.metrics_service import MetricsService
from tests.faults.writer import call
os.write(1, b"begin")
asyncio.run(MetricsService().record_call_metrics(call(1, 0)))
os.write(1, b"acknowledged")
"""
RECORD_SOME = """
import asyncio, json, sys, time
from core.services.metrics_service import MetricsService
from core.storage.recording.spool import spool_status
from tests.faults.writer import call
async def record():
    started = time.monotonic()
    await asyncio.gather(*(MetricsService().record_call_metrics(call(n, 0)) for n in range(5)))
    return time.monotonic() - started
waited = asyncio.run(record())
status = spool_status()
print(json.dumps({"waited": waited, "waiting": status.waiting, "lost": status.lost}))
"""


class Commands(CommandListener):
    """Every command that writes: its name, its collection and its write concern."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:  # noqa: D102 (as PyMongo names it)
        if event.command_name in {"insert", "update", "delete", "findAndModify", "bulkWrite"}:
            concern = event.command.get("writeConcern")
            self.writes.append((event.command_name, event.command[event.command_name], concern))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing."""


def test_every_write_asks_for_a_majority_and_the_journal(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of calls that are new, repeated, moved and deleted, of turns and of service minutes."""
    commands = Commands()
    uri = embedded_uri(get_settings().data_dir)

    async def record() -> None:
        client: AsyncMongoClient[Document] = AsyncMongoClient(uri, event_listeners=[commands])
        service = MetricsService(client[database.name])
        for number, form in ((1, 0), (1, 0), (1, 1), (2, 0)):
            await service.record_call_metrics(call(number, form))
        await service.record_turn(TurnMetrics(call_id="call_1", turn=1, start_time=START))
        service.record_service_call(ServiceSample(service="api", operation="GET /", duration_ms=1))
        await asyncio.to_thread(service_writer.flush)
        await client.close()

    asyncio.run(record())
    written = {(name, collection) for name, collection, _ in commands.writes}
    assert written == {
        *(("insert", name) for name in ("calls", "turns", "service_minutes")),
        *(("update", name) for name in ("calls", "dirty_windows")),
    }
    assert {json.dumps(concern, sort_keys=True) for *_, concern in commands.writes} == {
        '{"j": true, "w": "majority"}'
    }
    deletions = Commands()
    with MongoClient[Document](uri, event_listeners=[deletions]) as client:
        delete_calls(client[database.name], {"_id": "call_1"})
    assert {(name, concern["j"], concern["w"]) for name, _, concern in deletions.writes} == {
        ("delete", True, "majority"),
        ("update", True, "majority"),
    }


@pytest.mark.full
def test_the_spool_is_on_the_disk_before_the_agent_goes_on(tmp_path: Path) -> None:
    """File written, fsynced, renamed, folder fsynced, each begun after the one before; then the answer."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("no strace: install it (Debian: apt-get install strace)")
    log = tmp_path / "strace.log"
    calls = "--trace=openat,write,fsync,fdatasync,rename,close"
    subprocess.run(
        [strace, "-f", "-qq", "-y", calls, "-o", str(log), sys.executable, "-c", RECORD_ONE],
        env={**os.environ, "MONGODB_URI": CLOSED_PORT, "RECORD_WAIT_SECONDS": "0.5"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )
    lines = log.read_text(errors="replace").partition('"begin"')[2].splitlines()
    folder = re.escape(str(tmp_path / "data" / "spool" / "voice_agent"))
    order = [
        rf"write\(\d+<{folder}/[^>]*\.new>",
        rf"fsync\(\d+<{folder}/[^>]*\.new>(\)| <unf)",
        rf'rename\("{folder}/[^"]*\.new", "{folder}/[^"]*\.json"\)',
        rf"fsync\(\d+<{folder}>(\)| <unf)",
        r'write\(1<[^>]*>, "acknowledged"',
    ]
    seen = [next(n for n, line in enumerate(lines) if re.search(pattern, line)) for pattern in order]
    assert seen == sorted(seen)
    finished = [line for line in lines if re.search(r"fsync.* = -1|rename.* = -1", line)]
    assert finished == []


@pytest.mark.full
def test_a_full_disk_while_the_database_is_away_loses_no_time_and_counts_what_is_lost(tmp_path: Path) -> None:
    """The disk is full as far as this process can tell: no file of its may grow beyond 64 bytes."""
    done = subprocess.run(
        [sys.executable, "-c", RECORD_SOME],
        env={**os.environ, "MONGODB_URI": CLOSED_PORT, "RECORD_WAIT_SECONDS": "0.5"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    lines = done.stdout.splitlines()  # the log goes on in a thread of its own while the result is printed
    (result,) = (line for line in lines if line.startswith('{"waited"'))
    said = json.loads(result)
    assert (said["waiting"], said["lost"]) == (0, 5)
    assert said["waited"] < 2
    lost = [json.loads(line) for line in lines if "Lost" in line]
    assert sorted(line["id"] for line in lost) == [f"call_{number}" for number in range(5)]
    assert {line["reason"] for line in lost} == {"File too large"}
    assert list((tmp_path / "data" / "spool" / "voice_agent").glob("*.new")) == []
