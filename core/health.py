"""Whether the system itself is well: what waits, what was lost, how far behind the figures are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.refresh import windows_key
from core.models.outbox import WAITING
from core.scheduler.heartbeat import Heartbeat, scheduler_heartbeat
from core.settings import get_settings
from core.storage import rollup_store
from core.storage.collections import CALLS, DIRTY_WINDOWS, OUTBOX, RULE_HEALTH
from core.storage.recording.active_calls import count_active
from core.storage.recording.processes import ProcessHealth, processes
from core.storage.recording.spool import SpoolStatus, spool_status
from core.storage.server.connection import server_time
from core.types import Document

LATE_AFTER = timedelta(hours=1)
"""A call recorded so long after it began came late: from the spool, or by an import."""
LATE_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class LateCalls:
    """Of the calls recorded in the last 24 hours: how many, how many came late, when the oldest began."""

    recorded: int
    late: int
    oldest: datetime | None


@dataclass(frozen=True)
class OutboxHealth:
    """Messages by state, and since when the oldest one waits."""

    states: dict[str, int]
    oldest_waiting: datetime | None


@dataclass(frozen=True)
class CollectionSize:
    """A collection's documents and their size in bytes, on the disk with its indexes."""

    name: str
    documents: int
    bytes: int


@dataclass(frozen=True)
class SystemHealth:
    """All of it at one moment; times in UTC, ``now`` by the database server's clock."""

    now: datetime
    active_calls: int
    heartbeat: Heartbeat | None
    rolled_up_until: datetime | None
    """Everything recorded before is in the roll-ups; None: there are none yet, figures come from calls."""
    dirty_windows: int
    spool: SpoolStatus
    outbox: OutboxHealth
    failing_rules: int
    oldest_call: datetime | None
    raw_retention_days: int
    processes: list[ProcessHealth]


def system_health(database: Database[Document]) -> SystemHealth:
    """How the system is.

    Raises:
        PyMongoError: the database does not answer.
    """
    until = rollup_store.until(database, windows_key())
    oldest = database[CALLS].find_one({}, {"start_time": 1}, sort=[("start_time", 1)])
    return SystemHealth(
        now=server_time(database),
        active_calls=count_active(database),
        heartbeat=scheduler_heartbeat(database),
        rolled_up_until=until.get(windows_key()),
        dirty_windows=database[DIRTY_WINDOWS].estimated_document_count(),
        spool=spool_status(),
        outbox=_outbox(database),
        failing_rules=database[RULE_HEALTH].count_documents({"errors": {"$gt": 0}}),
        oldest_call=oldest["start_time"] if oldest else None,
        raw_retention_days=get_settings().raw_retention_days,
        processes=processes(database),
    )


def _outbox(database: Database[Document]) -> OutboxHealth:
    states = {str(row["_id"]): row["n"] for row in database[OUTBOX].aggregate(_BY_STATE)}
    waits = {"state": {"$in": list(WAITING)}}
    waiting = database[OUTBOX].find_one(waits, sort=[("created_at", 1)])
    return OutboxHealth(states, waiting["created_at"] if waiting else None)


_BY_STATE: list[Document] = [{"$group": {"_id": "$state", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]


def late_calls(database: Database[Document]) -> LateCalls:
    """Calls of the last 24 hours that were recorded long after they began; read from an index alone."""
    since = server_time(database) - LATE_WITHIN
    delay = {"$subtract": [{"$toDate": "$recorded_at"}, "$start_time"]}
    late = {"$gt": [delay, int(LATE_AFTER.total_seconds() * 1_000)]}
    pipeline: list[Document] = [
        {"$match": {"recorded_at": {"$gte": Timestamp(since, 0)}}},
        {"$project": {"_id": 0, "start_time": 1, "late": late}},
        {
            "$group": {
                "_id": None,
                "recorded": {"$sum": 1},
                "late": {"$sum": {"$cond": ["$late", 1, 0]}},
                "oldest": {"$min": {"$cond": ["$late", "$start_time", None]}},
            }
        },
    ]
    row = next(iter(database[CALLS].aggregate(pipeline)), None)
    return LateCalls(row["recorded"], row["late"], row["oldest"]) if row else LateCalls(0, 0, None)


def collections(database: Database[Document]) -> list[CollectionSize]:
    """Every collection, the greatest first."""
    found = []
    for name in database.list_collection_names():
        if name.startswith("system."):
            continue
        (row,) = database[name].aggregate([{"$collStats": {"storageStats": {}}}])
        stats = row["storageStats"]
        found.append(CollectionSize(name, stats["count"], stats["storageSize"] + stats["totalIndexSize"]))
    return sorted(found, key=lambda collection: (-collection.bytes, collection.name))
