"""Reports of calls that are archived already: the call comes back whole, with what they say added to it."""

from datetime import timedelta

from bson import Timestamp
from pymongo.database import Database

from core.storage.archive.archived_rows import find_archived
from core.storage.archive.known_ids import perhaps_archived
from core.storage.collections import CALLS
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.merging import merge, stamped
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

LOOK_BACK = timedelta(hours=6)
"""Reports recorded so lately are held against the archive, at each refresh."""
AT_ONCE = 1_000


def bring_back(database: Database[Document]) -> int:
    """Merge reports that came for archived calls with those calls; how many there were.

    The next refresh takes the archived rows away, as those of any call that is recorded again.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer; the rest is brought back by the next run.
    """
    calls = database.get_collection(CALLS, write_concern=DURABLE)
    query = {
        "recorded_at": {"$gte": Timestamp(server_time(database) - LOOK_BACK, 0)},
        "sources": {"$type": "object"},
        "sources.agent": None,
    }
    alone = {row["_id"]: row for row in calls.find(query).limit(AT_ONCE)}
    ids = perhaps_archived(database, list(alone)) if alone else []
    brought = 0
    for archived in find_archived(database, CALLS, "_id", ids) if ids else []:
        stored = alone[archived["_id"]]
        call = stamped(merge(archived, stored), archived, stored)
        moments = (archived.get("start_time"), stored.get("start_time"), call.get("start_time"))
        mark_dirty(database, [moment for moment in moments if moment])
        unchanged = {"_id": stored["_id"], "version": stored["version"]}
        brought += calls.replace_one(unchanged, call).matched_count
    return brought
