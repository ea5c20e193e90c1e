"""The background thread that renders and writes lines, and the bounded queue in front of it."""

import logging
import os
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from queue import Empty, SimpleQueue

from core.logs.record import Event, render
from core.logs.sinks import Sink

CAPACITY = 20_000
"""Lines that may wait; further ones are dropped and counted."""
RESERVE = 2_000
"""Part of the capacity that only WARNING and above may use."""
GATHER_SECONDS = 0.02
"""How long a line waits for others, so that one write takes them all; an ERROR waits for none."""
LINES_PER_WRITE = 512
_LINES_PER_TURN = 64
_TURNS_UNTIL_ASLEEP = 100
_HURRY_AT = 4_096
_FULL = "dropped {} log lines: the queue was full"
_UNRENDERED = "dropped {} log lines: they could not be rendered"


class LogWriter:
    """Takes events without blocking or raising and writes their lines in order.

    A SimpleQueue may be entered again by a signal handler that logs; a Lock or an Event may not.
    """

    def __init__(self, sink: Sink, capacity: int = CAPACITY, reserve: int = RESERVE) -> None:
        self._sink = sink
        self._capacity = capacity
        self._room_below_warning = capacity - reserve
        self._inline = False
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        """Begin empty; what a forked child inherited is its parent's to write."""
        self._queue: SimpleQueue[Event | threading.Event] = SimpleQueue()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._draining = threading.RLock()
        self._counting = threading.RLock()  # apart, so that no caller ever waits for a write
        self._lost: Counter[str] = Counter()

    @property
    def sink(self) -> Sink:
        """Where lines go."""
        return self._sink

    def put(self, event: Event) -> None:
        """Queue an event; when the queue is full it is dropped and counted."""
        waiting = self._queue.qsize()
        room = self._capacity if event.level >= logging.WARNING else self._room_below_warning
        if waiting >= room:
            self.lose(1, _FULL)
            return
        self._queue.put(event)
        if self._thread is None:
            self._start()
        if event.level >= logging.ERROR or (waiting >= _HURRY_AT and self._hurry.empty()):
            self._hurry.put(None)
        if self._inline:
            self._drain()

    def lose(self, lines: int, report: str) -> None:
        """Count lines that did not arrive; ``report``, with the count at ``{}``, is logged later."""
        with self._counting:
            self._lost[report] += lines

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything logged so far is written; False when ``timeout`` seconds pass first."""
        if self._inline or (self._thread is None and self._queue.empty() and not self._lost):
            return True
        reached = threading.Event()
        self._queue.put(reached)
        if self._thread is None:
            self._start()
        self._hurry.put(None)
        return reached.wait(timeout)

    def use(self, sink: Sink) -> None:
        """Write what waits to the present sink and all that follows to another one."""
        self.flush()
        with self._draining:
            self._sink = sink

    def close(self) -> None:
        """Write what waits; lines logged even later are written by their callers."""
        if self.flush():
            self._inline = True
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
            first = self._queue.get() if idle_turns > _TURNS_UNTIL_ASLEEP else None
            with suppress(Empty):
                self._hurry.get(timeout=GATHER_SECONDS)
            with suppress(Empty):
                while True:
                    self._hurry.get_nowait()
            idle_turns = 0 if self._drain(first) else idle_turns + 1

    def _drain(self, first: Event | threading.Event | None = None) -> bool:
        """Write all that waits, LINES_PER_WRITE at a time, then what was lost; False if nothing waits."""
        if first is None and self._queue.empty():
            return False
        with self._draining:
            batch = [] if first is None else [first]
            while batch or not self._queue.empty():
                with suppress(Empty):
                    while len(batch) < LINES_PER_WRITE:
                        batch.append(self._queue.get_nowait())
                self._write([item for item in batch if isinstance(item, tuple)])
                for item in batch:
                    if isinstance(item, threading.Event):
                        item.set()
                batch = []
        return True

    def _write(self, events: list[Event]) -> None:
        lines = []
        for count, event in enumerate(events, start=1):
            try:
                lines.append(render(event))
            except Exception:  # noqa: BLE001 - one bad line must not end the thread
                self.lose(1, _UNRENDERED)
            if count % _LINES_PER_TURN == 0 and self._queue.qsize() < _HURRY_AT:
                time.sleep(0)  # callers first, until the backlog grows
        arrived = self._send(lines) if lines else not self._sink.failing
        if self._lost and arrived:
            self._report()

    def _send(self, lines: list[bytes]) -> bool:
        try:
            report = self._sink.write(b"".join(lines))
        except Exception as error:  # noqa: BLE001 - a sink must not end the thread
            report = f"dropped {{}} log lines: {type(error).__name__}"
        if report:
            self.lose(len(lines), report)
        return report is None

    def _report(self) -> None:
        with self._counting:
            lost, self._lost = self._lost, Counter()
        self._send([render(_loss(count, report)) for report, count in lost.items()])


def _loss(lines: int, report: str) -> Event:
    code = _loss.__code__
    return Event(
        created=time.time(),
        level=logging.WARNING,
        level_name="WARNING",
        component="logging",
        message=report.replace("{}", str(lines), 1),
        context={},
        extras={"lines": lines},
        path=code.co_filename,
        line=code.co_firstlineno,
        function=code.co_name,
    )
