"""The scheduler as a real process: it works, survives faults, and ends when told to."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from core.models.metrics import CallMetrics, CallStatus, Direction
from core.scheduler.jobs import Job
from core.scheduler.loop import Scheduler
from core.scheduler.timetable import Every
from core.storage.calls import write_calls
from core.storage.server.embedded import find_mongod
from core.types import Document
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "run_scheduler.py"
Process = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts Python processes away from the project's folder, their log in a file, and ends them."""
    started: list[Process] = []

    def begin(*arguments: str, **environment: str) -> Process:
        log = (tmp_path / "scheduler.log").open("w")
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            text=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def lines(folder: Path) -> list[dict[str, Any]]:
    """The log lines so far."""
    text = (folder / "scheduler.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What the condition gives once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing happened in time")


def logged(folder: Path, message: str) -> dict[str, Any]:
    """The first log line with that message, waited for."""
    found: dict[str, Any] = wait_for(
        lambda: next((x for x in lines(folder) if x["message"] == message), None)
    )
    return found


def fail_calls(database: Database[Document]) -> None:
    """Ten calls that failed just now."""
    now = datetime.now(UTC)
    calls = [
        CallMetrics(
            call_id=str(number),
            start_time=now - timedelta(minutes=1),
            end_time=now - timedelta(seconds=30),
            status=CallStatus.FAILED,
            direction=Direction.OUTBOUND,
        )
        for number in range(10)
    ]
    write_calls(database, calls)


@pytest.mark.full
def test_once_does_everything_and_ends(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    """Days aggregated, alert stored, sign of life left, exit code 0; secrets stay out of the log."""
    fail_calls(database)
    process = start(
        str(SCRIPT),
        "--once",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T0/B0/tokenx",
        HTTPS_PROXY="http://127.0.0.1:1",
    )
    assert process.wait(60) == 0
    assert database["daily_metrics"].count_documents({"total_calls": 10, "failed_calls": 10}) == 1
    assert [row["name"] for row in database["alerts"].find({"state": "firing"})] == ["Call failure rate"]
    beat = database["heartbeats"].find_one({"_id": "scheduler"})
    assert beat
    assert beat["interval_seconds"] == 300
    assert datetime.now(UTC) - beat["at"] < timedelta(minutes=1)
    begin = logged(tmp_path, "Scheduler started")
    assert begin["channels"] == ["slack"]
    assert begin["rules"] == ["call_failure_rate", "error_rate", "speech_latency"]
    assert "tokenx" not in (tmp_path / "scheduler.log").read_text()


def test_it_starts_at_once_and_ends_on_sigterm(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    """The first round does not wait for the interval; idle, it is gone within seconds with exit code 0."""
    process = start(str(SCRIPT))
    wait_for(lambda: database["heartbeats"].find_one({"_id": "scheduler", "pid": process.pid}))
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert logged(tmp_path, "Scheduler stopped")


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALERT_CHECK_INTERVAL_SECONDS", "soon", "ALERT_CHECK_INTERVAL_SECONDS"),
        ("ALERT_RULES_FILE", "none.toml", "ALERT_RULES_FILE none.toml cannot be read"),
    ],
)
def test_a_wrong_configuration_is_one_line(
    start: Callable[..., Process], tmp_path: Path, name: str, value: str, said: str
) -> None:
    """It names the variable; exit code 2."""
    process = start(str(SCRIPT), **{name: value})
    assert process.wait(30) == 2
    (line,) = (tmp_path / "scheduler.log").read_text().splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize("error", [RuntimeError("on purpose"), asyncio.CancelledError()])
@pytest.mark.full
def test_a_job_that_raises_neither_stops_the_others_nor_runs_wild(
    database: Database[Document], error: BaseException
) -> None:
    """The job after it has its turn, and the failing one waits before it is tried again.

    A cancellation that some library lets out of a job is no end of its lane either.
    """
    ran: list[str] = []

    async def broken() -> None:
        ran.append("broken")
        raise error

    async def sound() -> None:
        ran.append("sound")

    async def clock() -> None:
        ran.append("clock")
        if ran.count("clock") == 2:
            scheduler.stop()

    scheduler = Scheduler([Job("broken", broken, Every(3600)), Job("sound", sound, Every(3600))])
    assert scheduler.run_once() is False
    assert ran == ["broken", "sound"]

    ran.clear()
    jobs = [Job(action.__name__, action, Every(2)) for action in (broken, sound, clock)]
    scheduler = Scheduler(jobs)
    scheduler.run_forever()
    assert ran == ["broken", "sound", "clock"] * 2


