"""What is recorded: calls, turns, service minutes and webhooks, each with the version that orders repeats."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel

from core.models.calls.reports import CallReport
from core.models.metrics import SCHEMA_VERSION, CallMetrics, ServiceMinute, TurnMetrics
from core.settings import get_settings
from core.storage.collections import CALLS, HOOK_DELIVERIES, SERVICE_MINUTES, TURNS
from core.storage.hook_deliveries import HookDelivery
from core.storage.recording import merging
from core.storage.recording.versions import SERVER_TIME
from core.storage.sealing.contents import may_be_personal, turn_id, without_personal
from core.threads import fork_safe_lock
from core.types import Document

OWN_FIELDS = ("recorded_at", "schema_version", "version", "sources", "state", "unjoined")
"""Bookkeeping fields, not part of the record itself."""


class Fate(StrEnum):
    """Where a record ended up."""

    STORED = "stored"
    SPOOLED = "spooled"  # on this machine's disk, to be replayed
    REFUSED = "refused"  # set aside on this machine's disk: the database will never accept it
    LOST = "lost"  # neither the database nor the disk accepted it


@dataclass(frozen=True)
class Kind:
    """One kind of record: its collection, and how its model becomes a document with an ``_id``."""

    name: str
    collection: str
    model: type[BaseModel]
    document: Callable[[Any], Document]
    window_field: str | None = None
    """The time that decides which windows a change makes dirty; None if nothing is computed from these
    records."""


def _call_document(call: CallMetrics) -> Document:
    # The same as model_dump, in two thirds of its time.
    document: Document = call.__pydantic_serializer__.to_python(call, exclude_none=True)
    document["_id"] = document.pop("call_id")
    return document


def _turn_document(turn: TurnMetrics) -> Document:
    return {"_id": turn_id(turn.call_id, turn.turn), **turn.model_dump(exclude_none=True)}


def _service_document(minute: ServiceMinute) -> Document:
    return {
        "_id": f"{minute.process}:{minute.number}",
        **minute.model_dump(mode="python"),
        "errors": {str(kind): count for kind, count in minute.errors.items()},
        "buckets": {str(bucket): count for bucket, count in minute.buckets.items()},
    }


def _delivery_document(delivery: HookDelivery) -> Document:
    document: Document = delivery.model_dump(exclude_none=True)
    document["_id"] = document.pop("id")
    return document


CALL_KIND = Kind(CALLS, CALLS, CallMetrics, _call_document, window_field="start_time")
REPORT_KIND = Kind("call_reports", CALLS, CallReport, merging.document_of, window_field="start_time")
TURN_KIND = Kind(TURNS, TURNS, TurnMetrics, _turn_document)
SERVICE_MINUTE_KIND = Kind(SERVICE_MINUTES, SERVICE_MINUTES, ServiceMinute, _service_document)
DELIVERY_KIND = Kind(HOOK_DELIVERIES, HOOK_DELIVERIES, HookDelivery, _delivery_document)
_ALL = (CALL_KIND, REPORT_KIND, TURN_KIND, SERVICE_MINUTE_KIND, DELIVERY_KIND)
KINDS = {kind.name: kind for kind in _ALL}
_KIND_OF = {kind.model: kind for kind in KINDS.values()}


class Record(NamedTuple):
    """Something to store, and when it was recorded in microseconds; the latest version wins."""

    kind: Kind
    content: BaseModel
    version: int

    @classmethod
    def now(cls, content: BaseModel) -> "Record":
        """Return a record made now. Without encryption keys its personal values are left out right here."""
        if may_be_personal(content) and not get_settings().encryption_keys:
            content = without_personal(content)
        return cls(kind_of(content), content, version_now())

    @property
    def id(self) -> str:
        """Return the ``_id`` it is stored under."""
        return str(self.kind.document(self.content)["_id"])

    def to_document(self, sealed: BaseModel | None = None) -> Document:
        """Return the document to store, built from ``sealed`` instead of the content if that is given."""
        document = self.kind.document(self.content if sealed is None else sealed)
        document["recorded_at"] = SERVER_TIME
        document["version"] = self.version
        document["schema_version"] = SCHEMA_VERSION
        return document


def kind_of(content: BaseModel) -> Kind:
    """Return the kind of a model, or of the class it derives from."""
    kind = _KIND_OF.get(type(content))
    return kind or next(_KIND_OF[base] for base in type(content).__mro__ if base in _KIND_OF)


class _Clock:
    """Microseconds since 1970, strictly increasing in a process, so that the last record is the latest."""

    def __init__(self) -> None:
        self._last = 0
        self._guard = fork_safe_lock()

    def now(self) -> int:
        with self._guard:
            now = time.time_ns() // 1_000
            self._last = now = now if now > self._last else self._last + 1
            return now


version_now = _Clock().now
