"""Recording for agents without an event loop: the methods of :class:`MetricsService` as plain calls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, Direction, ServiceSample, TurnMetrics
from core.pricing import priced
from core.storage.recording.active_calls import (
    BEAT_SECONDS,
    alive,
    ended,
    signal_active_blocking,
    started,
)
from core.storage.recording.recorder import record_blocking
from core.storage.recording.service_minutes import writer
from core.threads import start_daemon


class SyncMetricsService:
    """Records into the configured database, from any thread.

    Each call waits as long as its async counterpart.

    In an event loop use :class:`core.services.metrics_service.MetricsService`: these methods would block it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        writer.flush()

    def record_call_metrics(self, call: CallMetrics) -> None:
        """Store one call; returns when it is durable, in the database or in the spool."""
        record_blocking(None, [priced(call)])

    def record_call_report(self, report: CallReport) -> None:
        """Add what another source knows about a call, as the async method does."""
        record_blocking(None, [report])

    def record_turn(self, turn: TurnMetrics) -> None:
        """Store one exchange of a call, as durably as a call."""
        record_blocking(None, [turn])

    def record_service_call(self, sample: ServiceSample) -> None:
        """Count one request to the agent's API or to a service it uses."""
        writer.add(None, sample)

    def call_started(
        self,
        call_id: str,
        *,
        lead_id: str | None = None,
        direction: Direction | str | None = None,
        language: str = "unknown",
        campaign: str | None = None,
    ) -> None:
        """Count a call as active until ``call_ended``, or until 90 s pass without a ``call_heartbeat``."""
        about = {"lead_id": lead_id, "direction": direction, "language": language, "campaign": campaign}
        signal_active_blocking(started(call_id, **about))

    def call_heartbeat(self, call_id: str) -> None:
        """Report that a call is still active; every 30 s is enough."""
        signal_active_blocking(alive(call_id))

    def call_ended(self, call_id: str) -> None:
        """Stop counting a call as active."""
        signal_active_blocking(ended(call_id))

    @contextmanager
    def active_call(self, call_id: str, **about: Any) -> Iterator[None]:  # noqa: ANN401 (as call_started's)
        """Count a call as active while the block runs, heartbeats included."""
        self.call_started(call_id, **about)
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_SECONDS):
                self.call_heartbeat(call_id)

        start_daemon("active-call", beat)
        try:
            yield
        finally:
            over.set()
            self.call_ended(call_id)
