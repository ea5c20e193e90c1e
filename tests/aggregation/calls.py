"""Random calls that change after they were recorded, and the plain list of what they are in the end."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.storage.calls import delete_calls
from core.storage.server.connection import close_connections
from core.types import Document

LATENCIES = ("asr_latency_ms", "tts_latency_ms", "llm_latency_ms", "e2e_latency_ms")


class Calls:
    """Random calls of a period, and the ones stored in the end, by call_id."""

    def __init__(self, database: Database[Document], seed: int, start: datetime, days: float) -> None:
        self._database = database
        self.random = np.random.default_rng(seed)
        self.start, self.days = start, days
        self.stored: dict[str, CallMetrics] = {}

    def make(self, call_id: str) -> CallMetrics:
        """One random call; many values are missing, zero, constant or far out."""
        random = self.random
        started = self.start + timedelta(seconds=float(random.uniform(0, self.days * 86_400)))
        if random.random() < 0.1:
            started = started.replace(minute=int(random.choice([0, 15, 30, 45])), second=0, microsecond=0)
        status = str(random.choice(["completed", "failed", "no_answer"], p=[0.6, 0.15, 0.25]))
        turns = int(random.integers(0, 20))
        fields: dict[str, Any] = {
            "duration_seconds": self._perhaps([0.0, 30.0, float(random.pareto(1.5) * 60)]),
            "attempt": self._perhaps([1, 2, 3, 7]),
            "campaign": self._perhaps(["", "diwali", "top-up \u0938\u094b\u0928\u093e"]),
            "total_turns": self._perhaps([turns]),
            "user_turns": self._perhaps([turns // 2]),
            "interruptions": self._perhaps([0, 3]),
            "qualification_seconds": self._perhaps([float(random.gamma(3, 20))]),
            "sentiment_score": self._perhaps([-0.25, 0.25, 1.0, round(float(random.uniform(-1, 1)), 2)]),
            "end_reason": self._perhaps(["busy", "lost", "unknown"]),
            "fault": self._perhaps(["carrier", "agent"]),
        }
        for field in LATENCIES:
            fields[field] = self._perhaps([0.0, 2000.0, float(random.lognormal(6, 1.2))])
        errors = [
            {"type": str(random.choice(["asr_timeout", "tts_5xx"])), "fault": self._perhaps(["provider"])}
            for _ in range(int(random.choice([0, 0, 0, 1, 3])))
        ]
        cost = {name: self._perhaps([0.5, float(random.uniform(0, 3))]) for name in ("asr", "llm", "tts")}
        return CallMetrics.model_validate(
            {
                "call_id": call_id,
                "start_time": started,
                "status": status,
                "direction": str(random.choice(["outbound", "inbound"], p=[0.8, 0.2])),
                "language": str(random.choice(["hindi", "hinglish", "english"])),
                "qualification_completed": bool(random.random() < 0.4),
                "handoff_triggered": bool(random.random() < 0.3),
                "errors": errors,
                "cost": cost,
                **{name: value for name, value in fields.items() if value is not None},
            }
        )

    def _perhaps(self, values: list[Any]) -> Any:
        if self.random.random() < 0.3:
            return None
        return values[int(self.random.integers(len(values)))]

    def record(self, calls: Iterable[CallMetrics]) -> None:
        """Record calls as the agent does, all at the same time."""
        calls = list(calls)
        asyncio.run(_record(calls))
        self.stored.update((call.call_id, call) for call in calls)

    def record_new(self, count: int) -> None:
        """Calls that were not there before."""
        first = len(self.stored)
        self.record(self.make(f"call_{first + number}_{count}") for number in range(count))

    def change(self, count: int) -> None:
        """Record calls again: as they were, with other values, or moved to another time."""
        self.record(self._changed(call_id) for call_id in self._some(count))

    def _changed(self, call_id: str) -> CallMetrics:
        call, how = self.stored[call_id], self.random.random()
        if how < 0.3:
            return call
        if how < 0.6:
            return call.model_copy(update={"status": "failed", "asr_latency_ms": 77.0})
        return self.make(call_id)

    def delete(self, count: int) -> None:
        """Take calls out of the store; those in the archive stay."""
        there = [row["_id"] for row in self._database["calls"].find({}, {"_id": 1})]
        ids = [call_id for call_id in self._some(count) if call_id in there]
        delete_calls(self._database, {"_id": {"$in": ids}})
        for call_id in ids:
            del self.stored[call_id]

    def archive(self, count: int) -> None:
        """Move calls to the archive, as if they had been recorded, and refreshed, long ago."""
        refresh_rollups(self._database)
        long_ago = {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}}
        self._database["calls"].update_many({"_id": {"$in": self._some(count)}}, long_ago)
        archive_due(self._database)

    def _some(self, count: int) -> list[str]:
        return [str(call_id) for call_id in self.random.choice(list(self.stored), count, replace=False)]


async def _record(calls: Iterable[CallMetrics]) -> None:
    service = MetricsService()
    await asyncio.gather(*(service.record_call_metrics(call) for call in calls))
    await close_connections()


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
