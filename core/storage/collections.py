"""The indexes of every collection, made where they are missing."""

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from core.storage.recording.active_calls import FORGET_SECONDS
from core.storage.recording.processes import COLLECTION as PROCESSES
from core.storage.recording.processes import FORGET_SECONDS as FORGET_PROCESSES
from core.storage.server.connection import Document

_RESOLVED_FOR_SECONDS = 30 * 86_400
OUTBOX_SECONDS = 90 * 24 * 3600
"""How long it can be looked up what became of a message."""
INDEXES: dict[str, list[IndexModel]] = {
    "calls": [
        IndexModel([("start_time", ASCENDING)]),
        IndexModel([("end_time", ASCENDING)]),
        # With the start: which windows new calls fall in is read from the index alone.
        IndexModel([("recorded_at", ASCENDING), ("start_time", ASCENDING)]),
        IndexModel([("lead_id", ASCENDING)], partialFilterExpression={"lead_id": {"$type": "string"}}),
    ],
    "rollups_15m": [IndexModel([("read_at", ASCENDING)])],
    "turns": [IndexModel([("call_id", ASCENDING)]), IndexModel([("start_time", ASCENDING)])],
    "service_minutes": [IndexModel([("minute", ASCENDING)])],
    "active_calls": [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=FORGET_SECONDS)],
    PROCESSES: [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=FORGET_PROCESSES)],
    "archives": [IndexModel([("collection", ASCENDING), ("first", ASCENDING)])],
    "alerts": [
        IndexModel([("state", ASCENDING), ("started_at", DESCENDING)]),
        # The history stays in alert_events.
        IndexModel([("resolved_at", ASCENDING)], expireAfterSeconds=_RESOLVED_FOR_SECONDS),
    ],
    "alert_events": [
        IndexModel([("at", DESCENDING)]),
        IndexModel([("alert_id", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("key", ASCENDING)], unique=True, partialFilterExpression={"key": {"$type": "string"}}),
    ],
    "outbox": [
        IndexModel([("state", ASCENDING), ("created_at", ASCENDING)]),
        IndexModel([("channel", ASCENDING), ("recipient", ASCENDING), ("stream", ASCENDING)]),
        IndexModel([("done_at", ASCENDING)], expireAfterSeconds=OUTBOX_SECONDS),
    ],
    "silences": [IndexModel([("end", ASCENDING)])],
}

SHARD_KEYS: dict[str, Document] = {
    "calls": {"_id": "hashed"},
    "turns": {"_id": "hashed"},
    "service_minutes": {"_id": "hashed"},
    "logs": {"call_id": "hashed"},
}
"""The collections to shard on a cluster. MongoDB keeps ``_id`` unique across shards only as their key."""


def ensure_indexes(database: Database[Document]) -> None:
    """Create what is missing; does nothing on a store that has them all."""
    for collection, models in INDEXES.items():
        database[collection].create_indexes(models)
