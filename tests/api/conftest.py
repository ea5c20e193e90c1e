"""The application as it is served on the loopback address without keys."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.api.app import create_app
from core.api.security import this_machine
from core.ports import answers
from core.types import Document
from tests.ports import free_port


@pytest.fixture
def client(database: Database[Document]) -> Iterator[TestClient]:
    with from_this_machine() as client:
        yield client


def from_this_machine(
    server: str = "http://127.0.0.1", client: tuple[str, int] = ("127.0.0.1", 50_000)
) -> TestClient:
    """A client of the application as it is served on the loopback address without keys."""
    return TestClient(create_app(this_machine), base_url=server, client=client)


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
