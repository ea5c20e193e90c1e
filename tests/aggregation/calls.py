"""Random calls that change after they were recorded, and the plain list of what they are in the end."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pymongo.database import Database

from core.models.metrics import CallMetrics
from core.storage.calls import to_document
from core.storage.connection import DURABLE, Document
from core.storage.dirty import mark_dirty
from core.storage.records import version_now

LATENCIES = ("asr_latency_ms", "tts_latency_ms", "llm_latency_ms", "e2e_latency_ms")


class Calls:
    """Random calls of a period, and the ones stored in the end, by call_id."""

    def __init__(self, database: Database[Document], seed: int, start: datetime, days: float) -> None:
        self._calls = database.get_collection("calls", write_concern=DURABLE)
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
            "end_reason": self._perhaps(["busy", "hung_up"]),
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
        """Store calls as the recorder does: the windows left behind are marked first."""
        for call in calls:
            before = self.stored.get(call.call_id)
            if before:
                mark_dirty(self._database, [before.start_time, call.start_time])
            document = to_document(call, version_now())
            self._calls.replace_one({"_id": call.call_id}, document, upsert=True)
            self.stored[call.call_id] = call

    def record_new(self, count: int) -> None:
        """Calls that were not there before."""
        first = len(self.stored)
        self.record(self.make(f"call_{first + number}_{count}") for number in range(count))

    def change(self, count: int) -> None:
        """Record calls again: as they were, with other values, or moved to another time."""
        for call_id in self.random.choice(list(self.stored), count, replace=False):
            call = self.stored[str(call_id)]
            how = self.random.random()
            if how < 0.3:
                self.record([call])
            elif how < 0.6:
                self.record([call.model_copy(update={"status": "failed", "asr_latency_ms": 77.0})])
            else:
                self.record([self.make(str(call_id))])

    def delete(self, count: int) -> None:
        """Take calls out of the store."""
        for call_id in self.random.choice(list(self.stored), count, replace=False):
            call = self.stored.pop(str(call_id))
            mark_dirty(self._database, [call.start_time])
            self._calls.delete_one({"_id": call.call_id})


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
