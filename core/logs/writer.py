"""The background thread that renders and writes lines, and the bounded queue in front of it."""

import logging
import os
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from core.logs.context import ActiveSpan, find_active_span
from core.logs.event import Event, Origin
from core.logs.line_formats import FORMATS, Format, as_it_is
from core.logs.render import document_of, encode
from core.logs.sinks.sink import Both, Sink
from core.threads import start_daemon

if TYPE_CHECKING:
    from core.logs.sinks.shipper import Shipper

CAPACITY = 20_000
"""Lines that may wait; more are dropped and counted."""
RESERVE = 2_000
"""Part of the capacity that only WARNING and above may use."""
GATHER_SECONDS = 0.02
"""How long a line waits for others, so that one write covers them all; an ERROR does not wait."""
LINES_PER_WRITE = 128
"""This many stay in the processor's cache from rendering to writing."""
FEW, LINES_PER_SHORT_WRITE = 512, 8
"""While fewer than FEW lines wait, the thread yields to callers after this many: that bounds how long it may
delay an event loop."""
WRITES_PER_TURN = 4
"""With more waiting, it yields after this many writes: each turn costs as much as writing twenty lines."""
_TURNS_UNTIL_ASLEEP = 100
HURRY_AT = 4_096
"""From this many waiting lines on, the thread is woken at once."""
_WARNING, _ERROR = logging.WARNING, logging.ERROR
_CLOSING_SECONDS = 3.0
_FULL = "dropped {} log lines: the queue was full"
_UNRENDERED = "dropped {} log lines: they could not be rendered"


class Backlog(NamedTuple):
    """Lines that wait, and lines that were lost."""

    waiting: int
    dropped: int


