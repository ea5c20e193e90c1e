"""Stored roll-ups: one document for each quarter hour with calls, one for each local day and zone.

``read_at`` is the server's time just before what a document was computed from was read: of two computations
of the same span the one that read later stays, whoever writes last. ``rollup_state`` says up to when all that
was recorded is in them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pymongo import ReplaceOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from core.storage.collections import (
    DUPLICATE_KEY,
    ROLLUP_STATE,
    ROLLUPS_15M,
)
from core.storage.server.connection import DURABLE
from core.types import Document

_BATCH = 500


def day_id(zone: str, day: date) -> str:
    """The ``_id`` of a day's document in ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS and ROLLUPS_HOURLY."""
    return f"{zone}:{day}"


def replace_older(
    database: Database[Document], collection: str, rows: Iterable[Mapping[str, Any]], read_at: datetime
) -> None:
    """Store documents durably unless what is there was computed from a later reading.

    Raises:
        PyMongoError: the database does not answer or refuses.
    """
    target = database.get_collection(collection, write_concern=DURABLE)
    batch: list[ReplaceOne[Document]] = []
    for row in rows:
        older = {"_id": row["_id"], "read_at": {"$lte": read_at}}
        batch.append(ReplaceOne(older, {**row, "read_at": read_at}, upsert=True))
        if len(batch) == _BATCH:
            _write(target, batch)
            batch = []
    if batch:
        _write(target, batch)


def _write(target: Any, batch: Sequence[ReplaceOne[Document]]) -> None:  # noqa: ANN401 (a generic class of PyMongo)
    try:
        target.bulk_write(batch, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise


def until(database: Database[Document], *keys: str) -> dict[str, datetime]:
    """Of each key that was ever refreshed: up to when, by the server's clock, everything recorded is in."""
    return {row["_id"]: row["until"] for row in database[ROLLUP_STATE].find({"_id": {"$in": list(keys)}})}


def advance(database: Database[Document], key: str, moment: datetime) -> None:
    """All that was recorded before the moment is in; an earlier one than is known changes nothing."""
    state = database.get_collection(ROLLUP_STATE, write_concern=DURABLE)
    state.update_one({"_id": key}, {"$max": {"until": moment}}, upsert=True)


def set_apart(database: Database[Document]) -> list[str]:
    """Ids of the calls that could not be rolled up, those of the latest windows first."""
    rows = database[ROLLUPS_15M].find({"set_apart": {"$exists": True}}, {"set_apart": 1}).sort("_id", -1)
    return [call_id for row in rows for call_id in row["set_apart"]]


def ranges(windows: Sequence[datetime], width: timedelta) -> list[tuple[datetime, datetime]]:
    """Half-open periods that cover ascending windows of that width, neighbours joined."""
    joined: list[tuple[datetime, datetime]] = []
    for start in windows:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], start + width)
        else:
            joined.append((start, start + width))
    return joined
