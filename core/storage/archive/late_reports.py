"""Reports about calls that are archived already: the call comes back whole, with the report added."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.storage import rollup_store
from core.storage.archive.archived_rows import CATALOGUE, Missed, find_archived
from core.storage.archive.known_ids import Field, perhaps_archived
from core.storage.archive.unread import look_from, note_looked
from core.storage.collections import CALLS
from core.storage.readable import each_readable
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.merging import merge, stamped
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

_MARK = "late_reports"
"""Under this key it is known up to when reports were looked up in the archive."""
OVERLAP = timedelta(minutes=10)
"""How much is looked up again: what was recorded while the last look or an archiving was under way."""
LOOK_BACK = timedelta(hours=6)
"""How recent reports are looked up the first time."""
AT_ONCE = 10_000
_TRIES = 20


def bring_back(database: Database[Document], since: datetime | None = None) -> int:
    """Bring back the archived calls that reports have arrived for; return how many.

    A report that names the call by the agent's id is merged with it. If it uses the source's own id, the call
    is put back for :func:`core.storage.recording.joining.join_calls` to fold the report into. The next
    refresh removes the archived rows, as for any call that is recorded again. Calls in a file that cannot be
    read are looked up again for a day.

    Args:
        database: the store.
        since: from when on what was recorded is looked up, by the server's clock; since the last time if left
            out.

    Raises:
        PyMongoError: the database does not answer; the next run brings back the rest.
    """
    now = server_time(database)
    if database[CATALOGUE].find_one({}, {"_id": 1}) is None:
        return 0
    looked = rollup_store.resume_from(database, _MARK) or now - LOOK_BACK
    missed: Missed = []
    begin = look_from(database, "unread_reports", since or looked - OVERLAP)
    recorded = {"recorded_at": {"$gte": Timestamp(begin, 0)}}
    merged = _merge_alone(database, recorded, missed)
    waiting = recorded | {"unjoined": True}
    theirs: dict[str, Document] = {}
    for archived in _archived(database, waiting, "provider_call_id", missed):
        if archived["_id"] != archived["provider_call_id"]:
            known = theirs.setdefault(archived["provider_call_id"], archived)
            theirs[archived["provider_call_id"]] = max(known, archived, key=_began)
    put_back = sum(_put_back(database, archived) for archived in theirs.values())
    note_looked(database, "unread_reports", begin, whole=not missed)
    if since is None:
        rollup_store.advance(database, _MARK, now)
    return merged + put_back


def bring_back_before(database: Database[Document], before: datetime) -> int:
    """Bring back the archived calls of reports that are about to be archived themselves; return how many.

    Their files could not be read when the reports came. In the archive a call is replaced by what was
    recorded of it later, which must not be a report alone.

    Raises:
        PyMongoError: the database does not answer.
    """
    return _merge_alone(database, {"recorded_at": {"$lt": Timestamp(before, 0)}}, [])


def _merge_alone(database: Database[Document], recorded: Document, missed: Missed) -> int:
    """Merge what sources other than the agent reported then with the archived calls of the same ids."""
    alone = recorded | {"sources": {"$type": "object"}, "sources.agent": None}
    found = _archived(database, alone, "_id", missed)
    return sum(each_readable(found, lambda archived: _merge(database, archived), CALLS))


def _archived(database: Database[Document], query: Document, field: Field, missed: Missed) -> list[Document]:
    """Return the archived calls that have the ids of stored ones in a field."""
    ids = (str(row["_id"]) for row in database[CALLS].find(query, {"_id": 1}))
    perhaps = [one for part in _batches(ids) for one in perhaps_archived(database, part, missed, field)]
    return find_archived(database, CALLS, field, perhaps, missed) if perhaps else []


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _began(call: Document) -> tuple[datetime, str]:
    return call["start_time"], call["_id"]


def _merge(database: Database[Document], archived: Document) -> bool:
    """Merge an archived call into what is stored of it, even while others change that."""
    calls = database.get_collection(CALLS, write_concern=DURABLE)
    for _ in range(_TRIES):
        stored = calls.find_one({"_id": archived["_id"]})
        if stored is None:
            return False
        call = stamped(merge(archived, stored), archived, stored)
        moments = (archived.get("start_time"), stored.get("start_time"), call.get("start_time"))
        mark_dirty(database, [moment for moment in moments if moment])
        unchanged = {"_id": stored["_id"], "version": stored.get("version")}
        if calls.replace_one(unchanged, call).matched_count:
            return True
    return False


def _put_back(database: Database[Document], archived: Document) -> bool:
    """Store an archived call again, unless it is stored."""
    mark_dirty(database, [archived["start_time"]])
    try:
        database.get_collection(CALLS, write_concern=DURABLE).insert_one(stamped(archived, archived))
    except DuplicateKeyError:
        return False
    return True