class LogWriter:
    """Takes events without blocking or raising, and writes their lines in order.

    Its queues are a deque and a SimpleQueue because a signal handler that logs may interrupt and re-enter
    them; a Lock or an Event would deadlock then.
    """

    def __init__(self, sink: Sink | Both, capacity: int = CAPACITY, reserve: int = RESERVE) -> None:
        self._sink = sink
        self._capacity = capacity
        self._room_below_warning = capacity - reserve
        self._inline = False
        self.format: Format = "json"
        self.shippers: tuple[Shipper[Any], ...] = ()
        self.active_span: ActiveSpan | None = None
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        """Start empty; what a forked child inherited is for its parent to write."""
        self.queue: deque[Event | threading.Event] = deque()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        # Whether the thread is running and checks the queue by itself, so that appending an event is enough.
        self.calm = False
        self._thread: threading.Thread | None = None
        self._draining = threading.RLock()
        self._counting = threading.RLock()  # separate, so that callers never wait for a write
        self._lost: Counter[str] = Counter()
        self._dropped = 0
        self._given_up = False

    @property
    def sink(self) -> Sink | Both:
        """Return where lines go."""
        return self._sink

    @property
    def backlog(self) -> Backlog:
        """Return what waits here and in the shippers, and what was dropped since this process began."""
        return Backlog(len(self.queue) + sum(one.waiting for one in self.shippers), self._dropped)

    def find_span(self) -> ActiveSpan | None:
        """Check whether OpenTelemetry has been imported by now; the thread does so in each of its turns."""
        if self.active_span is None:
            self.active_span = find_active_span()
        return self.active_span

    def put(self, level: int, event: Event) -> None:
        """Queue an event; if the queue is full, drop and count it.

        The last RESERVE places are for WARNING and above, so that a flood of DEBUG lines cannot push them
        out.
        """
        queue = self.queue
        waiting = len(queue)
        if waiting >= self._room_below_warning and (level < _WARNING or waiting >= self._capacity):
            self.lose(1, _FULL)
            return
        queue.append(event)
        if level >= _ERROR or waiting >= HURRY_AT or not self.calm:
            self._stir()

    def _stir(self) -> None:
        """Wake the thread, starting it if need be; where it can no longer be started, write in the caller."""
        if self._thread is None and not self._inline:
            self._start()
        if self._inline:
            self._drain()
        elif self._hurry.empty():
            self._hurry.put(None)

    def lose(self, lines: int, report: str) -> None:
        """Count lines that were lost; ``report``, with the count in place of ``{}``, is logged later."""
        with self._counting:
            self._lost[report] += lines
            self._dropped += lines

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything logged so far is written; return False if ``timeout`` seconds pass first."""
        if self._inline or (self._thread is None and not self.queue and not self._lost):
            return True
        if self._given_up:
            return False
        reached = threading.Event()
        self.queue.append(reached)
        self._stir()
        return reached.wait(timeout)

    def use(self, sink: Sink | Both) -> None:
        """Write what waits to the present sink, and everything after it to another one."""
        self.flush()
        with self._draining:
            self._sink = sink

    def close(self) -> None:
        """Write what waits; lines logged even later are written by their callers."""
        if self.flush():
            # The order matters: the thread sets `calm` first and checks `_inline` afterwards.
            self._inline = True
            self.calm = False
        else:
            self._given_up = True  # what flushes after this, as `logging` itself does, waits no second time
        for shipper in self.shippers:
            shipper.close(_CLOSING_SECONDS)
        if self._inline:
            self._drain()

    def _start(self) -> None:
        with self._counting:
            if self._thread is not None:
                return
            self._thread = start_daemon("log-writer", self._run)
            if self._thread is None:
                self._inline = True
                return
        # A forked multiprocessing child ends without running atexit functions.
        if util := sys.modules.get("multiprocessing.util"):
            with suppress(Exception):
                util.Finalize(None, self._end_of_process, exitpriority=0)

    def _end_of_process(self) -> None:
        """Write what waits, and in a multiprocessing child, after which nothing runs, send it as well."""
        self.flush()
        process = sys.modules.get("multiprocessing.process")
        if process and process.parent_process() is not None:
            self.close()

    def _run(self) -> None:
        idle_turns = 0
        while True:
            # Checking every 20 ms spares callers the cost of waking a sleeping thread, which is more than the
            # rest of a log call. Only the first line after a long silence pays it.
            self.calm = idle_turns <= _TURNS_UNTIL_ASLEEP
            self.find_span()
            if self._inline:
                self.calm = False
            asleep = not self.calm and not self.queue and not self._lost
            with suppress(Empty):
                self._hurry.get(timeout=None if asleep else GATHER_SECONDS)
            with suppress(Empty):
                while True:
                    self._hurry.get_nowait()
            idle_turns = 0 if self._drain() else idle_turns + 1

    def _drain(self) -> bool:
        """Write everything that waits, then the reports of what was lost; return False if nothing waits.

        Lines go out in small batches with the interpreter released in between, so that callers are not
        delayed.
        """
        queue = self.queue
        if not queue and not (self._lost and not self._sink.failing):
            return False
        with self._draining:
            few, writes = True, 0
            while True:
                few = few and len(queue) < FEW  # a backlog is written in large batches, to its end
                most = LINES_PER_SHORT_WRITE if few else LINES_PER_WRITE
                batch: list[Event | threading.Event] = []
                with suppress(IndexError):
                    while len(batch) < most:
                        batch.append(queue.popleft())
                self._write([item for item in batch if isinstance(item, tuple)])
                for item in batch:
                    if isinstance(item, threading.Event):
                        item.set()
                if not queue:
                    return True
                writes += 1
                if few or (len(queue) < HURRY_AT and writes % WRITES_PER_TURN == 0):
                    time.sleep(0)  # let callers run first, until the backlog grows

    def _write(self, events: list[Event]) -> None:
        lines = []
        shape = FORMATS[self.format]
        for event in events:
            try:
                document = document_of(event)
                line = encode(shape(document))
                lines.append(line)
                for shipper in self.shippers:
                    shipper.put(line if shape is as_it_is or not shipper.native else encode(document))
            except Exception:  # noqa: BLE001 (one bad line must not end the thread)
                self.lose(1, _UNRENDERED)
        arrived = self._send(lines) if lines else not self._sink.failing
        if self._lost and arrived:
            self._report()

    def _send(self, lines: list[bytes]) -> bool:
        try:
            report = self._sink.write(b"".join(lines))
        except Exception as error:  # noqa: BLE001 (a sink must not end the thread)
            report = f"dropped {{}} log lines: {type(error).__name__}"
        if report:
            self.lose(len(lines), report)
        return report is None

    def _report(self) -> None:
        with self._counting:
            lost, self._lost = self._lost, Counter()
        shape = FORMATS[self.format]
        try:
            lines = [encode(shape(document_of(_loss(count, report)))) for report, count in lost.items()]
        except Exception:  # noqa: BLE001 (an ending interpreter lacks what it takes; the count is kept)
            with self._counting:
                self._lost += lost
            return
        self._send(lines)


def _loss(lines: int, report: str) -> Event:
    text = report.replace("{}", str(lines), 1)
    here = _loss.__code__
    origin = Origin(here.co_filename, here.co_name)
    return (
        *(time.time(), _WARNING, "voice_agent.logging", text, (), {}, {"lines": lines}),
        *(origin, here.co_firstlineno, None, None, None),
    )