def test_a_job_whose_row_another_tool_changed_runs_and_keeps_no_other_from_running(
    database: Database[Document],
) -> None:
    ran: list[str] = []

    async def odd() -> None:
        ran.append("odd")

    async def last() -> None:
        ran.append("last")
        scheduler.stop()

    database["scheduler_jobs"].insert_one({"_id": "odd", "slot": "yesterday", "term": 1})
    scheduler = Scheduler([Job(action.__name__, action, Every(3600)) for action in (odd, last)])
    scheduler.run_forever()
    assert ran == ["odd", "last"]


@pytest.mark.full
def test_in_a_restored_store_a_job_runs_once_in_its_slot(database: Database[Document]) -> None:
    """A backup has the jobs with the terms they ran in, and not the lease that counts terms."""
    database["scheduler_jobs"].insert_one({"_id": "hourly", "slot": 3, "term": 57})
    ran: list[str] = []

    async def hourly() -> None:
        ran.append("hourly")

    async def clock() -> None:
        ran.append("clock")
        if ran.count("clock") == 3:
            scheduler.stop()

    scheduler = Scheduler([Job("hourly", hourly, Every(3600)), Job("clock", clock, Every(1))])
    scheduler.run_forever()
    assert ran.count("hourly") == 1


def test_a_job_that_ran_while_the_clock_was_ahead_runs_again_once_it_is_right(
    database: Database[Document],
) -> None:
    """It would else wait for the time to come: an hour for this job, a night for one of each night."""
    ran: list[str] = []

    async def hourly() -> None:
        ran.append("hourly")
        scheduler.stop()

    async def later() -> None:
        ran.append("later")
        scheduler.stop()

    hour = Every(3600)
    scheduler = Scheduler([Job("hourly", hourly, hour), Job("later", later, hour)])
    scheduler.run_forever()
    ahead = datetime.now(UTC) + timedelta(hours=1)
    database["scheduler_jobs"].update_one(
        {"_id": "hourly"}, {"$set": {"slot": hour.slot(ahead), "at": ahead}}
    )
    scheduler = Scheduler([Job("hourly", hourly, hour), Job("later", later, hour)])
    scheduler.run_forever()
    assert ran == ["hourly", "hourly"]


@pytest.mark.parametrize(("ago", "said"), [(timedelta(minutes=4), 0), (timedelta(minutes=40), 1)])
def test_another_interval_is_no_gap_and_a_gap_is_said_in_minutes(
    database: Database[Document], caplog: pytest.LogCaptureFixture, ago: timedelta, said: int
) -> None:
    """Its slots have other numbers; a second machine may have another interval too."""

    async def check() -> None:
        scheduler.stop()

    at = datetime.now(UTC) - ago
    row = {"_id": "check", "slot": Every(300).slot(at), "at": at, "term": 0}
    database["scheduler_jobs"].insert_one(row)
    scheduler = Scheduler([Job("check", check, Every(15), says_missed=True)])
    scheduler.run_forever()
    warned = [vars(line)["missed_minutes"] for line in caplog.records if hasattr(line, "missed_minutes")]
    assert warned == [40] * said


SLOW = """
import asyncio, signal, sys
from pathlib import Path
from core.scheduler.jobs import Job
from core.scheduler.loop import Scheduler
from core.scheduler.timetable import Every
async def slow():
    Path("begun").touch()
    await asyncio.sleep(2)
    Path("finished").touch()
async def after():
    Path("after").touch()
scheduler = Scheduler([Job("slow", slow, Every(3600)), Job("after", after, Every(3600))])
signal.signal(signal.SIGTERM, scheduler.stop)
scheduler.run_forever()
"""


@pytest.mark.full
def test_a_restart_does_not_run_again_what_its_slot_has_seen(database: Database[Document]) -> None:
    ran: list[str] = []

    async def hourly() -> None:
        ran.append("hourly")

    async def end() -> None:
        ran.append("end")
        scheduler.stop()

    for _ in range(2):
        scheduler = Scheduler([Job("hourly", hourly, Every(3600)), Job("end", end, Every(1))])
        scheduler.run_forever()
    assert ran.count("hourly") == 1 or int(time.time()) % 3600 < 10  # unless the hour turned meanwhile
    assert ran.count("end") == 2


