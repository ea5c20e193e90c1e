"""A database that answers slowly: recording never waits longer than it may, and loses nothing."""

import asyncio
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
from pymongo.database import Database

from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.recording import recorder
from core.storage.recording.breaker import breaker
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_connections, get_sync_database
from core.storage.server.embedded import embedded_uri
from core.types import Document
from tests.faults.writer import call

WAIT_SECONDS = 0.5
LATE_SECONDS = 1.0
"""How much longer a busy machine may take to say so."""


class SlowPath(socketserver.ThreadingTCPServer):
    """A way to the embedded server on which each answer is held up for ``delay`` seconds."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.server = server
        self.delay = 0.0
        self.open = True

    @property
    def uri(self) -> str:
        """Its address as MONGODB_URI."""
        return f"mongodb://127.0.0.1:{self.server_address[1]}/?directConnection=true"


class _Tunnel(socketserver.BaseRequestHandler):
    server: SlowPath

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as onward:
            onward.connect(self.server.server)
            back = threading.Thread(target=self._answers, args=(onward,), daemon=True)
            back.start()
            try:
                while data := self.request.recv(65_536):
                    onward.sendall(data)
                onward.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            back.join(5)

    def _answers(self, onward: socket.socket) -> None:
        try:
            while data := onward.recv(1_048_576):
                time.sleep(self.server.delay)
                self.request.sendall(data)
            self.request.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture
def path(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowPath]:
    """The store is reached by way of a proxy that can be slow."""
    socket_path = unquote(urlsplit(embedded_uri(get_settings().data_dir)).netloc)
    with SlowPath(socket_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MONGODB_URI", server.uri)
        monkeypatch.setenv("RECORD_WAIT_SECONDS", str(WAIT_SECONDS))
        get_settings.cache_clear()
        yield server
        server.delay = 0.0
        recorder.replayer.wait(30)
        get_sync_database().client.close()
        server.shutdown()


async def record(first: int, count: int) -> float:
    """Record calls one after the other; the longest that one of them took, in seconds."""
    service, longest = MetricsService(), 0.0
    for number in range(first, first + count):
        started = time.monotonic()
        await service.record_call_metrics(call(number, 0))
        longest = max(longest, time.monotonic() - started)
    await close_connections()
    return longest


def stored(database: Database[Document]) -> int:
    return database["calls"].count_documents({})


def check_slow(database: Database[Document], path: SlowPath, delay: float, count: int) -> None:
    asyncio.run(record(0, 1))
    path.delay = delay
    longest = asyncio.run(record(1, count))
    assert longest < WAIT_SECONDS + LATE_SECONDS
    path.delay = 0.0
    breaker.succeeded()
    asyncio.run(record(count + 1, 1))
    asyncio.run(MetricsService().aggregate_recent())
    recorder.replayer.wait(60)
    asyncio.run(MetricsService().aggregate_recent())
    status = spool_status()
    assert (stored(database), status.waiting, status.dead, status.lost) == (count + 2, 0, 0, 0)


@pytest.mark.full
def test_a_slow_database_holds_up_no_caller_and_loses_no_call(
    database: Database[Document], path: SlowPath
) -> None:
    """Slower than a caller waits: what is recorded meanwhile comes by way of the disk."""
    check_slow(database, path, delay=0.8, count=5)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("delay", [0.1, 0.3, 0.49, 0.6, 2.0, 5.0, 10.0])
def test_no_delay_of_the_database_holds_up_a_caller(
    database: Database[Document], path: SlowPath, delay: float
) -> None:
    """Shorter and longer than a caller waits, and about as long."""
    check_slow(database, path, delay, count=40)
