"""Recording calls without loss and without keeping the agent waiting.

Callers that record at the same time share one bulk write (a group commit). What the database does not take
within RECORD_WAIT_SECONDS goes to the spool, and from there to the database once it is back.
"""

import asyncio
import time
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from bson.errors import BSONError
from pymongo import ReplaceOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, OperationFailure

from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.calls import to_document
from core.storage.connection import DURABLE, Document, open_database
from core.storage.spool import Spool, VersionedCall

MAX_BATCH = 1_000
REST_SECONDS = 5.0
"""After the database failed, calls go straight to the spool for so long."""
_DUPLICATE_KEY = 11_000
_REFUSED_WHOLE = {2, 9, 10_334}
"""Codes of a command that one document spoils: bad value, failed to parse, over 16 MB."""

logger = get_logger("database")


class RejectedCallError(Exception):
    """The database will never take this call; the text says why."""


class GroupCommit:
    """Bulk writes of one event loop: while one is under way, the next one's calls gather."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._calls = database.get_collection("calls", write_concern=DURABLE)
        self._waiting: list[tuple[VersionedCall, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, record: VersionedCall) -> None:
        """Store one call; returns when it is durable (majority, journal).

        Raises:
            RejectedCallError: the database refuses this call.
            PyMongoError: the database does not answer.
        """
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((record, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        await stored

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = [pair for pair in self._waiting[:MAX_BATCH] if not pair[1].done()]
                del self._waiting[:MAX_BATCH]
                answers = await self._answers([record for record, _ in batch])
                for (_, stored), answer in zip(batch, answers, strict=True):
                    if stored.done():
                        continue
                    if answer is None:
                        stored.set_result(None)
                    else:
                        stored.set_exception(answer)
        finally:
            self._task = None

    async def _answers(self, records: list[VersionedCall]) -> list[Exception | None]:
        try:
            return await write_versions(self._calls, records)
        except Exception as error:  # noqa: BLE001 (whatever it is, its callers are waiting for an answer)
            return [error] * len(records)


async def write_versions(calls: Any, records: list[VersionedCall]) -> list[Exception | None]:  # noqa: ANN401 (a generic class of PyMongo)
    """Store calls durably unless a newer version is there; for each None, or why it is refused.

    Raises:
        PyMongoError: the database does not answer.
    """
    answers = await _bulk(calls, records)
    again = [index for index, code in answers.items() if code == _DUPLICATE_KEY]
    if again:
        # A newer version is there, or another process inserted an older one just now: then this replaces it.
        second = await _bulk(calls, [records[index] for index in again])
        answers |= {index: second.get(position) for position, index in enumerate(again)}
    return [_refusal(answers.get(index)) for index in range(len(records))]


def _refusal(answer: int | Exception | None) -> Exception | None:
    if answer is None or answer == _DUPLICATE_KEY:
        return None
    if isinstance(answer, OperationFailure):
        answer = answer.code or 0
    return RejectedCallError(f"MongoDB error {answer}" if isinstance(answer, int) else str(answer)[:200])


async def _bulk(calls: Any, records: list[VersionedCall]) -> dict[int, int | Exception | None]:  # noqa: ANN401 (as above)
    """What went wrong, by position: the server's error code, or why a call cannot be encoded."""
    if not records:
        return {}
    operations = [
        ReplaceOne(
            {"_id": record.call.call_id, "version": {"$lt": record.version}},
            to_document(record.call, record.version),
            upsert=True,
        )
        for record in records
    ]
    try:
        await calls.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        return {failure["index"]: failure["code"] for failure in error.details["writeErrors"]}
    except (BSONError, OperationFailure, OverflowError, ValueError, RecursionError) as error:
        if isinstance(error, OperationFailure) and error.code not in _REFUSED_WHOLE:
            raise
        # Says nothing about which call it was: each alone.
        if len(records) == 1:
            return {0: error}
        single = [await _bulk(calls, [record]) for record in records]
        return {index: answer[0] for index, answer in enumerate(single) if answer}
    return {}


