"""The one way that records are written: inserted, and replaced where an older version is there.

The steps are a generator, so that asyncio code (:func:`write_async`) and plain code (:func:`write`) take
the same ones. Nothing is answered for before it is durable (majority, journal), and writing a record
again, by whichever process and in whichever order, ends in the same store.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from core.storage.connection import DURABLE, Document
from core.storage.dirty import OVERLAP, mark_dirty
from core.storage.records import OWN_FIELDS, Kind, Record

MAX_BATCH = 1_000
"""Records of one bulk write."""
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)
_DUPLICATE_KEY = 11_000
_ID_INDEX = {"_id": 1}
_POISON = frozenset({2, 9, 16, 22, 52, 55, 56, 57, 121, 10_334, 17_280, 17_419, 17_420})
"""Error codes of a document that the server will never take: bad value, field name, size, key, validation."""


class Outcome(StrEnum):
    """What became of a record that is stored."""

    INSERTED = "inserted"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"  # stored exactly so already
    OUTDATED = "outdated"  # a newer version is stored


@dataclass(frozen=True)
class Refusal:
    """Why a record is not stored. ``for_good``: it never will be; else it may be taken another time."""

    reason: str
    for_good: bool


Result = Outcome | Refusal
AnyDatabase = Database[Document] | AsyncDatabase[Document]
Step = Callable[[], Any]
"""Does one thing with the database; in asyncio code what it returns is awaited."""
Steps = Generator[Step, Any, dict[int, Result]]


def write(database: Database[Document], records: Sequence[Record]) -> list[Result]:
    """Store records durably; for each what became of it.

    Raises:
        PyMongoError: the database does not answer, or not durably. Some records may be stored.
    """
    steps = _write(database, records)
    try:
        step = next(steps)
        while True:
            try:
                answer = step()
            except Exception as error:  # noqa: BLE001 (for the steps to judge)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _in_order(end.value)


async def write_async(database: AsyncDatabase[Document], records: Sequence[Record]) -> list[Result]:
    """The same as :func:`write` for asyncio code."""
    steps = _write(database, records)
    try:
        step = next(steps)
        while True:
            try:
                answer = await step()
            except Exception as error:  # noqa: BLE001 (for the steps to judge)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _in_order(end.value)


def _in_order(results: Mapping[int, Result]) -> list[Result]:
    return [results[index] for index in range(len(results))]


def _write(database: AnyDatabase, records: Sequence[Record]) -> Steps:
    results: dict[int, Result] = {}
    encoded: defaultdict[str, dict[int, _Encoded]] = defaultdict(dict)
    for index, record in enumerate(records):
        try:
            encoded[record.kind.collection][index] = _encode(record)
        except (BSONError, OverflowError, ValueError, TypeError, RecursionError) as error:
            results[index] = Refusal(str(error)[:200], for_good=True)
    for some in encoded.values():
        results |= yield from _Writing(database, next(iter(some.values())).record.kind).run(some)
    return results


class _Encoded(NamedTuple):
    record: Record
    key: str
    bson: RawBSONDocument


def _encode(record: Record) -> _Encoded:
    document = record.to_document()
    raw = bson.encode(document)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"larger than MongoDB's {MAX_DOCUMENT_BYTES // 2**20} MB")
    return _Encoded(record, document["_id"], RawBSONDocument(raw))


class _Writing:
    """Writes records of one kind; each is known by its index."""

    def __init__(self, database: AnyDatabase, kind: Kind) -> None:
        self._database = database
        self._kind = kind
        self._collection: Any = database.get_collection(
            kind.collection, write_concern=DURABLE, codec_options=_CODEC
        )
        self._results: dict[int, Result] = {}

    def run(self, new: dict[int, _Encoded]) -> Steps:
        """Insert, settle with what is stored under the same ``_id``, and again until nobody came between."""
        while new:
            present = yield from self._insert(new)
            new = {}
            while present:
                present, deleted = yield from self._settle(present)
                new |= deleted
        return self._results

    def _insert(self, records: dict[int, _Encoded]) -> Generator[Step, Any, dict[int, _Encoded]]:
        """Those whose ``_id`` is there already."""
        documents = [record.bson for record in records.values()]
        self._results |= dict.fromkeys(records, Outcome.INSERTED)
        try:
            yield lambda: self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return self._failed(error, records)
        except OperationFailure as error:
            # Says nothing about which record it was: each alone.
            if error.code not in _POISON:
                raise
            if len(records) == 1:
                self._results |= dict.fromkeys(records, _refusal(error.code))
                return {}
            present: dict[int, _Encoded] = {}
            for index, record in records.items():
                present |= yield from self._insert({index: record})
            return present
        return {}

    def _failed(self, error: BulkWriteError, records: Mapping[int, _Encoded]) -> dict[int, _Encoded]:
        """Note what is refused; those whose ``_id`` is there already."""
        if error.details["writeConcernErrors"]:
            raise error  # written, but not durably
        indexes, present = list(records), {}
        for failure in error.details["writeErrors"]:
            index = indexes[failure["index"]]
            if failure["code"] == _DUPLICATE_KEY and failure.get("keyPattern", _ID_INDEX) == _ID_INDEX:
                present[index] = records[index]
            else:
                self._results[index] = _refusal(failure["code"])
        return present

    def _settle(
        self, records: dict[int, _Encoded]
    ) -> Generator[Step, Any, tuple[dict[int, _Encoded], dict[int, _Encoded]]]:
        """Replace what is older; those to settle again, and those that were deleted meanwhile."""
        query = {"_id": {"$in": [record.key for record in records.values()]}}
        found = yield lambda: self._collection.find(query).to_list()
        stored = {document["_id"]: document for document in found}
        deleted = {index: record for index, record in records.items() if record.key not in stored}
        records = {index: record for index, record in records.items() if index not in deleted}
        if not records:
            return {}, deleted
        plan = {index: self._plan(index, record, stored[record.key]) for index, record in records.items()}
        windows = {moment for operation in plan.values() for moment in operation.windows}
        started = time.monotonic()
        if windows:
            yield lambda: mark_dirty(self._database, windows)
        settled = yield from self._change(plan, records)
        if windows and time.monotonic() - started > OVERLAP.total_seconds() / 2:
            yield lambda: mark_dirty(self._database, windows)  # the first may be gone by now
        return ({} if settled else records), deleted

    def _plan(self, index: int, record: _Encoded, stored: Document) -> "_Operation":
        ours, theirs = record.record.version, stored.get("version", 0)
        unless_changed = {"_id": record.key, "version": stored.get("version")}
        if theirs >= ours:
            outcome = self._results[index] if theirs == ours else Outcome.OUTDATED
            # Changes nothing, but is answered only once what was read is durable.
            return _Operation(outcome, UpdateOne(unless_changed, {"$set": {"version": theirs}}))
        if _content(stored) == _content(record.record.to_document()):
            return _Operation(Outcome.UNCHANGED, UpdateOne(unless_changed, {"$set": {"version": ours}}))
        moments: tuple[datetime | None, ...] = ()
        if field := self._kind.window_field:
            moments = stored.get(field), getattr(record.record.content, field)
        replacement: ReplaceOne[RawBSONDocument] = ReplaceOne(unless_changed, record.bson)
        return _Operation(Outcome.REPLACED, replacement, tuple(filter(None, moments)))

    def _change(
        self, plan: Mapping[int, "_Operation"], records: Mapping[int, _Encoded]
    ) -> Generator[Step, Any, bool]:
        """Whether every record is settled; else somebody changed one meanwhile."""
        self._results |= {index: operation.outcome for index, operation in plan.items()}
        changes = [operation.change for operation in plan.values()]
        try:
            done = yield lambda: self._collection.bulk_write(changes, ordered=False)
        except BulkWriteError as error:
            self._failed(error, records)
            return bool(error.details["nMatched"] + len(error.details["writeErrors"]) == len(changes))
        return bool(done.matched_count == len(changes))


@dataclass(frozen=True)
class _Operation:
    outcome: Result
    change: "ReplaceOne[RawBSONDocument] | UpdateOne"
    windows: tuple[datetime, ...] = ()


def _refusal(code: int | None) -> Refusal:
    return Refusal(f"MongoDB error {code}", for_good=code in _POISON or code == _DUPLICATE_KEY)


def _content(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None and name not in OWN_FIELDS}
