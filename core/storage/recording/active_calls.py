"""Calls that are going on: one row each, counted while its sign of life is young by the server's clock.

So a call whose process died stops counting, and one that lasts for hours goes on counting. These rows are
never spooled: what was going on a minute ago says nothing now.
"""

from datetime import datetime

import pymongo
from pydantic import BaseModel, ConfigDict, Field
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from core.logging_config import get_logger
from core.models.metrics import Direction, Language
from core.privacy.sensitive import stored_lead_id
from core.settings import get_settings
from core.storage.collections import ACTIVE_CALLS, DUPLICATE_KEY
from core.storage.recording.breaker import breaker
from core.storage.recording.deadlines import open_blocking, reason_of, within_wait
from core.storage.restrictions import visible
from core.storage.server.connection import open_database
from core.types import Document

ALIVE_SECONDS = 90
"""Age of the last sign of life from which on a call no longer counts."""
BEAT_SECONDS = 30
"""How often a call gives a sign of life: it may miss two."""
MOST_LISTED = 200
_ALIVE: Document = {
    "ended": False,
    # Neither long ago nor in a future that the server's clock was ahead into.
    "$expr": {"$lt": [{"$abs": {"$subtract": ["$seen_at", "$$NOW"]}}, ALIVE_SECONDS * 1_000]},
}

logger = get_logger("database")


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


def started(call_id: str, **about: object) -> Change:
    """Count a call from now on; ``about`` are fields of :class:`ActiveCall`.

    Raises:
        ValidationError: a field cannot be used.
    """
    call = ActiveCall.model_validate({"call_id": call_id, **about})
    if call.lead_id is not None:
        call.lead_id = stored_lead_id(call.lead_id)
    fields = call.model_dump(exclude_none=True, exclude={"call_id", "started_at", "seen_at"})
    now = {"seen_at": True, "started_at": True}
    return {"_id": call.call_id}, {"$set": {"ended": False, **fields}, "$currentDate": now}


def began(call_id: str, **about: object) -> Change:
    """The same as :func:`started`, for who tells it late: a call that has ended stays so.

    Raises:
        ValidationError: a field cannot be used.
    """
    row, change = started(call_id, **about)
    return row | {"ended": {"$ne": True}}, change


def alive(call_id: str) -> Change:
    """A sign of life; one that comes late does not bring an ended call back."""
    return {"_id": call_id}, {"$currentDate": {"seen_at": True}, "$setOnInsert": {"ended": False}}


def ended(call_id: str) -> Change:
    """Count a call no longer."""
    return {"_id": call_id}, {"$set": {"ended": True}, "$currentDate": {"seen_at": True}}


def count_active(database: Database[Document], direction: str | None = None) -> int:
    """How many calls are going on now."""
    return database[ACTIVE_CALLS].count_documents(_ALIVE | ({"direction": direction} if direction else {}))


def count_active_by_direction(database: Database[Document]) -> dict[str, int]:
    """How many calls are going on now, by direction; those that say none are ``unknown``."""
    group: Document = {"_id": {"$ifNull": ["$direction", "unknown"]}, "n": {"$sum": 1}}
    found = database[ACTIVE_CALLS].aggregate([{"$match": _ALIVE}, {"$group": group}])
    return {row["_id"]: row["n"] for row in found}


def list_active(database: Database[Document], limit: int = MOST_LISTED) -> list[ActiveCall]:
    """The calls that are going on now, the newest first; but those of leads that are hidden, which count."""
    rows = database[ACTIVE_CALLS].find(visible(database, _ALIVE)).sort("started_at", -1).limit(limit)
    return [ActiveCall(call_id=row["_id"], **row) for row in rows]


async def signal_active(database: AsyncDatabase[Document] | None, *changes: Change) -> bool:
    """Note that calls began, go on or ended; False where the database is away, which forgets it."""
    if breaker.is_open():
        return False
    updates = [UpdateOne(*change, upsert=True) for change in changes]
    try:
        opened = await within_wait(open_database(database))
        await within_wait(opened[ACTIVE_CALLS].bulk_write(updates))
    except BulkWriteError as error:
        # The row of `began` is there, and ended. Bulk writes are ordered: the rest is still to be done.
        failed = error.details["writeErrors"][0]
        if failed["code"] != DUPLICATE_KEY:
            _not_counted(error)
            return False
        rest = changes[failed["index"] + 1 :]
        return await signal_active(database, *rest) if rest else True
    except Exception as error:  # noqa: BLE001 (as in _store)
        _not_counted(error)
        return False
    return True


def signal_active_blocking(database: AsyncDatabase[Document] | None, change: Change) -> None:
    """The same as :func:`signal_active` for code without an event loop."""
    if breaker.is_open():
        return
    wait = get_settings().record_wait_seconds
    try:
        opened = open_blocking(database, wait)
        with pymongo.timeout(wait):
            opened[ACTIVE_CALLS].update_one(*change, upsert=True)
    except Exception as error:  # noqa: BLE001 (as in _store)
        _not_counted(error)


def _not_counted(error: Exception) -> None:
    breaker.failed()
    logger.warning("Active calls are not counted: the database is away", extra={"reason": reason_of(error)})
