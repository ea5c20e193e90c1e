"""Calls in the store: one document a call, its ``_id`` the call_id, so that a repeat replaces."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pymongo import DeleteOne
from pymongo.database import Database

from core.logging_config import get_logger
from core.models.metrics import CallMetrics
from core.storage.collections import CALLS, TURNS
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.records import CALL_KIND, OWN_FIELDS, Record
from core.storage.recording.write import Outcome, Refusal, write
from core.storage.server.connection import DURABLE
from core.types import Document

logger = get_logger("database")
DELETED_AT_ONCE = 1_000


class RefusedCallError(Exception):
    """MongoDB will not store a call; the text says why."""


@dataclass(frozen=True)
class WriteCounts:
    """What a write did: ``unchanged`` of the ``replaced`` calls were stored exactly so already.

    ``outdated`` ones are not stored: somebody stored a later form meanwhile.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    outdated: int = 0


def to_document(call: CallMetrics, version: int) -> Document:
    """A call as it is stored."""
    return Record(CALL_KIND, call, version).to_document()


def from_document(document: Mapping[str, Any]) -> CallMetrics:
    """The call that a stored document holds; a value that is none, as another version let pass, is left out.

    Raises:
        ValidationError: what every call needs is not there, or makes no sense.
    """
    fields = {key: value for key, value in document.items() if key not in (*OWN_FIELDS, "_id")}
    try:
        return CallMetrics(call_id=str(document["_id"]), **fields)
    except ValidationError as error:
        # What the model says of the call as a whole is about its duration.
        wrong = {str(*problem["loc"][:1]) or "duration_seconds" for problem in error.errors()}
        logger.warning(
            "Stored call has values that are none",
            extra={"call_id": document["_id"], "fields": sorted(wrong)},
        )
        fields = {key: value for key, value in fields.items() if key not in wrong}
        return CallMetrics(call_id=str(document["_id"]), **fields)


def readable(documents: Iterable[Mapping[str, Any]]) -> list[CallMetrics]:
    """The calls that stored documents hold; one that lacks what every call needs is named, and left out."""
    found = []
    for document in documents:
        try:
            found.append(from_document(document))
        except ValidationError:
            logger.exception("Stored call cannot be read", extra={"call_id": document["_id"]})
    return found


def write_calls(database: Database[Document], calls: Sequence[CallMetrics]) -> WriteCounts:
    """Store calls durably (majority, journal); a call_id that is there already is replaced.

    A call that comes twice in ``calls`` counts as inserted once and replaced once; its last form stays.
    Calls stored exactly so already keep their time of recording.

    Raises:
        RefusedCallError: MongoDB will not store one of them; the others may be stored.
        PyMongoError: the database does not answer.
    """
    latest = {call.call_id: Record.now(call) for call in calls}
    results = write(database, list(latest.values()), fresh=True)
    for call_id, result in zip(latest, results, strict=True):
        if isinstance(result, Refusal):
            raise RefusedCallError(f"{call_id}: {result.reason}")
    counts = Counter(results)
    repeats = len(calls) - len(latest)
    return WriteCounts(
        inserted=counts[Outcome.INSERTED],
        replaced=counts[Outcome.REPLACED] + counts[Outcome.UNCHANGED] + repeats,
        unchanged=counts[Outcome.UNCHANGED],
        outdated=counts[Outcome.OUTDATED],
    )


def delete_calls(database: Database[Document], query: Document) -> int:
    """Delete the calls of a query with their turns, and have their windows recomputed; how many there were.

    Raises:
        PyMongoError: the database does not answer; what is left is deleted by the next time.
    """
    calls = database.get_collection(CALLS, write_concern=DURABLE)
    turns = database.get_collection(TURNS, write_concern=DURABLE)
    deleted = 0
    while found := calls.find(query, {"start_time": 1}).limit(DELETED_AT_ONCE).to_list():
        ids = {"$in": [call["_id"] for call in found]}
        turns.delete_many({"call_id": ids})
        if starts := [start for call in found if isinstance(start := call.get("start_time"), datetime)]:
            mark_dirty(database, starts)
        # One that moved to another window since it was read is left for the next round.
        deletes = [DeleteOne({"_id": call["_id"], "start_time": call.get("start_time")}) for call in found]
        deleted += calls.bulk_write(deletes, ordered=False).deleted_count
    return deleted
