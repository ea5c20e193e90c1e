"""A Streamlit server in a process of its own, and the links of its readers."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
QUERIES = tuple(
    f"period={period}&language={language}"
    for period in ("24h", "7d", "30d", "90d", "1h")
    for language in ("Hindi", "English")
)
"""Ten readers, ten different views."""


@contextmanager
def served(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Yield the port and the process of a server that answers; it is stopped afterwards."""
    port = free_port()
    env = os.environ | environment | {"DASHBOARD_PORT": str(port), "STREAMLIT_SERVER_PORT": str(port)}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)  # noqa: S603 (ours)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < deadline, (folder / "server.log").read_text()[-2000:]
                    time.sleep(0.1)
            yield port, server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)