@pytest.mark.full
def test_health_says_whether_a_scheduler_is_alive(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    def health() -> tuple[int, str]:
        return start(str(SCRIPT), "--health").wait(30), (tmp_path / "scheduler.log").read_text()

    assert health() == (1, "no scheduler has checked the alerts yet\n")
    beat = {"_id": "scheduler", "at": datetime.now(UTC), "interval_seconds": 300}
    database["heartbeats"].insert_one(beat)
    code, words = health()
    assert code == 0
    assert words.startswith("alive: the alerts were last checked ")
    long_ago = datetime.now(UTC) - timedelta(seconds=700)
    database["heartbeats"].update_one({}, {"$set": {"at": long_ago}})
    code, words = health()
    assert (code, words[:6]) == (1, "silent")


@pytest.mark.full
def test_each_check_pings_the_watch_outside_and_its_address_stays_secret(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    pinged: list[str] = []

    class Watch(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pinged.append(self.path)
            self.send_response(500 if len(pinged) > 1 else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Watch) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/ping/s3cret-uuid"
        assert start(str(SCRIPT), "--once", SCHEDULER_PING_URL=url).wait(60) == 0
        assert pinged == ["/ping/s3cret-uuid"]
        assert start(str(SCRIPT), "--once", SCHEDULER_PING_URL=url).wait(60) == 0
        server.shutdown()
    assert logged(tmp_path, "SCHEDULER_PING_URL was not reached")["reason"] == "HTTPStatusError"
    assert "s3cret" not in (tmp_path / "scheduler.log").read_text()


@pytest.mark.full
def test_of_two_schedulers_one_is_at_work_and_the_other_takes_over(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    """Killed, it is replaced once its lease ran out; ended in order, at once."""

    def at_work() -> int:
        row = database["heartbeats"].find_one({"_id": "scheduler"})
        return row["pid"] if row else 0

    interval = {"ALERT_CHECK_INTERVAL_SECONDS": "10"}
    first = start(str(SCRIPT), **interval)
    wait_for(lambda: at_work() == first.pid)
    second = start(str(SCRIPT), **interval)
    logged(tmp_path, "This scheduler stands by: another is at work")
    time.sleep(12)
    assert at_work() == first.pid
    first.kill()
    wait_for(lambda: at_work() == second.pid, 60)
    third = start(str(SCRIPT), **interval)
    logged(tmp_path, "This scheduler stands by: another is at work")
    second.send_signal(signal.SIGTERM)
    assert second.wait(15) == 0
    wait_for(lambda: at_work() == third.pid, 25)
    lease = database["leases"].find_one({"_id": "scheduler"})
    assert lease
    assert lease["term"] == 3


@pytest.mark.full
def test_sigterm_lets_the_job_in_hand_finish(
    database: Database[Document], start: Callable[..., Process], tmp_path: Path
) -> None:
    """A message half sent is sent; the next job does not begin."""
    process = start("-c", SLOW, PYTHONPATH=str(ROOT))
    wait_for((tmp_path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert (tmp_path / "finished").exists()
    assert not (tmp_path / "after").exists()


@pytest.mark.full
def test_it_outlives_a_database_that_is_away(
    start: Callable[..., Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away at the start, there, killed midway, there again: each time it says so and goes on."""
    port = free_port()
    folder = tmp_path / "db"
    folder.mkdir()

    def mongod() -> subprocess.Popen[bytes]:
        command = [str(find_mongod()), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
        return subprocess.Popen([*command, "--nounixsocket"], stdout=subprocess.DEVNULL)

    def beat_since(moment: datetime) -> bool:
        return client["voice_agent"]["heartbeats"].count_documents({"at": {"$gt": moment}}) == 1

    uri = f"mongodb://127.0.0.1:{port}"
    scheduler = start(str(SCRIPT), MONGODB_URI=uri, ALERT_CHECK_INTERVAL_SECONDS="10")
    assert "does not answer" in logged(tmp_path, "Job failed, it is tried again")["reason"]
    server = mongod()
    client: MongoClient[Document] = MongoClient(uri, tz_aware=True)
    try:
        wait_for(lambda: beat_since(datetime.now(UTC) - timedelta(minutes=1)), 60)
        server.kill()
        server.wait()
        failures = len([x for x in lines(tmp_path) if x["level"] == "ERROR"])
        wait_for(lambda: len([x for x in lines(tmp_path) if x["level"] == "ERROR"]) > failures, 60)
        server = mongod()
        back = datetime.now(UTC)
        wait_for(lambda: beat_since(back), 60)
        scheduler.send_signal(signal.SIGTERM)
        assert scheduler.wait(15) == 0
    finally:
        client.close()
        server.kill()
        server.wait()


TOLD_EARLY = f"""
import os, runpy, signal
import core.settings
signal.signal(signal.SIGINT, signal.default_int_handler)
core.settings.get_settings = lambda: os.kill(os.getpid(), TOLD)
runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
"""


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_being_told_to_end_while_it_loads_ends_it_well(
    start: Callable[..., Process], tmp_path: Path, told: signal.Signals
) -> None:
    """A service manager that stops it in its first second sees no failure; Ctrl-C shows no traceback."""
    code = TOLD_EARLY.replace("TOLD", str(int(told)))
    assert start("-c", code, PYTHONPATH=str(ROOT)).wait(30) == 0
    assert "Traceback" not in (tmp_path / "scheduler.log").read_text()
