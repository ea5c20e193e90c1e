"""Stored roll-ups: one document per quarter hour with calls, one per local day and zone.

``read_at`` is the server's time just before the calls of a document were read. Of two computations of the
same span, the one that read later stays, whichever writes last. ``rollup_state`` says up to when everything
recorded is included.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any

from pymongo import ReplaceOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from core.storage.collections import (
    DUPLICATE_KEY,
    ROLLUP_STATE,
    ROLLUPS_15M,
)
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

_BATCH = 500
AHEAD = timedelta(minutes=1)
"""A stamp by the server's own clock that lies further in the future was made while that clock was ahead."""
KEEP_EVERY = timedelta(hours=1)
MOST_KEPT = 200
"""How many marks are kept: those of a week."""
INTERRUPTED = timedelta(minutes=10)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def day_id(zone: str, day: date) -> str:
    """Return the ``_id`` of a day's document in ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS and ROLLUPS_HOURLY."""
    return f"{zone}:{day}"


def day_of(identity: str) -> date:
    """Return the day whose document has this ``_id``.

    Raises:
        ValueError: it is none that :func:`day_id` made.
    """
    return date.fromisoformat(identity.rpartition(":")[2])


def replace_older(
    database: Database[Document], collection: str, rows: Iterable[Mapping[str, Any]], read_at: datetime
) -> None:
    """Store documents durably, unless what is stored was computed from a later read.

    A stored document that was read in the server's future dates from a time when its clock was ahead, and is
    replaced; so is one that does not say when it was read.

    Raises:
        PyMongoError: the database does not answer, or rejects a document.
    """
    target = database.get_collection(collection, write_concern=DURABLE)
    batch: list[ReplaceOne[Document]] = []
    future = server_time(database) + AHEAD
    for row in rows:
        stamps = ({"$lte": read_at}, {"$gt": future}, {"$not": {"$type": "date"}})
        older = {"_id": row["_id"], "$or": [{"read_at": stamp} for stamp in stamps]}
        batch.append(ReplaceOne(older, {**row, "read_at": read_at}, upsert=True))
        if len(batch) == _BATCH:
            _write(target, batch)
            batch = []
    if batch:
        _write(target, batch)


def of_other_form(database: Database[Document], collection: str, version: int, ids: Document) -> list[Any]:
    """Return the ids of documents that another version of this program wrote, and this one cannot read.

    That version may have been at work since this one last looked: a second scheduler that is upgraded later,
    or an upgrade that was taken back for a while.
    """
    query = {"_id": ids, "schema_version": {"$ne": version}}
    return [row["_id"] for row in database[collection].find(query, {"_id": 1})]


def _write(target: Any, batch: Sequence[ReplaceOne[Document]]) -> None:  # noqa: ANN401 (a generic class of PyMongo)
    try:
        target.bulk_write(batch, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise


def until(database: Database[Document], *keys: str) -> dict[str, datetime]:
    """Return, per key, up to when (by the server's clock) everything recorded is included.

    Keys that were never refreshed are missing. A mark in the future was made while that clock was ahead; then
    the latest plausible one counts.
    """
    return {row["_id"]: row["past"] for row in _states(database, keys) if row["past"] is not None}


def resume_from(database: Database[Document], key: str) -> datetime | None:
    """Return from when on a refresh must look at what was recorded; None means from the beginning.

    If the last refresh was long ago, its mark may have been in the future when it was made, so the mark
    before it is returned.
    """
    for row in _states(database, [key]):
        mark: datetime | None = row["past"]
        earlier = [kept for kept in row["earlier"] if mark is not None and kept < mark]
        late = mark is not None and row["now"] - mark > INTERRUPTED
        return earlier[-1] if late and earlier else mark
    return None


def ahead(database: Database[Document], key: str) -> timedelta | None:
    """Return how far a key's mark lies in the future by the server's clock; None if it does not."""
    for row in _states(database, [key]):
        if (away := row["until"] - row["now"]) > AHEAD:
            return timedelta(seconds=away.total_seconds())
    return None


def _times(array: object) -> Document:
    """Return an expression for the times in an array: what cannot be read as one counts for nothing."""
    return {"$filter": {"input": array, "cond": {"$eq": [{"$type": "$$this"}, "date"]}}}


_KEPT_MARKS = _times({"$cond": [{"$isArray": "$earlier"}, "$earlier", []]})


def _states(database: Database[Document], keys: Sequence[str]) -> list[Document]:
    latest = {"$add": ["$$NOW", _milliseconds(AHEAD)]}
    marks = {"$concatArrays": [_times(["$until"]), _KEPT_MARKS]}
    past = {"$max": {"$filter": {"input": marks, "cond": {"$lte": ["$$this", latest]}}}}
    until = {"$ifNull": [{"$first": _times(["$until"])}, "$$NOW"]}
    fields = {"until": until, "now": "$$NOW", "past": past, "earlier": {"$slice": [_KEPT_MARKS, -2]}}
    match = {"$match": {"_id": {"$in": list(keys)}}}
    return list(database[ROLLUP_STATE].aggregate([match, {"$project": fields}]))


def advance(database: Database[Document], key: str, moment: datetime) -> None:
    """Record that everything recorded before ``moment`` is included.

    An earlier one than known changes nothing.

    A known mark in the future is replaced all the same. Some earlier marks are kept, in case the clock turns
    out to have been ahead.
    """
    state = database.get_collection(ROLLUP_STATE, write_concern=DURABLE)
    known: Document = {"$ifNull": [{"$first": _times(["$until"])}, _NEVER]}
    wrong: Document = {"$gt": [known, {"$add": ["$$NOW", _milliseconds(AHEAD)]}]}
    last_kept = {"$ifNull": [{"$last": _KEPT_MARKS}, _NEVER]}
    old_enough: Document = {"$gte": [moment, {"$add": [last_kept, _milliseconds(KEEP_EVERY)]}]}
    sane = {"$filter": {"input": _KEPT_MARKS, "cond": {"$lte": ["$$this", moment]}}}
    earlier = {"$cond": [old_enough, {"$concatArrays": [sane, [moment]]}, sane]}
    change = {
        "until": {"$cond": [wrong, moment, {"$max": [known, moment]}]},
        "earlier": {"$slice": [earlier, -MOST_KEPT]},
    }
    state.update_one({"_id": key}, [{"$set": change}], upsert=True)


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def set_apart(database: Database[Document]) -> list[str]:
    """Return the ids of calls that could not be rolled up, those of the latest windows first."""
    # Sorted here: for a sort by _id the server may walk through every window instead of the sparse index.
    found = database[ROLLUPS_15M].find({"set_apart": {"$exists": True}}, {"set_apart": 1})
    rows = [row for row in found if isinstance(row["_id"], datetime) and isinstance(row["set_apart"], list)]
    rows.sort(key=itemgetter("_id"), reverse=True)
    return [call_id for row in rows for call_id in row["set_apart"]]


def ranges(windows: Sequence[datetime], width: timedelta) -> list[tuple[datetime, datetime]]:
    """Return half-open periods that cover ascending windows of that width, with adjacent ones joined."""
    joined: list[tuple[datetime, datetime]] = []
    for start in windows:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], start + width)
        else:
            joined.append((start, start + width))
    return joined
