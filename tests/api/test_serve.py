"""The API as a process of its own: who on this machine is let in, and under load."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pymongo.database import Database

from core.ports import answers
from core.types import Document
from tests.ports import free_port

ASK = """
import encodings.idna, os, socket, sys
_, port, path, user = sys.argv
os.setuid(int(user))
with socket.create_connection(("127.0.0.1", int(port)), 10) as asked:
    asked.sendall(f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
    print(asked.recv(12)[-3:].decode())
"""
NOBODY = 65_534


@pytest.fixture
def served(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an API on the loopback address without keys."""
    port = free_port()
    monkeypatch.setenv("API_PORT", str(port))
    running = subprocess.Popen([sys.executable, "-m", "core", "api"], stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while not answers(f"{address}/healthz"):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield address
    running.send_signal(signal.SIGTERM)
    running.wait(20)


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can be another user")
def test_another_user_of_the_machine_is_turned_away(served: str) -> None:
    """What the files keep from other users the port does not give away."""
    for path in ("/healthz", "/api/v1/analytics/calls?start_date=2026-11-20"):
        asked = []
        for user in (os.getuid(), NOBODY):
            command = [sys.executable, "-I", "-c", ASK, served.rpartition(":")[2], path, str(user)]
            asked.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        assert asked == ["200", "403"], path
