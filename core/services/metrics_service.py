"""Recording calls and making their daily figures: what the agent and the scheduler call."""

import asyncio
from datetime import date
from typing import Self

from pymongo.asynchronous.database import AsyncDatabase

from core.clock import parse_date
from core.models.metrics import CallMetrics, DailyMetrics
from core.storage.connection import Document, blocking, database_for_loop
from core.storage.recorder import record
from core.storage.replay import replay


class MetricsService:
    """Records calls and aggregates them.

    ``db`` is a PyMongo ``AsyncDatabase``, or nothing: the configured one. One service may be used in
    several event loops, one after the other.
    """

    def __init__(self, db: AsyncDatabase[Document] | None = None) -> None:
        self._db = db

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None

    @property
    def _database(self) -> AsyncDatabase[Document]:
        return database_for_loop(self._db)

    async def record_call_metrics(self, call: CallMetrics) -> None:
        """Store one call; returns when it is durable. The same call_id again replaces it.

        Raises nothing for reasons of the store: what it does not take within RECORD_WAIT_SECONDS (2) is on
        this machine's disk when this returns, and is stored once the database is back.
        """
        await record(self._db, call)

    async def aggregate_daily_metrics(self, day: date | str) -> DailyMetrics:
        """Compute and store the figures of one local day (TIMEZONE).

        Args:
            day: a date, or text as ``2024-10-24``.

        Raises:
            UserError: the text is not a date.
        """
        # An agent that only records is spared pandas: a second at its start, 100 MB.
        from core.aggregation.daily import rebuild_days  # noqa: PLC0415

        day = parse_date(day) if isinstance(day, str) else day
        (daily,) = await asyncio.to_thread(lambda: rebuild_days(blocking(self._db), day, day))
        return daily

    async def aggregate_recent(self) -> list[date]:
        """Bring roll-ups and daily figures up to date with what was recorded since; the days that changed."""
        from core.aggregation.daily import refresh_days  # noqa: PLC0415 (see above)

        await replay(self._database)
        return await asyncio.to_thread(lambda: refresh_days(blocking(self._db)))
