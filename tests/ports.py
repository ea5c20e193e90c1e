"""Servers that tests start: their ports, and an end without a wait."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socketserver import BaseServer

import pytest

_LOOK_SECONDS = 0.02
"""How often a server looks whether it is to end: by default twice a second, and tests start hundreds."""


def free_port() -> int:
    """A port that nobody listens on just now, and that no other worker of this test run is given."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port // 2 % workers == worker % workers:  # Linux gives odd ones only
            return port


def wait_for(port: int, running: Sequence[subprocess.Popen[bytes]], seconds: float = 90) -> None:
    """Wait until something listens on a port; fail if one of the processes ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in running)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"nothing answers on port {port}")


@contextmanager
def serving(*servers: BaseServer) -> Iterator[None]:
    """Let servers answer, each in a thread, until the block ends."""
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
