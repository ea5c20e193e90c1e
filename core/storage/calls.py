"""Calls in the store: one document per call, with the call_id as its ``_id``, so that a repeat replaces."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pymongo import DeleteOne
from pymongo.database import Database

from core.logging_config import get_logger
from core.models.calls.parts import Compliance
from core.models.metrics import CallMetrics
from core.storage.collections import CALLS, TURNS
from core.storage.readable import each_readable
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.records import OWN_FIELDS, Record
from core.storage.recording.write import Outcome, Refusal, write
from core.storage.server.connection import DURABLE
from core.types import Document

logger = get_logger("database")
DELETED_AT_ONCE = 1_000


class RefusedCallError(Exception):
    """MongoDB will not store a call; the text says why."""


@dataclass(frozen=True)
class WriteCounts:
    """What a write did.

    ``unchanged`` counts those of ``replaced`` that were already stored exactly like this.

    ``outdated`` calls were not stored, because a later version had been stored by then.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    outdated: int = 0


def from_document(document: Mapping[str, Any]) -> CallMetrics:
    """Return the call of a stored document; invalid values that another version let pass are left out.

    Raises:
        ValidationError: something every call needs is missing or invalid; a value of a type that no call has
            may also raise the others of ``UNREADABLE``.
    """
    fields = {key: value for key, value in document.items() if key not in (*OWN_FIELDS, "_id")}
    try:
        return CallMetrics(call_id=str(document["_id"]), **fields)
    except ValidationError as error:
        # Errors about the call as a whole concern its duration.
        wrong = {str(*problem["loc"][:1]) or "duration_seconds" for problem in error.errors()}
        logger.warning(
            "Stored call has values that are none",
            extra={"call_id": document["_id"], "fields": sorted(wrong)},
        )
        fields = {key: value for key, value in fields.items() if key not in wrong}
        return CallMetrics(call_id=str(document["_id"]), **fields)


def readable(documents: Iterable[Document]) -> list[CallMetrics]:
    """Return the calls of stored documents; one that lacks what every call needs is logged and left out."""
    return list(each_readable(documents, from_document, CALLS))


def write_calls(database: Database[Document], calls: Sequence[CallMetrics]) -> WriteCounts:
    """Store calls durably (majority, journal); an existing call_id is replaced.

    A call that occurs twice in ``calls`` counts as inserted once and replaced once; its last version stays,
    and an opt-out of any. Calls stored exactly like this already keep their recorded_at.

    Raises:
        RefusedCallError: MongoDB will not store one of them; the others may be stored.
        PyMongoError: the database does not answer.
    """
    latest = _latest(calls)
    results = write(database, [Record.now(call) for call in latest.values()], fresh=True)
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


def _latest(calls: Sequence[CallMetrics]) -> dict[str, CallMetrics]:
    """Return the last of each call, with the opt-out of an earlier one, as if they had come one by one."""
    latest: dict[str, CallMetrics] = {}
    for call in calls:
        before = latest.get(call.call_id)
        latest[call.call_id] = call
        if before is not None and before.compliance is not None and before.compliance.opt_out:
            said = (call.compliance or Compliance()).model_copy(update={"opt_out": True})
            latest[call.call_id] = call.model_copy(update={"compliance": said})
    return latest


def delete_calls(database: Database[Document], query: Document) -> int:
    """Delete the calls of a query with their turns, and have their windows recomputed; return how many.

    Raises:
        PyMongoError: the database does not answer; running it again deletes the rest.
    """
    calls = database.get_collection(CALLS, write_concern=DURABLE)
    turns = database.get_collection(TURNS, write_concern=DURABLE)
    deleted = 0
    while found := calls.find(query, {"start_time": 1}).limit(DELETED_AT_ONCE).to_list():
        ids = {"$in": [call["_id"] for call in found]}
        turns.delete_many({"call_id": ids})
        if starts := [start for call in found if isinstance(start := call.get("start_time"), datetime)]:
            mark_dirty(database, starts)
        # A call that moved to another window since it was read is left for the next round.
        deletes = [DeleteOne({"_id": call["_id"], "start_time": call.get("start_time")}) for call in found]
        deleted += calls.bulk_write(deletes, ordered=False).deleted_count
    return deleted
