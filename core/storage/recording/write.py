"""The one way records are written: inserted, or replacing an older version that is stored.

The steps are written as a generator that yields database operations, so that asyncio code
(:func:`write_async`) and plain code (:func:`write`) share one implementation. Two guarantees hold, and
everything else is built on them: a result is returned only once it is durable (majority, journal), and
writing a record again, from any process and in any order, ends in the same store.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pymongo import ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from core.logging_config import get_logger
from core.storage.collections import ACTIVE_CALLS, DUPLICATE_KEY, LEAD_KEYS
from core.storage.readable import UNREADABLE
from core.storage.recording.dirty_windows import OVERLAP, mark_dirty
from core.storage.recording.merging import agent_version, is_merged, merge, opts_out, stamped, staying_out
from core.storage.recording.records import KINDS, OWN_FIELDS, Kind, Record
from core.storage.recording.versions import Judge, version_in
from core.storage.sealing.seal import sealed
from core.storage.server.connection import DURABLE
from core.types import Document

logger = get_logger("database")
MAX_BATCH = 1_000
"""Most records in one bulk write."""
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)
_TOO_LARGE = 10_334
_MOST_NAMED = 10
_ID_INDEX = {"_id": 1}
POISON = frozenset({2, 9, 16, 22, 52, 55, 56, 57, 121, _TOO_LARGE, 17_280, 17_419, 17_420})
"""Error codes of documents the server will never accept: bad value, field name, size, key, validation."""
UNFIT = (BSONError, OverflowError, ValueError, TypeError, RecursionError)
"""What the driver raises for values that no document can hold."""


class Outcome(StrEnum):
    """Outcome of storing one record."""

    INSERTED = "inserted"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"  # already stored exactly like this
    OUTDATED = "outdated"  # a later version is stored


@dataclass(frozen=True)
class Refusal:
    """Why a record is not stored. ``for_good``: it never will be; otherwise a later try may succeed."""

    reason: str
    for_good: bool


Result = Outcome | Refusal
Collections = Mapping[str, Any]
"""Collections of either kind of client, by name."""
Step = Callable[[], Any]
"""Performs one database operation; in asyncio code its result is awaited."""
Steps = Generator[Step, Any, dict[int, Result]]


def durable_collections(database: Database[Document] | AsyncDatabase[Document]) -> Collections:
    """Return the collections that records are written to.

    Worth keeping, as making them costs the driver time.
    """
    names = {name: kind.collection for name, kind in KINDS.items()} | {
        name: name for name in (LEAD_KEYS, ACTIVE_CALLS)
    }
    return {
        name: database.get_collection(collection, write_concern=DURABLE, codec_options=_CODEC)
        for name, collection in names.items()
    }


def write(database: Database[Document], records: Sequence[Record], *, fresh: bool = False) -> list[Result]:
    """Store records durably; return the result of each, in order.

    A refusal is a result and not an exception: it concerns its own record only, and the others are stored.
    Every other result is durable when this returns.

    Args:
        database: where to store them.
        records: what to store.
        fresh: whether they were recorded just now, rather than replayed. A fresh record that comes after the
            stored one by the server's clock replaces it, even if this machine's clock is behind.

    Raises:
        PyMongoError: the database does not answer, or not durably. Some records may be stored; writing all of
            them again is safe.
    """
    steps = _write(durable_collections(database), records, fresh=fresh)
    try:
        step = next(steps)
        while True:
            try:
                answer = step()
            except Exception as error:  # noqa: BLE001 (the steps decide)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _in_order(end.value)


async def write_async(collections: Collections, records: Sequence[Record]) -> list[Result]:
    """Store records durably as :func:`write` does, for asyncio code and records made just now.

    The collections come from :func:`durable_collections`; the loop is not blocked.

    Raises:
        PyMongoError: as for :func:`write`.
    """
    steps = _write(collections, records, fresh=True)
    try:
        step = next(steps)
        while True:
            try:
                answer = await step()
            except Exception as error:  # noqa: BLE001 (the steps decide)
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _in_order(end.value)


def _in_order(results: Mapping[int, Result]) -> list[Result]:
    return [results[index] for index in range(len(results))]


def _write(collections: Collections, records: Sequence[Record], *, fresh: bool) -> Steps:
    """Yield the steps that store records: seal personal values, then write each kind in one go.

    A record that cannot be made into a document is refused on its own and does not stop the others.
    """
    results: dict[int, Result] = {}
    by_kind: defaultdict[str, dict[int, Document]] = defaultdict(dict)
    contents = yield from sealed(collections, [record.content for record in records])
    for index, (record, content) in enumerate(zip(records, contents, strict=True)):
        try:
            by_kind[record.kind.name][index] = record.to_document(content)
        except (ValueError, TypeError, RecursionError) as error:
            results[index] = _unfit(error)
    for name, documents in by_kind.items():
        results |= yield from _Writing(collections[name], KINDS[name], fresh=fresh).run(documents)
    if outdated := [records[index].id for index, result in results.items() if result is Outcome.OUTDATED]:
        extra = {"records": len(outdated), "ids": outdated[:_MOST_NAMED]}
        logger.warning("Not stored: a later form of it is there", extra=extra)
    return results


class _Writing:
    """Writes documents of one kind; each is identified by the index of its record."""

    def __init__(self, collection: Any, kind: Kind, *, fresh: bool) -> None:  # noqa: ANN401 (of either sort of client)
        self._collection = collection
        self._kind = kind
        self._fresh = fresh
        self._results: dict[int, Result] = {}

    def run(self, new: dict[int, Document]) -> Steps:
        """Insert everything, then settle with what is stored under the same ``_id``.

        Repeats until nothing changed in between: a document may be inserted by another process after our
        insert failed, or be deleted before we could replace it.
        """
        while new:
            present = yield from self._insert(new)
            new = {}
            while present:
                present, deleted = yield from self._settle(present)
                new |= deleted
        return self._results

    def _insert(self, items: dict[int, Document]) -> Generator[Step, Any, dict[int, Document]]:
        """Insert documents; return those whose ``_id`` exists already.

        Most records are new, so inserting first and reading only what was there is the cheapest order. All
        count as INSERTED in advance; later steps overwrite that.
        """
        documents = list(items.values())
        self._results |= dict.fromkeys(items, Outcome.INSERTED)
        try:
            yield lambda: self._collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return self._failed(error, items)
        except (OperationFailure, *UNFIT) as error:
            # The error does not say which document caused it, so try each half on its own.
            if isinstance(error, OperationFailure) and error.code not in POISON:
                raise
            if len(items) == 1:
                self._results |= dict.fromkeys(items, _unfit(error))
                return {}
            pairs, middle = list(items.items()), len(items) // 2
            present = yield from self._insert(dict(pairs[:middle]))
            return present | (yield from self._insert(dict(pairs[middle:])))
        return {}

    def _failed(self, error: BulkWriteError, items: Mapping[int, Document]) -> dict[int, Document]:
        """Record what was refused; return the documents whose ``_id`` exists already.

        Raises:
            BulkWriteError: something was written, but not durably, so no result may be reported.
        """
        if error.details["writeConcernErrors"]:
            raise error  # written, but not durably
        indexes, present = list(items), {}
        for failure in error.details["writeErrors"]:
            index = indexes[failure["index"]]
            if failure["code"] == DUPLICATE_KEY and failure.get("keyPattern", _ID_INDEX) == _ID_INDEX:
                present[index] = items[index]
            else:
                self._results[index] = _refusal(failure["code"])
        return present

    def _settle(
        self, items: dict[int, Document]
    ) -> Generator[Step, Any, tuple[dict[int, Document], dict[int, Document]]]:
        """Replace what is older; return what to settle again, and what was deleted in the meantime.

        Windows that a replacement changes are marked dirty before the change, because afterwards nothing in
        the calls would show that the old window has to be recomputed.
        """
        query = {"_id": {"$in": [item["_id"] for item in items.values()]}}
        found = yield lambda: self._collection.find(query).to_list()
        stored = {document["_id"]: document for document in found}
        deleted = {index: item for index, item in items.items() if item["_id"] not in stored}
        items = {index: item for index, item in items.items() if index not in deleted}
        if not items:
            return {}, deleted
        whole = [item for item in items.values() if not is_merged(item)]
        if any(agent_version(stored[item["_id"]]) > item["version"] for item in whole):
            hello = yield lambda: self._collection.database.client.admin.command("hello")
            judge = Judge(hello["localTime"], fresh=self._fresh)
            for item in whole:
                there = stored[item["_id"]]
                judge.settle(item, there | {"version": agent_version(there)})
        plan = self._plans(items, stored)
        items = {index: item for index, item in items.items() if index in plan}
        if not items:
            return {}, deleted
        windows = {moment for operation in plan.values() for moment in operation.windows}
        started = time.monotonic()
        if windows:
            yield lambda: mark_dirty(self._collection.database, windows)
        settled = yield from self._change(plan, items)
        if windows and time.monotonic() - started > OVERLAP.total_seconds() / 2:
            # took so long that the first mark may be gone
            yield lambda: mark_dirty(self._collection.database, windows)
        return ({} if settled else items), deleted

    def _plans(
        self, items: Mapping[int, Document], stored: Mapping[str, Document]
    ) -> "dict[int, _Operation]":
        """Return the operations; a document whose stored form cannot be read is refused on its own."""
        plan = {}
        for index, item in items.items():
            try:
                plan[index] = self._plan(index, item, stored[item["_id"]])
            except UNREADABLE as error:
                reason = f"what is stored under its id cannot be read ({type(error).__name__})"
                self._results[index] = Refusal(reason, for_good=True)
        return plan

    def _plan(self, index: int, item: Document, stored: Document) -> "_Operation":
        """Return the operation that settles one document with the stored one.

        It applies only if that is unchanged.

        In order: documents with several sources are merged; a platform's turn gives way to the agent's own;
        an opt-out is never lost, whichever version is later; then the later version wins.
        """
        if is_merged(item) or is_merged(stored):
            return self._merged(item, stored)
        ours, theirs = item["version"], version_in(stored)
        unless_changed = {"_id": item["_id"], "version": stored.get("version")}
        agents_own = "source" not in item
        if "source" in stored and agents_own:
            theirs = 0  # the agent's own measurements replace a platform's
        elif "source" not in stored and not agents_own:
            return _Operation(Outcome.UNCHANGED, UpdateOne(unless_changed, {"$set": {"version": theirs}}))
        if opts_out(stored):
            item = staying_out(item)
        elif opts_out(item) and theirs > ours:  # an opt-out that arrives late still counts
            return self._replaced(unless_changed, stored, staying_out(stored) | {"version": theirs + 1})
        if theirs >= ours:
            outcome = self._results[index] if theirs == ours else Outcome.OUTDATED
            # This changes nothing, but makes sure that what was read is durable before we answer.
            return _Operation(outcome, UpdateOne(unless_changed, {"$set": {"version": theirs}}))
        if _content(stored) == _content(item):
            return _Operation(Outcome.UNCHANGED, UpdateOne(unless_changed, {"$set": {"version": ours}}))
        return self._replaced(unless_changed, stored, item)

    def _merged(self, item: Document, stored: Document) -> "_Operation":
        """Add what the item's sources know to the stored call.

        The merged call gets a version above both, so it cannot be mistaken for either. If the item adds
        nothing, the stored call is left as it is.
        """
        unless_changed = {"_id": item["_id"], "version": stored.get("version")}
        news = opts_out(item) and not opts_out(stored)
        if not is_merged(item) and agent_version(stored) > item["version"] and not news:
            outdated = {"$set": {"version": version_in(stored)}}
            return _Operation(Outcome.OUTDATED, UpdateOne(unless_changed, outdated))
        call = merge(stored, item)
        if all(stored.get(name) == value for name, value in call.items()) and not stored.keys() - (
            call.keys() | set(OWN_FIELDS)
        ):
            same = {"$set": {"version": version_in(stored)}}
            return _Operation(Outcome.UNCHANGED, UpdateOne(unless_changed, same))
        return self._replaced(unless_changed, stored, stamped(call, stored, item))

    def _replaced(self, unless_changed: Document, stored: Document, new: Document) -> "_Operation":
        """Replace the stored document; the windows of both, old and new, have to be rolled up again."""
        field = self._kind.window_field
        found = (stored.get(field), new.get(field)) if field else ()
        moments = tuple(moment for moment in found if isinstance(moment, datetime))
        replacement: ReplaceOne[Document] = ReplaceOne(unless_changed, new)
        return _Operation(Outcome.REPLACED, replacement, moments)

    def _change(
        self, plan: Mapping[int, "_Operation"], items: Mapping[int, Document]
    ) -> Generator[Step, Any, bool]:
        """Apply the planned operations.

        Return whether all matched, else another process changed a document in between.
        """
        self._results |= {index: operation.outcome for index, operation in plan.items()}
        changes = [operation.change for operation in plan.values()]
        try:
            done = yield lambda: self._collection.bulk_write(changes, ordered=False)
        except BulkWriteError as error:
            self._failed(error, items)
            return bool(error.details["nMatched"] + len(error.details["writeErrors"]) == len(changes))
        except (OperationFailure, BSONError) as error:
            # One of them, once merged, is larger than the server accepts, so try each half on its own.
            if isinstance(error, OperationFailure) and error.code not in POISON:
                raise
            if len(plan) == 1:
                self._results |= dict.fromkeys(plan, _unfit(error))
                return True
            pairs, middle = list(plan.items()), len(plan) // 2
            settled = yield from self._change(dict(pairs[:middle]), items)
            return (yield from self._change(dict(pairs[middle:]), items)) and settled
        return bool(done.matched_count == len(changes))


@dataclass(frozen=True)
class _Operation:
    """What to do about one document: the change, its outcome if it matches, windows it makes dirty."""

    outcome: Result
    change: "ReplaceOne[Document] | UpdateOne"
    windows: tuple[datetime, ...] = ()


def _unfit(error: Exception) -> Refusal:
    if isinstance(error, OperationFailure):
        return _refusal(error.code)
    return Refusal(str(error)[:200], for_good=True)


def _refusal(code: int | None) -> Refusal:
    reason = "larger than MongoDB's 16 MB" if code == _TOO_LARGE else f"MongoDB error {code}"
    return Refusal(reason, for_good=code in POISON or code == DUPLICATE_KEY)


def _content(document: Document) -> Document:
    """Return what a document says, without bookkeeping and without empty values, which used to be stored."""
    return {
        name: value
        for name, value in document.items()
        if value not in (None, [], {}) and name not in OWN_FIELDS
    }
