"""Deliveries of webhooks: what arrived, masked, and what became of it; kept for a week."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from core.storage.collections import A_TIME, HOOK_DELIVERIES
from core.storage.readable import each_readable
from core.types import Document

MOST_UNKNOWN = 20
"""Most unknown fields of a source that are listed."""
_SUMMARY = {"body": False, "version": False, "recorded_at": False, "schema_version": False}


class HookOutcome(StrEnum):
    """What became of a delivery."""

    STORED = "stored"
    SPOOLED = "spooled"  # durable on the receiver's disk, to be replayed
    IGNORED = "ignored"  # an event that is not about a call
    REFUSED = "refused"


class HookDelivery(BaseModel):
    """One request to ``/hooks/{source}`` from somebody who knew the secret."""

    model_config = ConfigDict(extra="ignore", use_enum_values=True)

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    received_at: datetime = Field(description="By the receiver's clock, in UTC")
    source: str = Field(max_length=32)
    event: str = Field(default="", max_length=128)
    outcome: HookOutcome
    reason: str | None = Field(default=None, max_length=500, description="Why it was refused, or spooled")
    remark: str | None = Field(
        default=None, max_length=200, description="A clock that is off, a price unknown"
    )
    call_id: str | None = None
    ending: str | None = Field(default=None, description="The end_reason that it gave")
    unknown: tuple[str, ...] = Field(default=(), description="Its fields that nobody reads")
    left_out: tuple[str, ...] = Field(
        default=(), description="Fields with a value that cannot be used, and why"
    )
    size: int = Field(default=0, description="Bytes of the body")
    body: str | None = Field(
        default=None, description="The masked content as JSON, sealed; None where it was no content"
    )
    replayed_at: datetime | None = None


class SourceActivity(BaseModel):
    """What a source delivered recently."""

    source: str
    last_at: datetime | None = None
    outcomes: dict[str, int] = Field(default_factory=dict)
    endings: int = 0
    unknown_endings: int = 0
    unknown: dict[str, int] = Field(
        default_factory=dict, description="Deliveries by unknown field, most first"
    )

    @property
    def total(self) -> int:
        """Return the number of deliveries in the period."""
        return sum(self.outcomes.values())

    @property
    def unknown_share(self) -> float | None:
        """Return the share, 0 to 1, of endings that are ``unknown``; None without any ending."""
        return self.unknown_endings / self.endings if self.endings else None


def recent_deliveries(
    database: Database[Document],
    *,
    most: int = 50,
    **query: Any,  # noqa: ANN401 (values of a query)
) -> list[HookDelivery]:
    """Return the latest readable deliveries without their bodies, newest first.

    Raises:
        PyMongoError: the database does not answer.
    """
    found = database[HOOK_DELIVERIES].find(query, _SUMMARY).sort("received_at", DESCENDING).limit(most)
    return list(each_readable(found, _delivery, HOOK_DELIVERIES))


def kept_deliveries(database: Database[Document], query: Document) -> Iterator[HookDelivery]:
    """Yield the readable deliveries with their bodies, oldest first.

    Raises:
        PyMongoError: the database does not answer.
    """
    found = database[HOOK_DELIVERIES].find(query).sort("received_at", ASCENDING)
    return each_readable(found, _delivery, HOOK_DELIVERIES)


def source_activity(database: Database[Document], since: datetime) -> dict[str, SourceActivity]:
    """Return what each source delivered since a given time, and when its last delivery ever came.

    Raises:
        PyMongoError: the database does not answer.
    """
    deliveries = database[HOOK_DELIVERIES]
    names = [name for name in deliveries.distinct("source") if isinstance(name, str)]
    found = {name: SourceActivity(source=name, last_at=last_delivery(database, name)) for name in names}
    recent: Document = {"$match": {"received_at": {"$gte": since}, "source": _TEXT, "outcome": _TEXT}}
    for row in deliveries.aggregate([recent, {"$group": _COUNTS}]):
        one = found.setdefault(row["_id"]["source"], SourceActivity(source=row["_id"]["source"]))
        one.outcomes[row["_id"]["outcome"]] = row["count"]
        one.endings += row["endings"]
        one.unknown_endings += row["unknown_endings"]
    for row in deliveries.aggregate([recent, *_UNKNOWN]):
        one = found.setdefault(row["_id"]["source"], SourceActivity(source=row["_id"]["source"]))
        if len(one.unknown) < MOST_UNKNOWN:
            one.unknown[row["_id"]["field"]] = row["count"]
    return found


_TEXT: Document = {"$type": "string"}
_COUNTS: Document = {
    "_id": {"source": "$source", "outcome": "$outcome"},
    "count": {"$sum": 1},
    "endings": {"$sum": {"$cond": [{"$gt": ["$ending", None]}, 1, 0]}},
    "unknown_endings": {"$sum": {"$cond": [{"$eq": ["$ending", "unknown"]}, 1, 0]}},
}
_UNKNOWN: list[Document] = [
    {"$unwind": "$unknown"},
    {"$match": {"unknown": _TEXT}},
    {"$group": {"_id": {"source": "$source", "field": "$unknown"}, "count": {"$sum": 1}}},
    {"$sort": {"count": -1, "_id": 1}},
]


def last_delivery(database: Database[Document], source: str) -> datetime | None:
    """Return when a source's latest delivery came; None if none is kept.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = database[HOOK_DELIVERIES].find_one(
        {"source": source, "received_at": A_TIME}, {"received_at": 1}, sort=[("received_at", DESCENDING)]
    )
    return row["received_at"] if row else None


def replayed(database: Database[Document], note: HookDelivery, at: datetime) -> None:
    """Record what became of a delivery when it was read again.

    Raises:
        PyMongoError: the database does not answer.
    """
    fields = note.model_dump(exclude={"id", "received_at", "source", "size", "body", "replayed_at"})
    database[HOOK_DELIVERIES].update_one({"_id": note.id}, {"$set": fields | {"replayed_at": at}})


def _delivery(row: Document) -> HookDelivery:
    return HookDelivery.model_validate({**row, "id": row["_id"]})
