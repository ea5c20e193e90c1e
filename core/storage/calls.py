"""Writing calls: one document a call, its ``_id`` the call_id, so that a repeat replaces."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo import ReplaceOne
from pymongo.database import Database

from core.models.metrics import SCHEMA_VERSION, CallMetrics
from core.storage.connection import DURABLE, Document

_OWN_FIELDS = ("recorded_at", "schema_version", "version")
_SAYS_NOTHING_NEW = {"recorded_at", "version"}


@dataclass(frozen=True)
class WriteCounts:
    """What a write did: ``unchanged`` of the ``replaced`` calls were stored exactly so already."""

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0


def version_now() -> int:
    """What orders the versions of one call: microseconds since 1970."""
    return time.time_ns() // 1_000


def to_document(call: CallMetrics, version: int) -> Document:
    """A call as it is stored. The server fills recorded_at in: an empty timestamp means its clock."""
    return {
        "_id": call.call_id,
        **call.model_dump(exclude={"call_id"}),
        "recorded_at": Timestamp(0, 0),
        "version": version,
        "schema_version": SCHEMA_VERSION,
    }


def from_document(document: Mapping[str, Any]) -> CallMetrics:
    """The call that a stored document holds."""
    fields = {key: value for key, value in document.items() if key not in (*_OWN_FIELDS, "_id")}
    return CallMetrics(call_id=document["_id"], **fields)


def _same(stored: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(stored.get(key) == value for key, value in new.items() if key not in _SAYS_NOTHING_NEW)


def _plan(
    documents: Mapping[str, Document], stored: Iterable[Document]
) -> tuple[list[ReplaceOne[Document]], WriteCounts]:
    present = {document["_id"]: document for document in stored}
    unchanged = {key for key, document in present.items() if _same(document, documents[key])}
    operations: list[ReplaceOne[Document]] = [
        # An upsert also where the call is new: another process may insert it meanwhile.
        ReplaceOne({"_id": key}, document, upsert=True)
        for key, document in documents.items()
        if key not in unchanged
    ]
    return operations, WriteCounts(len(documents) - len(present), len(present), len(unchanged))


def write_calls(database: Database[Document], calls: Sequence[CallMetrics]) -> WriteCounts:
    """Store calls durably (majority, journal); a call_id that is there already is replaced.

    A call that comes twice in ``calls`` counts as inserted once and replaced once; its last form stays.
    Calls stored exactly so already are left alone, their time of recording included.
    """
    version = version_now()
    documents = {call.call_id: to_document(call, version) for call in calls}
    collection = database.get_collection("calls", write_concern=DURABLE)
    operations, counts = _plan(documents, collection.find({"_id": {"$in": list(documents)}}))
    if operations:
        collection.bulk_write(operations, ordered=False)
    repeats = len(calls) - len(documents)
    return WriteCounts(counts.inserted, counts.replaced + repeats, counts.unchanged)
