"""Recording calls and making their daily figures: what the agent and the scheduler call."""

from datetime import date, datetime, timedelta
from typing import Self

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

from core.clock import day_bounds, parse_date, utc_now
from core.models.metrics import CallMetrics, DailyMetrics
from core.settings import get_settings
from core.storage.connection import Document, database_for_loop
from core.storage.recorder import record
from core.storage.replay import replay

_OVERLAP_SECONDS = 60
"""A write may become visible a little after the server stamped it."""


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
        from core.aggregation.calls import load_calls_async  # noqa: PLC0415
        from core.aggregation.daily import daily_document, summarise_days  # noqa: PLC0415

        day = parse_date(day) if isinstance(day, str) else day
        calls = await load_calls_async(self._database, *day_bounds(day))
        (daily,) = summarise_days(calls, day, day)
        document = daily_document(daily)
        await self._database["daily_metrics"].replace_one({"_id": document["_id"]}, document, upsert=True)
        return daily

    async def aggregate_recent(self) -> list[date]:
        """Recompute the days that calls recorded since the last run fall in; the days recomputed.

        The watermark is the server's own time of recording, so that neither a late call nor a clock that
        differs is missed.
        """
        await replay(self._database)
        watermarks = self._database["heartbeats"]
        key = f"aggregation:{get_settings().timezone}"
        row = await watermarks.find_one({"_id": key})
        since = row["watermark"] if row else Timestamp(0, 0)
        newest, days = await self._touched_since(Timestamp(max(0, since.time - _OVERLAP_SECONDS), 0))
        for day in days:
            await self.aggregate_daily_metrics(day)
        if newest is not None:
            await watermarks.update_one(
                {"_id": key}, {"$max": {"watermark": newest}, "$set": {"at": utc_now()}}, upsert=True
            )
        return days

    async def _touched_since(self, since: Timestamp) -> tuple[Timestamp | None, list[date]]:
        day = {"$dateTrunc": {"date": "$start_time", "unit": "day", "timezone": get_settings().timezone}}
        pipeline: list[Document] = [
            {"$match": {"recorded_at": {"$gt": since}}},
            {"$group": {"_id": day, "newest": {"$max": "$recorded_at"}}},
            {"$sort": {"_id": 1}},
        ]
        groups = [group async for group in await self._database["calls"].aggregate(pipeline)]
        newest = max((group["newest"] for group in groups), default=None)
        return newest, [_local_date(group["_id"]) for group in groups]


def _local_date(day_start: datetime) -> date:
    # A day that begins at 01:00 for a change of clocks still lies in that date an hour later.
    return (day_start + timedelta(hours=1)).astimezone(get_settings().tz).date()
