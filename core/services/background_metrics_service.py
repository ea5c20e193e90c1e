"""Record on a separate thread, for code that must not wait at all, such as an audio pipeline."""

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from core.logging_config import get_logger
from core.models.metrics import CallMetrics, ServiceSample, TurnMetrics
from core.services.sync_metrics_service import SyncMetricsService
from core.sigterm import before_sigterm
from core.storage.recording.active_calls import BEAT_SECONDS
from core.threads import at_child_end, start_daemon

logger = get_logger("metrics")
END_SECONDS = 15.0
"""How long the end of the process waits for what is not recorded yet."""
Work = Callable[[], None]


class BackgroundMetricsService:
    """The methods of :class:`SyncMetricsService`, each taking only microseconds.

    One thread records in the order of the calls to it, and sends heartbeats for started calls every
    BEAT_SECONDS. What waits when the process ends is recorded first, within END_SECONDS; kill -9 loses it.
    """

    def __init__(self) -> None:
        self._service = SyncMetricsService()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.flush, END_SECONDS)
        before_sigterm(self.flush)

    def _begin(self) -> None:
        self._work: SimpleQueue[Work] = SimpleQueue()
        self._thread: Thread | None = None
        self._going: set[str] = set()

    def record_call_metrics(self, call: CallMetrics) -> None:
        """Queue a call for storing."""
        self._put(lambda: self._service.record_call_metrics(call))

    def record_turn(self, turn: TurnMetrics) -> None:
        """Queue one exchange of a call for storing."""
        self._put(lambda: self._service.record_turn(turn))

    def record_service_call(self, sample: ServiceSample) -> None:
        """Queue one request to a service for counting."""
        self._put(lambda: self._service.record_service_call(sample))

    def call_started(self, call_id: str, **about: Any) -> None:  # noqa: ANN401 (as SyncMetricsService's)
        """Count a call as active until :meth:`call_ended`; heartbeats are sent for it."""

        def start() -> None:
            self._going.add(call_id)
            self._service.call_started(call_id, **about)

        self._put(start)

    def call_ended(self, call_id: str) -> None:
        """Stop counting a call as active."""

        def end() -> None:
            self._going.discard(call_id)
            self._service.call_ended(call_id)

        self._put(end)

    def flush(self, seconds: float = END_SECONDS) -> bool:
        """Wait until everything queued is recorded; return whether that took at most ``seconds``."""
        if self._thread is None:
            return True
        done = Event()
        self._put(done.set)
        return done.wait(seconds)

    def _put(self, work: Work) -> None:
        self._work.put(work)
        if self._thread is None:
            self._thread = start_daemon("background-metrics", self._run)
            if self._thread is not None:
                at_child_end(self.flush)
        if self._thread is None:
            self._work_here()

    def _work_here(self) -> None:
        """Do what is queued on the caller's thread, because there can be no other."""
        with suppress(Empty):
            while True:
                self._try(self._work.get_nowait())

    def _run(self) -> None:
        next_beat = time.monotonic() + BEAT_SECONDS
        while True:
            try:
                work = self._work.get(timeout=max(0.0, next_beat - time.monotonic()))
            except Empty:
                next_beat = time.monotonic() + BEAT_SECONDS
                for call_id in tuple(self._going):
                    self._try(lambda call_id=call_id: self._service.call_heartbeat(call_id))  # type: ignore[misc]
            else:
                self._try(work)

    def _try(self, work: Work) -> None:
        try:
            work()
        except Exception:
            logger.exception("A record cannot be handed over")
