"""The API as a process of its own, for tests that kill it or ask it from outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.ports import answers
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]


class Receiver:
    """An API that can be killed, and comes back at the same address."""

    def __init__(self, **environment: str) -> None:
        self.port = free_port()
        self._environment = os.environ | {"API_PORT": str(self.port), **environment}
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "tests.api.intake.server"]
        self.running = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{self.port}/healthz"):
            assert self.running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9, and start again."""
        self.end(signal.SIGKILL)
        self._start()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process, and wait for it."""
        self.running.send_signal(how)
        self.running.wait(20)

    def peak_bytes(self) -> int:
        """The most memory that it had at once."""
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        return 1_024 * int(status.partition("VmHWM:")[2].split()[0])
