"""What is stored under the ids of calls erased before: a late turn, report, heartbeat or webhook."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import Timestamp
from pymongo.database import Database

from core.erasure.archived import is_filled
from core.storage.archive.archived_rows import find_archived, parts, read_part
from core.storage.collections import ACTIVE_CALLS, CALLS, HOOK_DELIVERIES, LOGS, TURNS
from core.storage.receipts import Receipts
from core.types import Document

_EVER = datetime.min.replace(tzinfo=UTC)
_BY_INDEX: Final = {CALLS: "_id", ACTIVE_CALLS: "_id", TURNS: "call_id"}
_BY_READING: Final = {LOGS: "call_id", HOOK_DELIVERIES: "call_id"}
"""Where every document has to be read for the ids of calls."""
_AT_ONCE = 200
"""How many turns the server sends at once: few are new since the last look."""


def late_calls(
    database: Database[Document],
    leads: Sequence[str] | None = None,
    *,
    everywhere: bool = False,
    since: datetime | None = None,
) -> list[str]:
    """Return the ids of erased calls under which something is stored again.

    A call that began after the erasure is a new one, even under an old id. Without any receipt, nothing is
    read.

    Args:
        database: the store.
        leads: only the calls of these; None: of anybody.
        everywhere: whether to look in the archive, logs and webhooks too, which have no index for it.
        since: look only at what was recorded since then, by the server's clock, and at heartbeats.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    receipts = Receipts()
    if not receipts.knows_calls(leads):
        return []
    ids = _ids(database, everywhere=everywhere) if since is None else _recorded_ids(database, since)
    found = {one for one in ids if receipts.covers_call(one, leads=leads)}
    rows = list(database[CALLS].find({"_id": {"$in": sorted(found)}}, {"start_time": 1}))
    if everywhere and found and is_filled(database):
        rows += find_archived(database, CALLS, "_id", sorted(found))
    new = {row["_id"] for row in rows if not receipts.covers_call(row["_id"], row.get("start_time"))}
    return sorted(found - new)


def calls_of_erased(database: Database[Document], since: datetime | None = None) -> dict[str, list[Any]]:
    """Return the stored calls of erased leads that began before the erasure, by lead; not archived ones.

    With ``since``, only of leads of whom a call was recorded since then, by the server's clock.

    Raises:
        PyMongoError: the database does not answer.
    """
    receipts, found = Receipts(), dict[str, list[Any]]()
    if not receipts.any:
        return found
    if since is None:
        known = _distinct(database, CALLS, "lead_id", {"lead_id": {"$type": "string"}})
    else:
        known = _recorded(database, "lead_id", since)
    leads = [one for one in known if receipts.covers(one, _EVER)]
    if not leads:
        return found  # the server would look through all calls for none
    for row in database[CALLS].find({"lead_id": {"$in": leads}}, {"lead_id": 1, "start_time": 1}):
        start, named = row.get("start_time"), row["lead_id"]
        # What another tool has stored may name several.
        for lead_id in [named] if isinstance(named, str) else [one for one in leads if one in named]:
            if receipts.covers(lead_id, start if isinstance(start, datetime) else _EVER):
                found.setdefault(lead_id, []).append(row["_id"])
    return found


def _ids(database: Database[Document], *, everywhere: bool) -> Iterator[str]:
    for name, field in (_BY_INDEX | _BY_READING if everywhere else _BY_INDEX).items():
        yield from _distinct(database, name, field, {})
    if everywhere:
        for collection, field in ((CALLS, "_id"), (TURNS, "call_id")):
            for part in parts(database, {"collection": collection}):
                yield from read_part(database, part, [field])[field].unique().to_pylist()


def _recorded_ids(database: Database[Document], since: datetime) -> Iterator[str]:
    yield from _distinct(database, ACTIVE_CALLS, "_id", {})
    yield from _recorded(database, "_id", since)
    yield from _of_new_turns(database, since)


def _recorded(database: Database[Document], field: str, since: datetime) -> Iterator[str]:
    """Yield the different texts in a field of the calls recorded since then."""
    query = {"recorded_at": {"$gte": Timestamp(since, 0)}}
    found = (row.get(field) for row in database[CALLS].find(query, {field: 1}))
    yield from {one for one in found if isinstance(one, str)}


def _of_new_turns(database: Database[Document], since: datetime) -> Iterator[str]:
    """Yield the ids of the calls of turns recorded since then.

    They are read in the order in which they were stored, the newest first: an index of when turns were
    recorded would cost something for every turn, and this costs only the new ones.
    """
    fields, mark = {"_id": 0, "call_id": 1, "recorded_at": 1}, Timestamp(since, 0)
    for row in database[TURNS].find({}, fields).sort("$natural", -1).batch_size(_AT_ONCE):
        at, call_id = row.get("recorded_at"), row.get("call_id")
        if isinstance(at, Timestamp) and at < mark:
            return
        if isinstance(call_id, str):
            yield call_id


def _distinct(database: Database[Document], name: str, field: str, query: Document) -> Iterator[str]:
    """Yield the texts in a field, from its index if there is one; too many for MongoDB's ``distinct``."""
    steps: list[Document] = [{"$match": query}, {"$sort": {field: 1}}, {"$group": {"_id": f"${field}"}}]
    rows = database[name].aggregate(steps, allowDiskUse=True)
    yield from (row["_id"] for row in rows if isinstance(row["_id"], str))
