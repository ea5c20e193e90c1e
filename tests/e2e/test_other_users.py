"""Another user of the machine, while the whole product runs, reads none of its files and reaches no port."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.forked import ROOT, run
from tests.ports import free_port, wait_for

NOBODY = 65_534
SECRET = "hush-" * 10
ATTEMPT = """
import encodings.idna, json, os, socket, stat, sys
user, paths, requests = json.load(sys.stdin)
os.setgroups([])
os.setgid(user)
os.setuid(user)
got = []
for path in paths:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            os.listdir(path)
        elif stat.S_ISSOCK(mode):
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(path)
        else:
            with open(path, "rb") as file:
                file.read(1)
    except OSError:
        continue
    got.append(path)
told = []
for port, lines in requests:
    with socket.create_connection(("127.0.0.1", port), 20) as asked:
        asked.sendall("\\r\\n".join([*lines, "", ""]).encode())
        told.append(asked.recv(12)[-3:].decode())
json.dump([got, told], sys.stdout)
"""
BURY = """
from core.models.metrics import CallMetrics
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
call = {"call_id": "c", "start_time": "2024-10-24T10:00:00Z", "status": "completed", "direction": "outbound"}
Spool().bury(Record.now(CallMetrics.model_validate(call)), "too large")
"""
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        os.getuid() != 0 or sys.platform != "linux", reason="only root can be another user: run it as root"
    ),
]


@dataclass(frozen=True)
class Product:
    """Everything that ``python -m core run`` starts, in a folder that every user may look into."""

    open_to_all: Path
    api: int
    dashboard: int
    launcher: subprocess.Popen[bytes]

    @property
    def data(self) -> Path:
        """Return its DATA_DIR, which it makes itself."""
        return self.open_to_all / "data"

    def processes(self) -> list[psutil.Process]:
        """Those that it started, the database's own among them."""
        of_the_store = (
            process
            for process in psutil.process_iter(["cmdline"])
            if str(self.data) in " ".join(process.info["cmdline"] or ())
        )
        own = psutil.Process(self.launcher.pid)
        return [own, *own.children(recursive=True), *of_the_store]

    def requests(self) -> list[tuple[int, list[str]]]:
        """A figure of the API, a page of the dashboard, and its websocket as a page of its own opens it."""
        page = f"http://localhost:{self.dashboard}"
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        asked: tuple[tuple[int, str, list[str]], ...] = (
            (self.api, "/api/v1/analytics/metrics", []),
            (self.dashboard, "/", []),
            (
                self.dashboard,
                "/_stcore/stream",
                [f"Origin: {page}", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *upgrade],
            ),
        )
        return [
            (port, [f"GET {path} HTTP/1.1", f"Host: localhost:{port}", *more]) for port, path, more in asked
        ]


@pytest.fixture
def product() -> Iterator[Product]:
    """With a dead letter, an erasure, a log and a backup; no file is private by its umask alone."""
    with tempfile.TemporaryDirectory(prefix="open-to-all-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        api, dashboard = free_port(), free_port()
        env = os.environ | {
            "API_PORT": str(api),
            "AUDIT_KEY": SECRET,
            "DASHBOARD_PORT": str(dashboard),
            "DATA_DIR": str(folder / "data"),
            "LOG_FILE": str(folder / "agent.log"),
        }
        launcher = subprocess.Popen(
            [sys.executable, "-m", "core", "run"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, umask=0
        )
        try:
            for port in (api, dashboard):
                wait_for(port, [launcher])
            for arguments in (
                ["-c", BURY],
                ["-m", "core", "erase-lead", "lead_1", "--yes"],
                ["-m", "core", "backup", str(folder / "backup")],
            ):
                run(arguments, env=env, check=True)
            yield Product(folder, api, dashboard, launcher)
        finally:
            launcher.send_signal(signal.SIGTERM)
            launcher.wait(timeout=60)


def attempted(user: int, paths: Iterable[Path], product: Product) -> tuple[set[Path], list[str]]:
    """What a user can list, read or connect to, and the statuses of the product's ports."""
    asked = json.dumps([user, [str(path) for path in paths], product.requests()])
    command = [sys.executable, "-I", "-c", ATTEMPT]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    got, told = json.loads(done.stdout)
    return {Path(path) for path in got}, told


def test_nothing_is_read_and_nothing_is_reached(product: Product) -> None:
    """Not even where somebody opened DATA_DIR itself; its owner and root get everything."""
    notice = product.open_to_all / "notice"
    notice.write_text("for everybody")
    notice.chmod(0o644)
    running = product.processes()
    assert {"mongod", "python"} <= {process.name().rstrip("0123456789.") for process in running}
    assert not [process for process in running if SECRET in " ".join(process.cmdline())]
    paths = [product.open_to_all, *product.open_to_all.rglob("*")]
    paths += [Path(f"/proc/{process.pid}/{part}") for process in running for part in ("environ", "fd")]

    got, told = attempted(os.getuid(), paths, product)
    for part in ("mongodb/mongod.sock", "logs/api.log", "spool", "audit", "erasures"):
        assert product.data / part in got, part
    assert any(path.is_relative_to(product.open_to_all / "backup") and path.is_file() for path in got)
    assert any(path.is_relative_to(product.data / "spool") and path.is_file() for path in got)
    assert told == ["200", "200", "101"]

    shown = {product.open_to_all, notice}
    assert attempted(NOBODY, paths, product) == (shown, ["403", "403", "403"])
    for opened in (product.data, product.open_to_all / "backup"):
        opened.chmod(0o755)
    got, _ = attempted(NOBODY, paths, product)
    assert {path for path in got - shown if not path.is_dir()} == set()
    assert got - shown <= {product.data, product.open_to_all / "backup"}
