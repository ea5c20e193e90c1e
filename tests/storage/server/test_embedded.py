"""The embedded server under real faults: real processes, killed with real signals."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.storage.server.folder import Folder, is_running
from core.storage.server.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, time
from core.storage import get_sync_database
from core.storage.server.connection import DURABLE
database = get_sync_database()
database.get_collection("seen", write_concern=DURABLE).insert_one({})
print("ready", flush=True)
for line in sys.stdin:
    print(database["seen"].count_documents({}), flush=True)
"""
DAEMON = """
import os, sys, time
from core.services.sync_metrics_service import SyncMetricsService
from core.storage import get_sync_database
from core.storage.recording.recorder import replayer
from tests.storage.recording.test_recorder import call
get_sync_database().command("ping")
service = SyncMetricsService()
service.record_call_metrics(call("before"))
if os.fork():
    os._exit(0)
os.setsid()
os.closerange(3, 256)
files = [open(f"{sys.argv[1]}/{number}.log", "w") for number in range(64)]
while os.path.exists(os.environ["DATA_DIR"] + "/mongodb/socket"):
    time.sleep(0.1)
service.record_call_metrics(call("after"))
replayer.wait(60)
print(sorted(row["_id"] for row in get_sync_database()["calls"].find()), flush=True)
"""
User = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., User]]:
    """Starts processes that use the embedded server of one DATA_DIR, and ends them."""
    users: list[User] = []

    def begin(folder: Path | None = None) -> User:
        monkeypatch.setenv("DATA_DIR", str(folder or tmp_path / "data"))
        user = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        users.append(user)
        return user

    yield begin
    for user in users:
        user.kill()
        user.communicate()


def said(user: User) -> str:
    """The next line of a process, or what it died of."""
    assert user.stdout
    assert user.stderr
    return user.stdout.readline().strip() or user.stderr.read()


def count(user: User) -> str:
    assert user.stdin
    user.stdin.write("count\n")
    user.stdin.flush()
    return said(user)


def servers(folder: Path) -> list[psutil.Process]:
    """The mongod processes of one DATA_DIR."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "mongod" and str(folder) in " ".join(process.info["cmdline"] or ())
    ]


def supervisors(folder: Path) -> list[psutil.Process]:
    """The supervisor of one DATA_DIR, and its child that is ready to take over."""
    found = [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.info["cmdline"]
        and process.info["cmdline"][2:] == ["core.storage.server.supervisor", str(folder)]
    ]
    pids = {process.pid for process in found}
    return sorted(found, key=lambda process: process.info["ppid"] in pids)


def supervisor(folder: Path) -> psutil.Process:
    return supervisors(folder)[0]


def gone(folder: Path, within: float) -> bool:
    """Whether no server of the folder is left after so many seconds."""
    return comes(lambda: not servers(folder), within)


def comes(condition: Callable[[], bool], within: float, every: float = 0.05) -> bool:
    """Whether something becomes true within so many seconds, looked at that often."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return False


@pytest.mark.full
def test_processes_that_start_at_once_share_one_server(start: Callable[..., User], tmp_path: Path) -> None:
    users = [start() for _ in range(4)]
    assert [said(user) for user in users] == ["ready"] * 4
    assert len(servers(tmp_path / "data")) == 1
    assert count(users[0]) == "4"


def test_server_opens_no_port_and_its_files_are_the_owners_alone(
    start: Callable[..., User], tmp_path: Path
) -> None:
    said(start())
    (server,) = servers(tmp_path / "data")
    assert [c for c in server.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN] == []
    for path in (tmp_path / "data").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, f"{path} is {mode:o}"


def test_kill_of_the_starter_leaves_the_others_working(start: Callable[..., User]) -> None:
    starter = start()
    said(starter)
    other = start()
    said(other)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    time.sleep(1)
    assert count(other) == "2"


def test_kill_of_the_last_user_ends_the_server_within_three_seconds(
    start: Callable[..., User], tmp_path: Path
) -> None:
    users = [start(), start()]
    for user in users:
        said(user)
    for user in users:
        user.send_signal(signal.SIGKILL)
        user.wait()
    assert gone(tmp_path / "data", within=3)


@pytest.mark.full
def test_data_dir_of_two_hundred_characters(start: Callable[..., User], tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * (200 - len(str(tmp_path)) - 102))
    assert len(str(folder)) >= 200
    user = start(folder)
    assert said(user) == "ready"
    second = start(folder)
    assert said(second) == "ready"
    assert count(user) == "2"
    for process in (user, second):
        process.kill()
        process.wait()
    assert gone(folder, within=3)


@pytest.mark.full
@pytest.mark.parametrize("name", ["colon:27017", "a,b", "per%41 cent", "[prod]", "घर"])
def test_any_name_of_data_dir(start: Callable[..., User], tmp_path: Path, name: str) -> None:
    assert said(start(tmp_path / name)) == "ready"


