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
CAPACITY_BYTES = 64_000_000
"""Their total length; a few long ones must not fill the memory."""
BATCH, BATCH_BYTES = 500, 4_000_000
PATIENCE_SECONDS = 300.0
"""A batch that the target does not accept for this long is given up; so a restart of it loses nothing."""
_GATHER_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_own = threading.local()

Batch = TypeVar("Batch")
T = TypeVar("T")
Lose = Callable[[int, str], None]


class RefusedError(Exception):
    """The target will never accept these lines; the text says why, without any secret."""


class BusyError(Exception):
    """The target accepts no lines for now; the text says why, ``seconds`` how long it asks to wait."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Shipper(ABC, Generic[Batch]):
    """A bounded queue and a thread in front of a target; at most CAPACITY lines of CAPACITY_BYTES wait."""

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
        # Each counted by one thread alone: the one that queues, and ours.
        self._bytes_queued = self._bytes_taken = 0
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
        """Send what was prepared; a retry gets the same again, or what :meth:`_done` left of it.

        Raises:
            RefusedError: the target will never accept them.
            BusyError: it asks to come later.
            Exception: it may accept them later.
        """

    def put(self, line: bytes) -> None:
        """Queue a line; if too many wait, it is dropped and counted."""
        if (
            len(self._waiting) >= CAPACITY
            or self._bytes_queued - self._bytes_taken + len(line) > CAPACITY_BYTES
        ):
            self._lose(1, f"did not send {{}} log lines to {self.name}: too many were waiting")
            return
        if self._closing.is_set():  # no thread may be started any more
            self._lose(1, f"did not send {{}} log lines to {self.name}: the process ended")
            return
        self._bytes_queued += len(line)
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
                self._send(self._taken())
                self._unsent = 0

    def _taken(self) -> list[bytes]:
        """Take the next lines from the queue; at no moment are they neither waiting nor unsent."""
        lines: list[bytes] = []
        taken = 0
        while self._waiting and len(lines) < BATCH and taken < BATCH_BYTES:
            self._unsent += 1
            line = self._waiting.popleft()
            lines.append(line)
            taken += len(line)
        self._bytes_taken += taken
        return lines

    def _each(self, lines: list[bytes], read: Callable[[bytes], T]) -> list[T]:
        """Return what ``read`` makes of each line; one that it fails on costs no other."""
        found: list[T] = []
        for line in lines:
            try:
                found.append(read(line))
            except Exception as error:  # noqa: BLE001 (whatever is in it)
                self._done(1, type(error).__name__)
        return found

    def _done(self, lines: int, reason: str | None = None) -> None:
        """Note that some lines of a batch are sent, or for which reason they are given up."""
        self._unsent -= lines
        if reason:
            self._lose(lines, f"did not send {{}} log lines to {self.name}: {reason}")

    def _send(self, lines: list[bytes]) -> None:
        pause, until = _FIRST_PAUSE_SECONDS, time.monotonic() + PATIENCE_SECONDS
        try:
            batch = self.prepare(lines)
        except Exception as error:  # noqa: BLE001 (whatever is in them, the thread goes on)
            self._done(self._unsent, type(error).__name__)
            return
        while True:
            try:
                self.send(batch)
            except RefusedError as error:
                self._done(self._unsent, str(error))
                return
            except BusyError as error:
                reason, asked = str(error), error.seconds
            except Exception as error:  # noqa: BLE001 (whatever a client raises, the thread goes on)
                reason, asked = type(error).__name__, 0.0
            else:
                return
            left = until - time.monotonic()
            if self._closing.is_set() or left <= 0:
                self._done(self._unsent, reason)
                return
            self._closing.wait(min(max(pause, asked), left))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _ignore(_lines: int, _report: str) -> None:
    """Count nothing."""


def is_shipping() -> bool:
    """Return whether this thread is sending log lines; what it logs must not be shipped as well."""
    return getattr(_own, "sending", False)
