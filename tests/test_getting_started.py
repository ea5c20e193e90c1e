"""docs/getting-started.md, followed to the letter: each command in a shell, each output compared."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.database import Database

from core.ports import answers
from core.types import Document
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "getting-started.md").read_text()
START = "make run\n"
BLOCK = re.compile(r"```(sh|python|text)\n(.*?)```", re.DOTALL)
SAVED_AS = "calls.py"
pytestmark = pytest.mark.full


@pytest.fixture
def ports(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Everything running, as the first step starts it; which ports took the place of those on the page."""
    ports = {"3000": str(free_port()), "8000": str(free_port())}
    monkeypatch.setenv("DASHBOARD_PORT", ports["3000"])
    monkeypatch.setenv("API_PORT", ports["8000"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    running = subprocess.Popen([sys.executable, "-m", "core", "run"], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not all(
        answers(f"http://127.0.0.1:{ports[port]}{path}")
        for port, path in (("3000", "/_stcore/health"), ("8000", "/healthz"))
    ):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield ports
    running.send_signal(signal.SIGINT)
    running.wait(30)


def shell(commands: str, folder: Path, ports: dict[str, str]) -> str:
    for shown, taken in ports.items():
        commands = commands.replace(f"localhost:{shown}", f"localhost:{taken}")
    done = subprocess.run(
        ["bash", "-ec", commands], cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_ten_minutes_go_as_the_page_says(ports: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    printed, compared = "", 0
    blocks = BLOCK.findall(PAGE)
    assert blocks[0] == ("sh", START)
    for kind, text in blocks[1:]:
        if kind == "python":
            (tmp_path / SAVED_AS).write_text(text)
        elif kind == "sh":
            printed = shell(text, tmp_path, ports)
        else:
            expected = re.escape(text.strip()).replace("…", ".+")
            assert re.search(expected, printed), printed
            compared += 1
    assert compared == 5