_commits: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[int, str], GroupCommit]] = (
    WeakKeyDictionary()
)
_replays: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[int]] = WeakKeyDictionary()


class _Store:
    """What this process knows of the database's health."""

    rest_until = 0.0
    next_look = 0.0


async def record(database: AsyncDatabase[Document] | None, record_: VersionedCall) -> None:
    """Store one call, or spool it; waits RECORD_WAIT_SECONDS at most and raises nothing of the store's."""
    if time.monotonic() < _Store.rest_until:
        await asyncio.to_thread(_spool, record_, "the database is away")
        return
    try:
        async with asyncio.timeout(get_settings().record_wait_seconds):
            opened = await open_database(database)
            await _commit_of(opened).write(record_)
    except RejectedCallError as error:
        await asyncio.to_thread(_bury, record_, str(error))
    except Exception as error:  # noqa: BLE001 (the agent's call goes on, whatever the store is up to)
        _Store.rest_until = time.monotonic() + REST_SECONDS
        reason = "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
        await asyncio.to_thread(_spool, record_, reason)
    else:
        _replay_soon(opened)


def _commit_of(database: AsyncDatabase[Document]) -> GroupCommit:
    commits = _commits.setdefault(asyncio.get_running_loop(), {})
    return commits.setdefault((id(database.client), database.name), GroupCommit(database))


def _spool(record_: VersionedCall, reason: str) -> None:
    try:
        Spool().put(record_)
    except OSError as error:
        _lost(record_, error)
    else:
        logger.warning("Call spooled", extra={"call_id": record_.call.call_id, "reason": reason})


def _bury(record_: VersionedCall, reason: str) -> None:
    try:
        file = Spool().bury(record_, reason)
    except OSError as error:
        _lost(record_, error)
    else:
        extra = {"call_id": record_.call.call_id, "reason": reason, "file": str(file)}
        logger.error("Call refused by the database, kept apart", extra=extra)


def _lost(record_: VersionedCall, error: OSError) -> None:
    extra = {"call_id": record_.call.call_id, "reason": error.strerror}
    logger.critical("Call lost: neither the database nor the disk took it", extra=extra)


def _replay_soon(database: AsyncDatabase[Document]) -> None:
    """Look once a second whether calls wait in the spool, and replay them beside the caller."""
    now, loop = time.monotonic(), asyncio.get_running_loop()
    if now < _Store.next_look or loop in _replays:
        return
    _Store.next_look = now + 1
    if Spool().has_waiting():
        task = _replays[loop] = asyncio.create_task(replay(database))
        task.add_done_callback(_replayed)


def _replayed(task: asyncio.Task[int]) -> None:
    _replays.pop(task.get_loop(), None)
    if not task.cancelled() and (error := task.exception()):
        logger.warning("Spool not replayed yet", extra={"reason": type(error).__name__})


async def replay(database: AsyncDatabase[Document]) -> int:
    """Write the spooled calls to the database, the oldest first; how many it took.

    Raises:
        PyMongoError: the database does not answer; what is left stays for the next time.
    """
    calls = database.get_collection("calls", write_concern=DURABLE)
    spool = Spool()
    files = await asyncio.to_thread(spool.waiting)
    stored = 0
    for start in range(0, len(files), MAX_BATCH):
        pairs = await asyncio.to_thread(lambda part: list(spool.read(part)), files[start : start + MAX_BATCH])
        answers = await write_versions(calls, [record_ for _, record_ in pairs])
        await asyncio.to_thread(_settle, pairs, answers)
        stored += answers.count(None)
    if stored:
        logger.info("Spooled calls stored", extra={"calls": stored})
    return stored


def _settle(pairs: list[tuple[Path, VersionedCall]], answers: list[Exception | None]) -> None:
    for (file, record_), refused in zip(pairs, answers, strict=True):
        if refused is not None:
            _bury(record_, str(refused))
        file.unlink(missing_ok=True)
