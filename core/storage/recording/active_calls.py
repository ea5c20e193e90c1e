"""Active calls: one row each, counted while its last heartbeat is recent by the server's clock.

So a call whose process died stops counting, while one that lasts for hours continues to count. These rows are
never spooled: which calls were active a minute ago no longer matters.
"""

from datetime import datetime

import pymongo
from pydantic import BaseModel, ConfigDict, Field
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import BulkWriteError, WriteError

from core.logging_config import get_logger
from core.models.metrics import Direction, Language
from core.privacy.sensitive import stored_lead_id
from core.settings import get_settings
from core.storage.collections import ACTIVE_CALLS, DUPLICATE_KEY
from core.storage.readable import each_readable
from core.storage.recording.breaker import breaker
from core.storage.recording.deadlines import open_blocking, reason_of, within_wait
from core.storage.recording.write import POISON, UNFIT
from core.storage.restrictions import visible
from core.storage.server.connection import open_database
from core.types import Document

ALIVE_SECONDS = 90
"""Age of the last heartbeat after which a call no longer counts."""
BEAT_SECONDS = 30
"""How often a call sends a heartbeat; it may miss two."""
MOST_LISTED = 200
_ALIVE: Document = {
    "ended": False,
    # Neither long ago nor in the future, which a server's clock that was ahead may have left behind; another
    # tool may have written a text as a time, or nothing.
    "$expr": {
        "$cond": [
            {"$eq": [{"$type": "$seen_at"}, "date"]},
            {"$lt": [{"$abs": {"$subtract": ["$seen_at", "$$NOW"]}}, ALIVE_SECONDS * 1_000]},
            False,
        ]
    },
}

logger = get_logger("database")


class ActiveCall(BaseModel):
    """An active call. Times in UTC, by the server's clock."""

    model_config = ConfigDict(extra="ignore", use_enum_values=True)

    call_id: str = Field(min_length=1, max_length=256)
    lead_id: str | None = Field(default=None, max_length=256)
    direction: Direction | None = None
    language: Language = "unknown"
    campaign: str | None = Field(default=None, max_length=128)
    started_at: datetime | None = None
    seen_at: datetime | None = None


Change = tuple[Document, Document]
"""A query for the row, and the update to upsert it with."""


def started(call_id: str, **about: object) -> Change:
    """Count a call as active from now on; ``about`` are fields of :class:`ActiveCall`.

    Raises:
        ValidationError: a field is invalid.
    """
    call = ActiveCall.model_validate({"call_id": call_id, **about})
    if call.lead_id is not None:
        call.lead_id = stored_lead_id(call.lead_id)
    fields = call.model_dump(exclude_none=True, exclude={"call_id", "started_at", "seen_at"})
    now = {"seen_at": True, "started_at": True}
    return {"_id": call.call_id}, {"$set": {"ended": False, **fields}, "$currentDate": now}


def began(call_id: str, **about: object) -> Change:
    """Do the same as :func:`started`, reported late: a call that has ended stays ended.

    Raises:
        ValidationError: a field is invalid.
    """
    row, change = started(call_id, **about)
    return row | {"ended": {"$ne": True}}, change


def alive(call_id: str) -> Change:
    """Record a heartbeat; one that arrives late does not revive an ended call."""
    return {"_id": call_id}, {"$currentDate": {"seen_at": True}, "$setOnInsert": {"ended": False}}


def ended(call_id: str) -> Change:
    """Stop counting a call."""
    return {"_id": call_id}, {"$set": {"ended": True}, "$currentDate": {"seen_at": True}}


def count_active(database: Database[Document]) -> int:
    """Return how many calls are active now."""
    return database[ACTIVE_CALLS].count_documents(_ALIVE)


def count_active_by_direction(database: Database[Document]) -> dict[str, int]:
    """Return how many calls are active now, by direction; those without a known one are ``unknown``."""
    known = {"$in": ["$direction", list(Direction)]}
    group: Document = {"_id": {"$cond": [known, "$direction", "unknown"]}, "n": {"$sum": 1}}
    found = database[ACTIVE_CALLS].aggregate([{"$match": _ALIVE}, {"$group": group}])
    return {row["_id"]: row["n"] for row in found}


def list_active(database: Database[Document]) -> list[ActiveCall]:
    """Return the newest MOST_LISTED active calls; one that cannot be read is logged and left out."""
    rows = database[ACTIVE_CALLS].find(visible(database, _ALIVE)).sort("started_at", -1).limit(MOST_LISTED)
    return list(each_readable(rows, _active_call, ACTIVE_CALLS))


def _active_call(row: Document) -> ActiveCall:
    return ActiveCall.model_validate({**row, "call_id": row["_id"]})


async def signal_active(database: AsyncDatabase[Document] | None, *changes: Change) -> bool:
    """Record that calls began, continue or ended; return False if the database is away, which discards it.

    A change that the database will never accept is named in the log; it holds up neither the others nor
    what else is recorded.
    """
    if breaker.is_open():
        return False
    updates = [UpdateOne(*change, upsert=True) for change in changes]
    try:
        opened = await within_wait(open_database(database))
        await within_wait(opened[ACTIVE_CALLS].bulk_write(updates))
    except BulkWriteError as error:
        failures = error.details["writeErrors"]
        if not failures or failures[0]["code"] not in POISON | {DUPLICATE_KEY}:
            _not_counted(error)
            return False
        # With DUPLICATE_KEY, the row of `began` exists and has ended. Bulk writes are ordered, so the rest is
        # still to be done.
        if failures[0]["code"] != DUPLICATE_KEY:
            _unfit(error)
        rest = changes[failures[0]["index"] + 1 :]
        return await signal_active(database, *rest) if rest else True
    except UNFIT as error:
        if len(changes) > 1:  # the error does not say which
            return all([await signal_active(database, one) for one in changes])
        _unfit(error)
    except Exception as error:  # noqa: BLE001 (as in _store)
        _not_counted(error)
        return False
    return True


def signal_active_blocking(change: Change) -> None:
    """Do the same as :func:`signal_active` in the configured store, for code without an event loop."""
    if breaker.is_open():
        return
    wait = get_settings().record_wait_seconds
    try:
        opened = open_blocking(None, wait)
        with pymongo.timeout(wait):
            opened[ACTIVE_CALLS].update_one(*change, upsert=True)
    except UNFIT as error:
        _unfit(error)
    except WriteError as error:
        if error.code in POISON:
            _unfit(error)
        elif error.code != DUPLICATE_KEY:
            _not_counted(error)
    except Exception as error:  # noqa: BLE001 (as in _store)
        _not_counted(error)


def _not_counted(error: Exception) -> None:
    breaker.failed()
    logger.warning("Active calls are not counted: the database is away", extra={"reason": reason_of(error)})


def _unfit(error: Exception) -> None:
    logger.warning("An active call is not counted: it cannot be stored", extra={"reason": reason_of(error)})
