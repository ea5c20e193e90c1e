"""The system's own health: what waits, what was lost, how far the figures are behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bson import Timestamp
from pymongo.database import Database

from core.aggregation.activity import oldest_call_start
from core.aggregation.rollups.refresh import windows_key
from core.models.outbox import WAITING
from core.scheduler.heartbeat import Heartbeat, scheduler_heartbeat
from core.scheduler.journal import ROLL_UPS, Failure, Journal
from core.settings import get_settings
from core.storage import rollup_store
from core.storage.collections import A_TIME, CALLS, DIRTY_WINDOWS, OUTBOX, RULE_HEALTH
from core.storage.recording.active_calls import count_active
from core.storage.recording.processes import ProcessHealth, processes
from core.storage.recording.spool import SpoolStatus, spool_status
from core.storage.server.connection import server_time
from core.types import Document

LATE_AFTER = timedelta(hours=1)
"""A call recorded this long after it began came late: from the spool, or from an import."""
LATE_WITHIN = timedelta(hours=24)
STALE_AFTER = timedelta(minutes=10)
"""The scheduler refreshes roll-ups every minute, so older ones are stale."""
MOST_NAMED = 100


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
    """A collection's number of documents and its size on disk in bytes, indexes included."""

    name: str
    documents: int
    bytes: int


class RollUpState(StrEnum):
    """The state of the roll-ups."""

    CURRENT = "current"
    NONE = "none"
    STALE = "stale"
    AHEAD = "ahead"
    FAILING = "failing"


@dataclass(frozen=True)
class RollUpHealth:
    """How far the roll-ups reach, and what is missing from them.

    Figures are right all the same, only slower to draw: anything newer is read from the calls. The exception
    are calls ``set_apart``, which no refresh could read; they are in no figure.
    """

    now: datetime
    until: datetime | None
    """Everything recorded before this is included; None if there are no roll-ups yet."""
    ahead: timedelta | None
    """How far in the future the last refresh lies, if the database's clock was ahead then."""
    waiting: int
    """Quarter hours marked for recomputation."""
    set_apart: list[str]
    failing: Failure | None

    @property
    def lag(self) -> timedelta | None:
        """Return the age of the newest call that is certainly included."""
        return max(self.now - self.until, timedelta(0)) if self.until else None

    @property
    def state(self) -> RollUpState:
        """Return the most important thing about it."""
        if self.failing:
            return RollUpState.FAILING
        if self.ahead is not None:
            return RollUpState.AHEAD
        if self.lag is None:
            return RollUpState.NONE
        return RollUpState.STALE if self.lag > STALE_AFTER else RollUpState.CURRENT


@dataclass(frozen=True)
class SystemHealth:
    """All of it at one moment; times in UTC, ``now`` by the database server's clock."""

    now: datetime
    active_calls: int
    heartbeat: Heartbeat | None
    rollups: RollUpHealth
    spool: SpoolStatus
    outbox: OutboxHealth
    failing_rules: int
    oldest_call: datetime | None
    raw_retention_days: int
    processes: list[ProcessHealth]


def system_health(database: Database[Document]) -> SystemHealth:
    """Return the health of the system.

    Raises:
        PyMongoError: the database does not answer.
    """
    return SystemHealth(
        now=server_time(database),
        active_calls=count_active(database),
        heartbeat=scheduler_heartbeat(database),
        rollups=rollup_health(database),
        spool=spool_status(),
        outbox=_outbox(database),
        failing_rules=database[RULE_HEALTH].count_documents({"errors": {"$gt": 0}}),
        oldest_call=oldest_call_start(database),
        raw_retention_days=get_settings().raw_retention_days,
        processes=processes(database),
    )


def rollup_health(database: Database[Document]) -> RollUpHealth:
    """Return the health of the roll-ups.

    Raises:
        PyMongoError: the database does not answer.
    """
    key = windows_key()
    return RollUpHealth(
        now=server_time(database),
        until=rollup_store.until(database, key).get(key),
        ahead=rollup_store.ahead(database, key),
        waiting=database[DIRTY_WINDOWS].estimated_document_count(),
        set_apart=[*rollup_store.set_apart(database), *_without_time(database)],
        failing=Journal(database).failing(ROLL_UPS),
    )


def _without_time(database: Database[Document]) -> list[str]:
    """Return the ids of calls that another tool wrote without a time, or with a text as one.

    No window has them.

    Open calls do not have a time yet, and are fine.
    """
    # The index sorts all times together, and these before and after them.
    query = {"start_time": {"$not": A_TIME}, "state": {"$ne": "open"}}
    found = database[CALLS].find(query, {"_id": 1}).limit(MOST_NAMED)
    return [str(row["_id"]) for row in found]


def _outbox(database: Database[Document]) -> OutboxHealth:
    states = {str(row["_id"]): row["n"] for row in database[OUTBOX].aggregate(_BY_STATE)}
    waits = {"state": {"$in": list(WAITING)}, "created_at": A_TIME}
    waiting = database[OUTBOX].find_one(waits, sort=[("created_at", 1)])
    return OutboxHealth(states, waiting["created_at"] if waiting else None)


_BY_STATE: list[Document] = [{"$group": {"_id": "$state", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]


def late_calls(database: Database[Document]) -> LateCalls:
    """Return the calls of the last 24 hours that were recorded long after they began; from an index alone."""
    since = server_time(database) - LATE_WITHIN
    delay = {"$subtract": [{"$toDate": "$recorded_at"}, "$start_time"]}
    late = {"$gt": [delay, int(LATE_AFTER.total_seconds() * 1_000)]}
    pipeline: list[Document] = [
        {"$match": {"recorded_at": {"$gte": Timestamp(since, 0)}, "start_time": A_TIME}},
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
    """Return every collection, largest first."""
    found = []
    for name in database.list_collection_names():
        if name.startswith("system."):
            continue
        (row,) = database[name].aggregate([{"$collStats": {"storageStats": {}}}])
        stats = row["storageStats"]
        found.append(CollectionSize(name, stats["count"], stats["storageSize"] + stats["totalIndexSize"]))
    return sorted(found, key=lambda collection: (-collection.bytes, collection.name))
