"""A copy of a DATA_DIR that is in use is a store of its own: nothing done to it reaches the original."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage.server.test_embedded import ROOT, User, count, gone, said, servers, start

__all__ = ["start"]
OWN_WORK = """
from core.storage import get_sync_database
from core.storage.server.connection import close_all
database = get_sync_database()
print(database["seen"].delete_many({}).deleted_count, database.client.address[0], flush=True)
close_all(wait_seconds=20)
"""


def work_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """Delete everything in the store of a folder, and end; what was deleted, and where."""
    environment = os.environ | {"DATA_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", OWN_WORK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def long_name(tmp_path: Path) -> Path:
    """A folder whose socket has to lie elsewhere."""
    return tmp_path / ("d" * 110)


@pytest.mark.full
@pytest.mark.parametrize(
    "choose",
    [
        pytest.param(lambda path: path / "live", id="short", marks=pytest.mark.full),
        pytest.param(long_name, id="long"),
    ],
)
def test_what_is_erased_in_a_copy_of_a_running_store_stays_in_the_original(
    start: Callable[..., User], tmp_path: Path, choose: Callable[[Path], Path]
) -> None:
    """The record of the socket came along with the copy, and is not believed."""
    live = choose(tmp_path)
    user = start(live)
    assert said(user) == "ready"
    copy = live.with_name(f"{live.name}-copy")
    subprocess.run(["cp", "-a", str(live), str(copy)], check=True)
    done = work_in(copy)
    assert str(live / "mongodb" / "mongod.sock") not in done.stdout
    assert done.returncode == 0, done.stderr
    assert gone(copy, within=5)
    assert len(servers(live)) == 1
    assert count(user) == "1"


@pytest.mark.full
def test_a_hard_linked_copy_is_refused_and_leaves_the_original_running(
    start: Callable[..., User], tmp_path: Path
) -> None:
    """Its files are those of the original: two servers would ruin them."""
    live = tmp_path / "live"
    user = start(live)
    assert said(user) == "ready"
    subprocess.run(["cp", "-al", str(live), str(tmp_path / "copy")], check=True)
    done = work_in(tmp_path / "copy")
    assert done.returncode != 0
    assert "hard links" in done.stderr
    assert count(user) == "1"


@pytest.mark.full
def test_a_record_of_another_folders_socket_is_not_believed(
    start: Callable[..., User], tmp_path: Path
) -> None:
    """Whoever wrote it there, and however it is spelt."""
    user = start(tmp_path / "live")
    assert said(user) == "ready"
    other = tmp_path / "other"
    (other / "mongodb").mkdir(parents=True, mode=0o700)
    shutil.copy(tmp_path / "live" / "mongodb" / "socket", other / "mongodb" / "socket")
    done = work_in(other)
    assert done.stdout.startswith("0 "), done.stderr
    assert count(user) == "1"


DELETED = """
import os, shutil
from core.storage import get_sync_database
from core.storage.server.connection import close_all
get_sync_database().command("ping")
shutil.rmtree(os.environ["DATA_DIR"])
close_all(wait_seconds=20)
"""
MOVED = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from core.models.metrics import CallMetrics
from core.services.sync_metrics_service import SyncMetricsService
from core.settings import get_settings
from core.storage.recording import recorder

live, moved = Path(sys.argv[1]), Path(sys.argv[2])
service = SyncMetricsService()

def record(number):
    start = datetime(2024, 10, 24, tzinfo=UTC)
    call = CallMetrics(call_id=f"c{number}", start_time=start, status="completed", direction="outbound")
    service.record_call_metrics(call)

record(0)
os.rename(live, moved)
for number in range(1, 6):
    record(number)
    time.sleep(0.4)
"""
COUNT = """
from core.storage import get_sync_database
from core.storage.recording.replay import replay
database = get_sync_database()
replay(database)
print(f"{database['calls'].count_documents({})}\\n", end="")  # at once, as lines of the log go
"""


def test_leaving_a_deleted_data_dir_is_no_error(tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path / "deleted")}
    command = [sys.executable, "-c", DELETED]
    subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=True)


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says where a folder was moved to")
def test_a_data_dir_that_is_moved_while_in_use_is_said_in_a_line_and_loses_no_call(tmp_path: Path) -> None:
    """Nothing is begun anew at the old place, and the new one has all calls once it is used again."""
    live, moved = tmp_path / "live", tmp_path / "moved"
    environment = os.environ | {"DATA_DIR": str(live), "RECORD_WAIT_SECONDS": "20"}
    command = [sys.executable, "-c", MOVED, str(live), str(moved)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert output.count("DATA_DIR was moved or deleted while it was in use") == 1
    assert "Traceback" not in output
    assert not live.exists()
    again = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(moved)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "6" in again.stdout.splitlines(), again.stdout + again.stderr
