"""Calls that are going on: one row each, counted while its sign of life is young by the server's clock.

So a call whose process died stops counting, and one that lasts for hours goes on counting. These rows are
never spooled: what was going on a minute ago says nothing now.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pymongo.database import Database

from core.models.metrics import Direction, Language
from core.storage.server.connection import Document

COLLECTION = "active_calls"
ALIVE_SECONDS = 90
"""Age of the last sign of life from which on a call no longer counts."""
BEAT_SECONDS = 30
"""How often a call gives a sign of life: it may miss two."""
MOST_LISTED = 200
FORGET_SECONDS = 3_600
"""Rows are deleted so long after the last sign of life; until then an ended call stays ended."""
_ALIVE: Document = {
    "ended": False,
    "$expr": {"$gt": ["$seen_at", {"$subtract": ["$$NOW", ALIVE_SECONDS * 1_000]}]},
}


class ActiveCall(BaseModel):
    """A call that is going on. Times in UTC, by the server's clock."""

    model_config = ConfigDict(extra="ignore", use_enum_values=True)

    call_id: str = Field(min_length=1, max_length=256)
    lead_id: str | None = Field(default=None, max_length=256)
    direction: Direction | None = None
    language: Language = "unknown"
    campaign: str | None = Field(default=None, max_length=128)
    started_at: datetime | None = None
    seen_at: datetime | None = None


Change = tuple[Document, Document]
"""Which row, and what becomes of it; to be upserted."""


def started(call: ActiveCall) -> Change:
    """Count a call from now on."""
    fields = call.model_dump(exclude_none=True, exclude={"call_id", "started_at", "seen_at"})
    now = {"seen_at": True, "started_at": True}
    return {"_id": call.call_id}, {"$set": {"ended": False, **fields}, "$currentDate": now}


def alive(call_id: str) -> Change:
    """A sign of life; one that comes late does not bring an ended call back."""
    return {"_id": call_id}, {"$currentDate": {"seen_at": True}, "$setOnInsert": {"ended": False}}


def ended(call_id: str) -> Change:
    """Count a call no longer."""
    return {"_id": call_id}, {"$set": {"ended": True}, "$currentDate": {"seen_at": True}}


def count_active(database: Database[Document], direction: str | None = None) -> int:
    """How many calls are going on now."""
    return database[COLLECTION].count_documents(_ALIVE | ({"direction": direction} if direction else {}))


def list_active(database: Database[Document], limit: int = MOST_LISTED) -> list[ActiveCall]:
    """The calls that are going on now, the newest first."""
    rows = database[COLLECTION].find(_ALIVE).sort("started_at", -1).limit(limit)
    return [ActiveCall(call_id=row["_id"], **row) for row in rows]
