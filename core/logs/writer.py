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

if TYPE_CHECKING:
    from core.logs.sinks.shipper import Shipper

CAPACITY = 20_000
"""Lines that may wait; further ones are dropped and counted."""
RESERVE = 2_000
"""Part of the capacity that only WARNING and above may use."""
GATHER_SECONDS = 0.02
"""How long a line waits for others, so that one write takes them all; an ERROR waits for none."""
LINES_PER_WRITE = 128
"""So many stay in the processor's cache from rendering to writing."""
FEW, LINES_PER_SHORT_WRITE = 512, 8
"""With few lines waiting, callers get their turn after as many: so long may an event loop be late."""
WRITES_PER_TURN = 4
"""With more waiting, they get it after so many writes: each turn costs as much as writing twenty lines."""
_TURNS_UNTIL_ASLEEP = 100
HURRY_AT = 4_096
"""From so many waiting lines on, the thread is asked to look at once."""
_WARNING, _ERROR = logging.WARNING, logging.ERROR
_CLOSING_SECONDS = 3.0
_FULL = "dropped {} log lines: the queue was full"
_UNRENDERED = "dropped {} log lines: they could not be rendered"


class Backlog(NamedTuple):
    """Lines that wait, and lines that did not arrive."""

    waiting: int
    dropped: int


class LogWriter:
    """Takes events without blocking or raising and writes their lines in order.

    A deque and a SimpleQueue may be entered again by a signal handler that logs; a Lock or an Event may not.
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
        """Begin empty; what a forked child inherited is its parent's to write."""
        self.queue: deque[Event | threading.Event] = deque()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        # Whether the thread is there and looks at the queue by itself: then an event may just be appended.
        self.calm = False
        self._thread: threading.Thread | None = None
        self._draining = threading.RLock()
        self._counting = threading.RLock()  # apart, so that no caller ever waits for a write
        self._lost: Counter[str] = Counter()
        self._dropped = 0

    @property
    def sink(self) -> Sink | Both:
        """Where lines go."""
        return self._sink

    @property
    def backlog(self) -> Backlog:
        """What waits here and in the shippers, and what was dropped since this process began."""
        return Backlog(len(self.queue) + sum(one.waiting for one in self.shippers), self._dropped)

    def find_span(self) -> ActiveSpan | None:
        """Look whether OpenTelemetry has been imported meanwhile; the thread looks at each of its turns."""
        if self.active_span is None:
            self.active_span = find_active_span()
        return self.active_span

    def put(self, level: int, event: Event) -> None:
        """Queue an event; when the queue is full it is dropped and counted."""
        queue = self.queue
        waiting = len(queue)
        if waiting >= self._room_below_warning and (level < _WARNING or waiting >= self._capacity):
            self.lose(1, _FULL)
            return
        queue.append(event)
        if level >= _ERROR or waiting >= HURRY_AT or not self.calm:
            self._stir()

    def _stir(self) -> None:
        """Have the thread look at the queue now; start it where there is none and still can be one."""
        if self._thread is None and not self._inline:
            self._start()
        if self._inline:
            self._drain()
        elif self._hurry.empty():
            self._hurry.put(None)

    def lose(self, lines: int, report: str) -> None:
        """Count lines that did not arrive; ``report``, with the count at ``{}``, is logged later."""
        with self._counting:
            self._lost[report] += lines
            self._dropped += lines

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything logged so far is written; False when ``timeout`` seconds pass first."""
        if self._inline or (self._thread is None and not self.queue and not self._lost):
            return True
        reached = threading.Event()
        self.queue.append(reached)
        self._stir()
        return reached.wait(timeout)

    def use(self, sink: Sink | Both) -> None:
        """Write what waits to the present sink and all that follows to another one."""
        self.flush()
        with self._draining:
            self._sink = sink

    def close(self) -> None:
        """Write what waits; lines logged even later are written by their callers."""
        if self.flush():
            # In this order: the thread looks at the one after it has set the other.
            self._inline = True
            self.calm = False
        for shipper in self.shippers:
            shipper.close(_CLOSING_SECONDS)
        if self._inline:
            self._drain()

    def _start(self) -> None:
        with self._counting:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                self._inline = True
                return
            self._thread = thread
        # A forked multiprocessing child ends without running atexit functions.
        if util := sys.modules.get("multiprocessing.util"):
            with suppress(Exception):
                util.Finalize(None, self.flush, exitpriority=0)

    def _run(self) -> None:
        idle_turns = 0
        while True:
            # Looking up every 20 ms spares callers the wake-up of a sleeping thread, which costs more
            # than the rest of a log call; only a process that has long been silent pays it once.
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
        """Write all that waits, some lines at a time, then what was lost; False if nothing waits."""
        queue = self.queue
        if not queue and not (self._lost and not self._sink.failing):
            return False
        with self._draining:
            few, writes = True, 0
            while True:
                few = few and len(queue) < FEW  # a backlog is written as one, to its end
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
                    time.sleep(0)  # callers first, until the backlog grows

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
