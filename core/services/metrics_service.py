"""Record calls and compute daily figures: what the agent and the scheduler call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Self

from pymongo.asynchronous.database import AsyncDatabase

from core.clock import date_of
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, DailyMetrics, Direction, ServiceSample, TurnMetrics
from core.pricing import priced
from core.storage.recording.active_calls import BEAT_SECONDS, alive, ended, signal_active, started
from core.storage.recording.joining import join_calls, mark_lost
from core.storage.recording.recorder import record
from core.storage.recording.replay import replay
from core.storage.recording.service_minutes import writer
from core.storage.server.connection import blocking
from core.types import Document


class MetricsService:
    """Records calls and aggregates them.

    ``db`` is a PyMongo ``AsyncDatabase``; the configured one if left out. One service may be used in several
    event loops, one after the other, and by many tasks at once. ``async with`` is optional; on leaving, it
    writes what would otherwise be written within seconds. Code without an event loop uses
    :class:`core.services.sync_metrics_service.SyncMetricsService`.

    Recording methods raise no error of the store, and wait for it RECORD_WAIT_SECONDS (2) at most.
    """

    def __init__(self, db: AsyncDatabase[Document] | None = None) -> None:
        self._db = db

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(writer.flush)

    async def record_call_metrics(self, call: CallMetrics) -> None:
        """Store one call; returns when it is durable. Recording the same call_id again replaces it.

        What the database does not accept within RECORD_WAIT_SECONDS is on this machine's disk when this
        returns, and is stored once the database is back.
        """
        await record(self._db, priced(call))

    async def record_call_report(self, report: CallReport) -> None:
        """Add what another source knows about a call: a carrier's callback, a platform's analysis, a price.

        It fills in what it knows, by the precedence in docs/merging.md, and never blanks what another source
        has reported. Reports may come in any order, before or after the call itself, and more than once.
        """
        await record(self._db, report)

    async def record_turn(self, turn: TurnMetrics) -> None:
        """Store one exchange of a call, as durably as a call. Recording the same turn again replaces it."""
        await record(self._db, turn)

    def record_service_call(self, sample: ServiceSample) -> None:
        """Count one request to the agent's API or to a service it uses; not a coroutine, takes microseconds.

        Requests are summed per minute in this process and written every 10 s, and when it ends; kill -9 loses
        the last ones.
        """
        writer.add(self._db, sample)

    async def call_started(
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
        await signal_active(self._db, started(call_id, **about))

    async def call_heartbeat(self, call_id: str) -> None:
        """Report that a call is still active; every 30 s is enough."""
        await signal_active(self._db, alive(call_id))

    async def call_ended(self, call_id: str) -> None:
        """Stop counting a call as active."""
        await signal_active(self._db, ended(call_id))

    @asynccontextmanager
    async def active_call(self, call_id: str, **about: Any) -> AsyncIterator[None]:  # noqa: ANN401 (as call_started's)
        """Count a call as active while the block runs, heartbeats included.

        Args:
            call_id: the call.
            about: as for ``call_started``.
        """
        await self.call_started(call_id, **about)
        beating = asyncio.create_task(self._beat(call_id))
        try:
            yield
        finally:
            beating.cancel()
            await self.call_ended(call_id)

    async def _beat(self, call_id: str) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self.call_heartbeat(call_id)

    async def aggregate_daily_metrics(self, day: date | str) -> DailyMetrics:
        """Compute and store the figures of one local day (TIMEZONE).

        Args:
            day: a date, or text such as ``2024-10-24``; a datetime stands for its day in TIMEZONE.

        Raises:
            UserError: it is not a date.
        """
        day = date_of(day)

        def rebuild() -> DailyMetrics:
            # Imported here, so that an agent that only records is spared pandas: a second at its start, and
            # 100 MB. Others load it off the event loop.
            from core.aggregation.daily import rebuild_days  # noqa: PLC0415 (pandas)

            (daily,) = rebuild_days(blocking(self._db), day, day)
            return daily

        return await asyncio.to_thread(rebuild)

    async def aggregate_recent(self) -> list[date]:
        """Bring roll-ups and daily figures up to date with recent records; return the days that changed."""

        def refresh() -> list[date]:
            from core.aggregation.daily import refresh_days  # noqa: PLC0415 (pandas)
            from core.storage.archive.late_reports import bring_back  # noqa: PLC0415 (pyarrow)

            database = blocking(self._db)
            replay(database)
            mark_lost(database)
            bring_back(database)
            join_calls(database)
            return refresh_days(database)

        return await asyncio.to_thread(refresh)
