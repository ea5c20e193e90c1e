"""Ports for servers that tests start."""

import os
import socket


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
