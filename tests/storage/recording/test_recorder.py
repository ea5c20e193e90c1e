"""Recording: nothing acknowledged is lost, whatever the database does meanwhile."""

import asyncio
import json
import os
import shutil
import signal
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pymongo
import pytest
from pymongo.database import Database
from pymongo.errors import PyMongoError

from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.settings import get_settings
from core.storage.recording import recorder
from core.storage.recording.breaker import breaker
from core.storage.recording.records import Record
from core.storage.recording.replay import replay
from core.storage.recording.spool import Spool, spool_status
from core.storage.server.connection import close_connections, get_database, get_sync_database
from core.types import Document
from tests import forked
from tests.ports import free_port


def call(call_id: str = "call_1", **fields: object) -> CallMetrics:
    usual = {"start_time": datetime(2024, 10, 24, tzinfo=UTC), "duration_seconds": 60, "language": "hindi"}
    return CallMetrics.model_validate(
        {"call_id": call_id, "status": "completed", "direction": "outbound", **usual, **fields}
    )


async def record(*calls: CallMetrics) -> float:
    """Record calls at the same time; the seconds it took."""
    started = time.monotonic()
    service = MetricsService()
    await asyncio.gather(*(service.record_call_metrics(one) for one in calls))
    await close_connections()
    return time.monotonic() - started


def ids(database: Database[Document]) -> set[str]:
    return {document["_id"] for document in database["calls"].find({}, {"_id": 1})}


def spooled() -> list[str]:
    spool = Spool()
    return [record_.id for file in spool.waiting() for record_ in spool.read(file)]


def server_of(store: Path) -> psutil.Process:
    return next(
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "mongod" and str(store) in " ".join(process.info["cmdline"] or ())
    )


def test_many_callers_at_once_are_all_stored_and_a_repeat_replaces(database: Database[Document]) -> None:
    asyncio.run(record(*(call(f"call_{number}") for number in range(300))))
    asyncio.run(record(call("call_7", language="english")))
    assert len(ids(database)) == 300
    stored = database["calls"].find_one({"_id": "call_7"})
    assert stored is not None
    assert stored["language"] == "english"


