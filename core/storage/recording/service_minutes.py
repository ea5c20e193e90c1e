"""Requests to the agent's own API and to the services it uses, summed per minute and process.

A request costs a few microseconds and no round trip. While a minute grows, each process writes its sums again
and again, always the whole row, so that a repeat replaces and never counts twice.
"""

import itertools
import math
import os
import platform
import threading
import uuid
from collections import Counter, deque
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from pymongo.asynchronous.database import AsyncDatabase

from core.clock import utc_now
from core.logging_config import get_logger
from core.models.metrics import ServiceMinute, ServiceSample
from core.sigterm import before_sigterm
from core.storage.recording.recorder import record_blocking
from core.storage.recording.records import Fate
from core.storage.recording.write import MAX_BATCH
from core.storage.server.connection import before_close, store_key
from core.threads import at_child_end, fork_safe_lock, fork_safe_rlock, start_daemon
from core.types import Document

logger = get_logger("database")
FLUSH_SECONDS = 10.0
"""How often the sums of minutes in progress are written."""
_END_SECONDS = 5.0

_LN_GAMMA = math.log(1.01 / 0.99)
_LEAST, _MOST = 1e-6, 1e7
_FIRST = math.ceil(math.log(_LEAST) / _LN_GAMMA) - 1
OPEN_FOR = timedelta(minutes=2)
"""How long after it began a minute still takes requests; later ones get a document of their own."""
MAX_CELLS = 10_000
"""Most combinations of service, operation and minute kept at once; operations that contain ids would be
endless."""
OTHER = "other"
"""Operation under which requests are counted once MAX_CELLS is reached."""


def bucket_of(milliseconds: float) -> int:
    """Return the bucket of ``aggregation.rollups.sketch``, without loading numpy into the agent."""
    if milliseconds < _LEAST:
        return 0
    return math.ceil(math.log(min(milliseconds, _MOST)) / _LN_GAMMA) - _FIRST


class _Cell:
    """Sums of one minute, service and operation."""

    __slots__ = ("buckets", "changed", "count", "errors", "max_ms", "min_ms", "number", "total_ms")

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.errors: Counter[str] = Counter()
        self.total_ms = 0.0
        self.min_ms = math.inf
        self.max_ms = 0.0
        self.buckets: Counter[int] = Counter()
        self.changed = False

    def add(self, milliseconds: float, error: str | None) -> None:
        self.count += 1
        self.total_ms += milliseconds
        self.min_ms = min(self.min_ms, milliseconds)
        self.max_ms = max(self.max_ms, milliseconds)
        self.buckets[bucket_of(milliseconds)] += 1
        if error:
            self.errors[error] += 1
        self.changed = True


_Key = tuple[datetime, str, str]


class ServiceMinutes:
    """This process's minutes that are not finished, or not written yet.

    Safe to use from any thread, and from a signal handler or ``__del__`` that interrupts it: whoever finds it
    in use leaves the request in ``_new`` for the one who comes next.
    """

    def __init__(self) -> None:
        self._guard = fork_safe_lock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start empty; what a forked child inherited is for its parent to write."""
        self._new: deque[ServiceSample] = deque()
        self._cells: dict[_Key, _Cell] = {}
        self._numbers = itertools.count()
        self._process = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def add(self, sample: ServiceSample) -> None:
        """Add one request to the sums, now or with the next one; never waits."""
        self._new.append(sample)
        if self._guard.acquire(blocking=False):
            try:
                self._add_new()
            finally:
                self._guard.release()

    def _add_new(self) -> None:
        with suppress(IndexError):
            while True:
                sample = self._new.popleft()
                minute = sample.at.replace(second=0, microsecond=0)
                self._cell((minute, sample.service, sample.operation)).add(sample.duration_ms, sample.error)

    def _cell(self, key: _Key) -> _Cell:
        if key not in self._cells:
            if len(self._cells) >= MAX_CELLS and key[2] != OTHER:
                return self._cell((key[0], key[1], OTHER))
            self._cells[key] = _Cell(next(self._numbers))
        return self._cells[key]

    def take(self) -> list[ServiceMinute]:
        """Return the sums that changed since the last call, for writing; finished minutes are forgotten."""
        with self._guard:
            self._add_new()
            changed = [self._minute(key, cell) for key, cell in self._cells.items() if cell.changed]
            oldest = utc_now() - OPEN_FOR
            self._cells = {key: cell for key, cell in self._cells.items() if key[0] >= oldest}
            for cell in self._cells.values():
                cell.changed = False
        return changed

    def _minute(self, key: _Key, cell: _Cell) -> ServiceMinute:
        minute, service, operation = key
        return ServiceMinute(
            minute=minute,
            process=self._process,
            number=cell.number,
            service=service,
            operation=operation,
            count=cell.count,
            errors=dict(cell.errors),
            total_ms=cell.total_ms,
            min_ms=cell.min_ms,
            max_ms=cell.max_ms,
            buckets=dict(cell.buckets),
        )


class ServiceWriter:
    """Writes this process's minutes every few seconds on a thread, and what is left when it ends."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[int, str], tuple[AsyncDatabase[Document] | None, ServiceMinutes]] = {}
        self._guard = fork_safe_rlock()
        self._flushing = fork_safe_lock()
        self._hurry: SimpleQueue[threading.Event] = SimpleQueue()
        self._pid = 0

    def add(self, database: AsyncDatabase[Document] | None, sample: ServiceSample) -> None:
        """Add one request to what is written to a database; None is the configured one."""
        key = store_key(database)
        if key not in self._minutes or self._pid != os.getpid():
            self._open(key, database)
        self._minutes[key][1].add(sample)

    def flush(self) -> bool:
        """Write what changed, to the spool if the database does not accept it.

        Return whether all of it is durable.
        """
        durable = True
        with self._flushing:  # one at a time, so that newer sums are written after older ones
            for database, minutes in list(self._minutes.values()):
                changed = minutes.take()
                for start in range(0, len(changed), MAX_BATCH):
                    fates = record_blocking(database, changed[start : start + MAX_BATCH])
                    durable = durable and Fate.LOST not in fates
        return durable

    def _open(self, key: tuple[int, str], database: AsyncDatabase[Document] | None) -> None:
        with self._guard:
            self._minutes.setdefault(key, (database, ServiceMinutes()))
            if self._pid != os.getpid():  # a forked child's inherited thread belongs to its parent
                self._hurry = SimpleQueue()
                started = start_daemon("service-minutes", self._run)
                self._pid = os.getpid() if started else 0  # else the next request tries again
                if started:
                    at_child_end(self.flush)

    def flush_at_once(self) -> None:
        """Run :meth:`flush` on the thread: code interrupted by a signal may hold the driver's locks."""
        if self._pid == os.getpid():
            written = threading.Event()
            self._hurry.put(written)
            written.wait(_END_SECONDS)

    def _run(self) -> None:
        while True:
            waiting: threading.Event | None = None
            with suppress(Empty):
                waiting = self._hurry.get(timeout=FLUSH_SECONDS)
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 (what is lost now must not end the thread)
                logger.error("Service minutes not written", extra={"reason": type(error).__name__})  # noqa: TRY400 (the type is enough)
            if waiting is not None:
                waiting.set()


writer = ServiceWriter()
before_close(writer.flush)
before_sigterm(writer.flush_at_once)
