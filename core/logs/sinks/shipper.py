"""Send lines elsewhere, on a thread of their own, so that a target that is down slows nothing else."""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from core.threads import start_daemon

CAPACITY = 10_000
"""Lines that may wait for the target; more are dropped and counted."""
BATCH = 500
_GATHER_SECONDS = 0.5
_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.5
_own = threading.local()

Batch = TypeVar("Batch")
Lose = Callable[[int, str], None]


class RefusedError(Exception):
    """The target will never accept these lines; the text says why, without any secret."""


class Shipper(ABC, Generic[Batch]):
    """A bounded queue and a thread in front of a target; at most CAPACITY lines are kept."""

    native = False
    """Whether it takes our own field names, whatever LOG_FORMAT says."""

    def __init__(self, name: str, lose: Lose) -> None:
        self.name = name
        self._lose = lose
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start empty; what a forked child inherited is for its parent to send."""
        self._waiting: deque[bytes] = deque()
        self._unsent = 0
        self._stir = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Return how many lines are not sent yet."""
        return len(self._waiting) + self._unsent

    @abstractmethod
    def prepare(self, lines: list[bytes]) -> Batch:
        """Turn lines, each one JSON document, into what is sent.

        Done once, so that a retry sends the same.
        """

    @abstractmethod
    def send(self, batch: Batch) -> None:
        """Send what was prepared.

        Raises:
            RefusedError: the target will never accept them.
            Exception: it may accept them later.
        """

    def put(self, line: bytes) -> None:
        """Queue a line; if too many wait, it is dropped and counted."""
        if len(self._waiting) >= CAPACITY:
            self._lose(1, f"did not send {{}} log lines to {self.name}: too many were waiting")
            return
        if self._closing.is_set():  # no thread may be started any more
            self._lose(1, f"did not send {{}} log lines to {self.name}: the process ended")
            return
        self._waiting.append(line)
        if self._thread is None or not self._thread.is_alive():
            self._thread = start_daemon(f"log-shipper {self.name}", self._run)

    def flush(self, timeout: float) -> bool:
        """Wait until everything queued is sent or given up.

        Return False if ``timeout`` seconds pass first, or there is no thread that could send it.
        """
        until = time.monotonic() + timeout
        self._stir.set()
        while self._thread and (self._waiting or self._unsent) and time.monotonic() < until:
            time.sleep(0.01)
        return not (self._waiting or self._unsent)

    def close(self, timeout: float) -> None:
        """Try once more to send what waits, then give it up and count it."""
        self._closing.set()
        if not self.flush(timeout):
            left = len(self._waiting) + self._unsent
            self._lose, lose = _ignore, self._lose  # what the thread reports from now on is ignored
            lose(left, f"did not send {{}} log lines to {self.name}: the process ended")

    def _run(self) -> None:
        _own.sending = True
        while True:
            self._stir.wait(_GATHER_SECONDS)
            self._stir.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                self._unsent = len(batch)
                self._send(batch)
                self._unsent = 0

    def _send(self, lines: list[bytes]) -> None:
        failed = f"did not send {{}} log lines to {self.name}: "
        pause = _FIRST_PAUSE_SECONDS
        try:
            batch = self.prepare(lines)
        except Exception as error:  # noqa: BLE001 (whatever is in them, the thread goes on)
            self._lose(len(lines), failed + type(error).__name__)
            return
        for attempt in range(1, _TRIES + 1):
            try:
                self.send(batch)
            except RefusedError as error:
                self._lose(len(lines), failed + str(error))
                return
            except Exception as error:  # noqa: BLE001 (whatever a client raises, the thread goes on)
                if attempt == _TRIES or self._closing.is_set():
                    self._lose(len(lines), failed + type(error).__name__)
                    return
                self._closing.wait(pause)
                pause *= 2
            else:
                return


def _ignore(_lines: int, _report: str) -> None:
    """Count nothing."""


def is_shipping() -> bool:
    """Return whether this thread is sending log lines; what it logs must not be shipped as well."""
    return getattr(_own, "sending", False)