@pytest.mark.alone
def test_a_frozen_database_delays_a_call_by_the_configured_time_and_gets_it_later(
    database: Database[Document], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORD_WAIT_SECONDS", "0.5")
    get_settings.cache_clear()
    asyncio.run(record(call("before")))
    server = server_of(store)
    server.send_signal(signal.SIGSTOP)
    try:
        first = asyncio.run(record(call("first")))
        second = asyncio.run(record(call("second")))
        assert spooled() == ["first", "second"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in Spool().waiting()} == {0o600}
    finally:
        server.send_signal(signal.SIGCONT)
    assert 0.5 <= first < 1.5
    assert second < 0.5  # it is known to be away by now
    asyncio.run(MetricsService().aggregate_recent())
    assert ids(database) == {"before", "first", "second"}
    assert spooled() == []


def test_an_outage_is_said_once_and_not_for_each_call(database: Database[Document]) -> None:
    code = """
import asyncio
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
async def main():
    for number in range(20):
        fields = {"start_time": "2024-10-24T10:00Z", "status": "failed", "direction": "outbound"}
        await MetricsService().record_call_metrics(CallMetrics(call_id=f"call_{number}", **fields))
asyncio.run(main())
"""
    away = {"MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}", "RECORD_WAIT_SECONDS": "0.2"}
    lines = forked.run(["-c", code], env={**os.environ, **away}, check=True).stdout.splitlines()
    assert sum("Spooled" in line for line in lines) == 1, lines
    assert len(lines) <= 2, lines  # and, once, that the database is away
    assert len(spooled()) == 20


def test_the_agent_itself_replays_once_the_database_is_back(database: Database[Document]) -> None:
    Spool().put([Record.now(call("spooled"))])

    async def go_on() -> None:
        service = MetricsService()
        await service.record_call_metrics(call("next"))
        await close_connections()

    asyncio.run(go_on())
    recorder.replayer.wait(10)
    assert ids(database) == {"spooled", "next"}


def test_an_older_version_from_the_spool_does_not_replace_a_newer_one(database: Database[Document]) -> None:
    older = Record.now(call(language="hindi"))
    asyncio.run(record(call(language="english")))
    Spool().put([older])
    asyncio.run(MetricsService().aggregate_recent())
    stored = database["calls"].find_one({"_id": "call_1"})
    assert stored is not None
    assert stored["language"] == "english"
    assert spooled() == []


def test_one_call_too_large_is_kept_apart_and_harms_no_other(database: Database[Document]) -> None:
    large = call("large", metadata={"note": "x" * 17_000_000})
    asyncio.run(record(call("a"), large, call("b"), call("odd", metadata={"a\0b": 1})))
    assert ids(database) == {"a", "b", "odd"}
    reasons = [json.loads(file.read_bytes())["reason"] for file in Spool().dead.iterdir()]
    assert reasons == ["larger than MongoDB's 16 MB"]
    assert spool_status().dead == 1


def test_a_caller_that_is_cancelled_harms_no_other(database: Database[Document]) -> None:
    async def cancel_one() -> None:
        service = MetricsService(get_database())
        await service.record_call_metrics(call("before"))
        tasks = [asyncio.create_task(service.record_call_metrics(call(f"call_{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close_connections()

    asyncio.run(cancel_one())
    assert ids(database) == {"before"} | {f"call_{n}" for n in range(20)}  # what was recorded did happen


def test_a_full_disk_while_the_database_is_away_is_said_and_raises_nothing(
    database: Database[Document],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file"))
    get_settings.cache_clear()
    asyncio.run(record(call()))
    assert "Lost: neither the database nor the disk took it" in caplog.text


def test_what_is_no_call_in_the_spool_stops_no_other(database: Database[Document]) -> None:
    asyncio.run(record(call("first")))
    spool = Spool()
    (spool.folder / "00000000000000000001-folder.json").mkdir(parents=True)
    (spool.folder / "00000000000000000002-broken.json").write_text("{")
    spool.put([Record.now(call("second"))])
    asyncio.run(MetricsService().aggregate_recent())
    assert ids(database) == {"first", "second"}
    assert b"{" in [file.read_bytes() for file in spool.dead.iterdir()]


def test_what_is_no_call_is_set_aside_once_however_long_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try to replay reads the file anew."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=50")
    spool = Spool()
    file = spool.put([Record.now(call("first"))])
    file.write_bytes(file.read_bytes() + b'\n{"kind": "of a later version", "version": 1, "record": {}}')
    for _ in range(3):
        with pytest.raises(PyMongoError), pymongo.timeout(0.5):
            replay(get_sync_database())
    assert (spool_status().waiting, spool_status().dead) == (1, 1)


def test_each_of_several_loops_replays(database: Database[Document]) -> None:
    """As an agent without asyncio records: a new loop for each call, closed at once."""
    for number in range(3):
        Spool().put([Record.now(call(f"spooled_{number}"))])
        breaker.next_look = 0
        asyncio.run(record(call(f"call_{number}")))
    asyncio.run(MetricsService().aggregate_recent())
    assert len(ids(database)) == 6


LEFT = """
import asyncio, sys
from datetime import UTC, datetime
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService

def call(name):
    return CallMetrics(call_id=name, start_time=datetime(2024, 10, 24, tzinfo=UTC), duration_seconds=60,
                       status="completed", direction="outbound")

async def main(first, pause):
    service = MetricsService()
    if first:
        await service.record_call_metrics(call("first"))
    tasks = [asyncio.create_task(service.record_call_metrics(call(f"task_{number}"))) for number in range(20)]
    await asyncio.sleep(pause)

asyncio.run(main(sys.argv[1] == "first", float(sys.argv[2])))
"""


@pytest.mark.parametrize(("first", "pause"), [("first", "0"), ("none", "0"), ("none", "0.01")])
def test_what_tasks_were_recording_when_the_loop_ended_is_not_lost(
    database: Database[Document], first: str, pause: str
) -> None:
    """Nobody awaited them: what they had handed over goes to the spool at the latest."""
    done = forked.run(["-c", LEFT, first, pause], timeout=120)
    assert done.returncode == 0, done.stderr
    asyncio.run(MetricsService().aggregate_recent())
    assert {f"task_{number}" for number in range(20)} <= ids(database)


def test_a_plain_caller_counts_what_is_lost_as_well(database: Database[Document]) -> None:
    """Where neither database nor disk takes it, and the disk not even the count."""
    spool = Spool()
    SyncMetricsService().record_call_metrics(call("stored"))
    assert (spool.folder / "lost").exists(), "the place for the count is taken while there is room"
    shutil.rmtree(spool.folder)
    spool.folder.write_text("in the way")
    try:
        breaker.failed()
        SyncMetricsService().record_call_metrics(call("lost"))
        assert spool_status().lost == 1
    finally:
        spool.folder.unlink()
        breaker.succeeded()


ZONES = """
from datetime import UTC, datetime
from core.models.metrics import CallMetrics
from core.services.sync_metrics_service import SyncMetricsService

service = SyncMetricsService()
for start in (datetime(2024, 10, 24, 10, {zone}), datetime(2024, 10, 24, 11, {zone})):
    call = CallMetrics(call_id="c", start_time=start, status="completed", direction="outbound")
    service.record_call_metrics(call)
"""


@pytest.mark.parametrize(
    ("zone", "machine", "words"), [("", "UTC", 1), ("", "Asia/Kolkata", 0), ("tzinfo=UTC", "UTC", 0)]
)
def test_a_machine_in_another_zone_than_its_times_are_taken_in_is_told_so_once(
    database: Database[Document], zone: str, machine: str, words: int
) -> None:
    """As a container is, where calls with times of datetime.now() would lie hours in the past."""
    env = {**os.environ, "TZ": machine, "TIMEZONE": "Asia/Kolkata"}
    done = forked.run(["-c", ZONES.format(zone=zone)], env=env, check=True)
    assert (done.stdout + done.stderr).count("Times without a zone are taken in TIMEZONE") == words


WITHOUT_FILES = """
import asyncio, contextlib, os, resource
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.storage import get_sync_database
from core.storage.recording.breaker import LOOK_SECONDS
from tests.storage.recording.test_recorder import call

def take_all_files(taken=[]):
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
    return taken

async def agent():
    service = MetricsService()
    await service.record_call_metrics(call("before"))
    SyncMetricsService().record_call_metrics(call("before, plain"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    await asyncio.sleep(LOOK_SECONDS * 1.1)
    take_all_files()
    await service.record_call_metrics(call("without"))
    await asyncio.sleep(LOOK_SECONDS * 1.1)
    taken = take_all_files()
    SyncMetricsService().record_call_metrics(call("without, plain"))
    for one in taken:
        os.close(one)

get_sync_database().command("ping")
asyncio.run(agent())
"""


@pytest.mark.full
def test_calls_are_stored_and_none_counts_as_lost_while_no_file_can_be_opened(
    database: Database[Document],
) -> None:
    """What looks for spooled calls cannot open the folder; that concerns none of the calls being stored."""
    forked.run(["-c", WITHOUT_FILES], check=True)
    assert ids(database) == {"before", "before, plain", "without", "without, plain"}
    assert (spool_status().waiting, spool_status().lost) == (0, 0)


def test_figures_are_made_although_the_spool_cannot_be_opened(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """As where another user's agent made it; what waits there stays for a process that can."""
    file = Spool().put([Record.now(call("waits"))])
    in_the_way = file.with_name("replay.lock")
    in_the_way.mkdir()
    asyncio.run(MetricsService().aggregate_recent())
    assert "The spool is not replayed" in caplog.text
    in_the_way.rmdir()
    asyncio.run(MetricsService().aggregate_recent())
    assert ids(database) == {"waits"}