def orphaned(start: Callable[..., User], folder: Path, delay: float) -> User:
    """The user of a server whose supervisor was killed so many seconds after it started that server."""
    user = start()
    assert comes(lambda: bool(servers(folder)), within=10, every=0.001)
    time.sleep(delay)
    supervisor(folder).kill()
    return user


@pytest.mark.full
def test_a_daemon_that_closes_all_files_records_into_its_own_folder(tmp_path: Path) -> None:
    """Its share in the server is closed with them, and the number becomes another file's."""
    elsewhere = tmp_path / "elsewhere" / "log"
    elsewhere.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", DAEMON, str(elsewhere)],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path / "data"), "LOG_FILE": str(tmp_path / "agent.log")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("['after', 'before']\n", "")
    assert [path.name for path in elsewhere.parent.iterdir()] == ["log"]


@pytest.mark.full
@pytest.mark.parametrize("delay", [0.02, 0.15, 0.4])
def test_kill_of_the_supervisor_while_the_server_starts(
    start: Callable[..., User], tmp_path: Path, delay: float
) -> None:
    folder = tmp_path / "data"
    user = orphaned(start, folder, delay)
    assert said(user) == "ready"
    assert len(servers(folder)) == 1
    user.kill()
    user.wait()
    assert gone(folder, within=3)


@pytest.mark.full
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.4, 2.0])
def test_kill_of_the_supervisor_and_all_users_at_once_leaves_no_server(
    start: Callable[..., User], tmp_path: Path, delay: float
) -> None:
    folder = tmp_path / "data"
    user = orphaned(start, folder, delay)
    user.kill()
    user.wait()
    assert gone(folder, within=3)
    assert comes(lambda: not supervisors(folder), within=3)


@pytest.mark.full
@pytest.mark.parametrize("children", [signal.SIG_DFL, signal.SIG_IGN], ids=["", "ignored"])
def test_a_standby_that_was_killed_is_replaced(
    start: Callable[..., User], tmp_path: Path, children: signal.Handlers
) -> None:
    """Whether or not its user ignores the end of children, which is inherited."""
    folder = tmp_path / "data"
    before = signal.signal(signal.SIGCHLD, children)
    user = start()
    signal.signal(signal.SIGCHLD, before)
    said(user)
    keeper, standby = supervisors(folder)
    (server,) = servers(folder)
    standby.kill()
    assert comes(lambda: [p.pid for p in supervisors(folder)][1:] not in ([], [standby.pid]), within=3)
    assert supervisor(folder) == keeper
    for _ in range(3):  # each is followed by the next
        supervisor(folder).kill()
        assert comes(lambda: len(supervisors(folder)) == 2, within=3)
    assert count(user) == "1"
    assert servers(folder) == [server]
    user.kill()
    assert gone(folder, within=3)


def test_a_process_that_ended_and_was_not_waited_for_is_not_running() -> None:
    ended = subprocess.Popen(["sleep", "0.1"])
    assert is_running(ended.pid)
    assert comes(lambda: not is_running(ended.pid), within=5)
    assert psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE
    ended.wait()


def test_a_program_that_got_the_id_of_an_adopted_server_is_neither_taken_for_it_nor_ended(
    tmp_path: Path,
) -> None:
    """The server of a supervisor that was killed is nobody's child, so its id is free once it has ended."""
    folder = Folder(tmp_path)
    folder.create()
    supervisor = Supervisor(folder)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        supervisor._pid, supervisor._born = stranger.pid, b"1"
        assert not supervisor._alive()
        supervisor._end_server()
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


@pytest.mark.full
def test_stale_locks_and_socket_of_a_crash_do_not_block_a_start(
    start: Callable[..., User], tmp_path: Path
) -> None:
    """As after a power cut: everything killed at once, every file left behind."""
    user = start()
    said(user)
    folder = tmp_path / "data"
    keeper, (server,) = supervisor(folder), servers(folder)
    for process in (keeper, server, user):
        process.send_signal(signal.SIGKILL)
    user.wait()
    assert gone(folder, within=3)
    assert (folder / "mongodb" / "db" / "mongod.lock").exists()
    assert (folder / "mongodb" / "mongod.sock").exists()
    later = start()
    assert said(later) == "ready"
    assert count(later) == "2"


@pytest.mark.full
def test_kill_of_supervisor_and_of_server_is_repaired_under_its_users(
    start: Callable[..., User], tmp_path: Path
) -> None:
    user = start()
    said(user)
    folder = tmp_path / "data"
    supervisor(folder).kill()
    time.sleep(1.5)
    assert count(user) == "1"
    assert supervisor(folder).is_running()
    (server,) = servers(folder)
    server.kill()
    server.wait()
    assert count(user) == "1"
    user.kill()
    user.wait()
    assert gone(folder, within=3)


def test_no_mongod_to_be_had_is_one_line_with_both_ways_out(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['fiftyone'] = None; import core.storage.server.embedded as e\n"
        "try: e.find_mongod()\nexcept e.EmbeddedServerError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert "install MongoDB so that `mongod` is on PATH" in done.stdout
    assert "MONGODB_URI=mongodb://localhost:27017" in done.stdout
