"""Record without losing anything, and without making the agent wait.

Callers that record at the same time share one bulk write (a group commit). What the database does not accept
within RECORD_WAIT_SECONDS goes to the spool, and from there to the database once it is back.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import pymongo
from pydantic import BaseModel
from pymongo.asynchronous.database import AsyncDatabase

from core.clock import took_naive, zones_in_doubt
from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.recording.breaker import DatabaseBreaker, breaker
from core.storage.recording.deadlines import open_blocking, reason_of, within_wait
from core.storage.recording.processes import Beats
from core.storage.recording.records import Fate, Record
from core.storage.recording.replay import RETRY_SECONDS, Replayer
from core.storage.recording.spool import Spool, begin_on_disk, bury_record, on_disk, spool_records
from core.storage.recording.write import MAX_BATCH, Refusal, Result, durable_collections, write, write_async
from core.storage.server.connection import OURS, blocking, client_of, open_database, store_key
from core.types import Document

WRITERS = 2
"""Bulk writes in flight at once: one is prepared while the database makes the other durable."""
MIN_SHARE = 32
"""Smallest batch worth splitting between the writers: a bulk write costs about as much as twenty records."""

logger = get_logger("database")
replayer = Replayer(on_success=breaker.succeeded)


class Recorder:
    """The group commit of one event loop: while bulk writes are in flight, records queue up for the next one.

    Everything here runs on that loop, so there are no locks: state is consistent wherever no ``await`` stands
    between two lines. A record is in exactly one place: in ``_waiting``, or in the batch of a running writer.
    """

    def __init__(self, database: AsyncDatabase[Document], breaker: DatabaseBreaker) -> None:
        self._database = database
        self._breaker = breaker
        self._collections = durable_collections(database)
        self.client = database.client
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Record, asyncio.Future[Fate]]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way = 0

    @property
    def waiting(self) -> int:
        """Return how many records are not stored yet."""
        return len(self._waiting) + self._under_way

    def put(self, record_: Record) -> asyncio.Future[Fate]:
        """Queue a record; the future resolves to its Fate once it is durable in the database or in the spool.

        Cancelling the caller does not withdraw the record, because what it describes did happen. The future
        is never given an exception: whatever goes wrong with the database ends as SPOOLED, REFUSED or LOST.
        It is cancelled if the loop ends before the record is stored; the record then goes to the spool.
        """
        stored = self._loop.create_future()
        self._waiting.append((record_, stored))
        if len(self._writers) < WRITERS:
            writer = asyncio.create_task(self._drain())
            self._writers.add(writer)
            writer.add_done_callback(self._ended)
        return stored

    def _ended(self, writer: asyncio.Task[None]) -> None:
        """Spool what is still queued if the loop ends before its writers do, or before they even start."""
        self._writers.discard(writer)
        if writer.cancelled() and not self._writers:
            self._keep(self._waiting)
            self._waiting.clear()

    def _keep(self, batch: Iterable[tuple[Record, asyncio.Future[Fate]]]) -> None:
        """Hand records to the spool without waiting for the disk: the loop that wrote them is ending."""
        batch = list(batch)
        if batch:
            begin_on_disk(_spool, self._database, [record_ for record_, _ in batch], "the event loop ended")
        for _, stored in batch:
            stored.cancel()

    async def _drain(self) -> None:
        """Write until the queue is empty, then leave the set of writers.

        :meth:`put` starts a writer only while fewer than WRITERS are in that set, so a writer that stayed in
        it after seeing an empty queue would strand the next record.
        """
        try:
            await self._write_waiting()
        finally:
            # No ``await`` may come between the last look at the queue and this line: a record queued in that
            # gap would wait for a writer that has ended.
            self._writers.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _write_waiting(self) -> None:
        """Write the queue in batches of at most MAX_BATCH, and tell each caller the fate of its record.

        A batch is this writer's share of everything outstanding, but no less than MIN_SHARE. If the write is
        interrupted (the task is cancelled because the loop ends), the batch goes to the spool before the
        exception travels on.
        """
        while self._waiting:
            # Divide everything outstanding, in flight included, so that the writers' batches come out at
            # about the same size.
            share = -(-(len(self._waiting) + self._under_way) // WRITERS)
            size = min(len(self._waiting), MAX_BATCH, max(MIN_SHARE, share))
            batch = [self._waiting.popleft() for _ in range(size)]
            self._under_way += size
            try:
                fates = await self._store([record_ for record_, _ in batch])
            except BaseException:
                self._keep(batch)
                raise
            finally:
                self._under_way -= size
            for (_, stored), fate in zip(batch, fates, strict=True):
                if not stored.done():
                    stored.set_result(fate)

    async def _store(self, records: list[Record]) -> list[Fate]:
        """Write records to the database or, if it does not accept them in time, to the spool.

        A failure opens the breaker, so that the next records do not wait RECORD_WAIT_SECONDS each. Refused
        records are settled one by one: those refused for good are set aside, the others are spooled.
        """
        if self._breaker.is_open():
            return await self._spool(records, "the database is away")
        try:
            results = await within_wait(write_async(self._collections, records))
        except Exception as error:  # noqa: BLE001 (whatever the store does, the agent's call must go on)
            self._breaker.failed()
            return await self._spool(records, reason_of(error))
        fates = [Fate.STORED] * len(records)
        if any(isinstance(result, Refusal) for result in results):
            fates = await on_disk(_keep_refused, self._database, records, results)
        _look_for_spooled(self._database)
        return fates

    async def _spool(self, records: list[Record], reason: str) -> list[Fate]:
        return await on_disk(_spool, self._database, records, reason)


_recorders: dict[asyncio.AbstractEventLoop, dict[tuple[int, str], Recorder]] = {}


def _records_waiting() -> int:
    return sum(one.waiting for of_loop in list(_recorders.values()) for one in list(of_loop.values()))


beats = Beats(_records_waiting)


def record(database: AsyncDatabase[Document] | None, content: BaseModel) -> Awaitable[Fate]:
    """Return an awaitable that stores or spools one record, and yields its Fate.

    Awaiting it takes RECORD_WAIT_SECONDS at most, apart from the time the disk takes when the record is
    spooled. It raises no database error; cancelling it does not lose the record. A recorder that is already
    open takes the record at once, before the first ``await``.
    """
    record_ = Record.now(content)
    recorder = _recorder(database)
    if recorder is None:
        _say_if_zones_differ()
    return recorder.put(record_) if recorder else _record_first(database, record_)


async def _record_first(database: AsyncDatabase[Document] | None, record_: Record) -> Fate:
    """Open the database for this loop's first record, or spool the record if it cannot be opened in time."""
    try:
        recorder = await _open(database)
    except asyncio.CancelledError:
        begin_on_disk(_spool, database, [record_], "its caller was cancelled")
        raise
    if recorder is None:
        (fate,) = await on_disk(_spool, database, [record_], "the database cannot be opened")
        return fate
    return await recorder.put(record_)


def _recorder(database: AsyncDatabase[Document] | None) -> Recorder | None:
    """Return the recorder of the running loop for a database.

    None if there is none yet, or its client was closed.
    """
    loop, key = asyncio.get_running_loop(), store_key(database)
    recorder = _recorders.get(loop, {}).get(key)
    if recorder is None or (key[0] == OURS and recorder.client is not client_of(loop)):
        return None
    return recorder


async def _open(database: AsyncDatabase[Document] | None) -> Recorder | None:
    """Return the recorder, opening the database first; None if the database is not available now.

    The embedded server may have to start, so this may take up to RECORD_WAIT_SECONDS.
    """
    if breaker.is_open():
        return None
    try:
        opened = await within_wait(open_database(database))
    except Exception as error:  # noqa: BLE001 (as in _store)
        breaker.failed()
        logger.warning("The database cannot be opened", extra={"reason": str(error) or type(error).__name__})
        return None
    await on_disk(_prepare_count, opened)
    for closed in [loop for loop in _recorders if loop.is_closed()]:
        del _recorders[closed]
    recorders = _recorders.setdefault(asyncio.get_running_loop(), {})
    if (recorder := _recorder(database)) is None:
        recorder = recorders[store_key(database)] = Recorder(opened, breaker)
    return recorder


def record_blocking(database: AsyncDatabase[Document] | None, contents: Sequence[BaseModel]) -> list[Fate]:
    """Store or spool records as :func:`record` does, for code without an event loop; return the Fate of each.

    Takes RECORD_WAIT_SECONDS at most to open the database and as long again to write, and raises no database
    error.
    """
    records = [Record.now(content) for content in contents]
    _say_if_zones_differ()
    _prepare_count(database)
    if breaker.is_open():
        return _spool(database, records, "the database is away")
    wait = get_settings().record_wait_seconds
    try:
        opened = open_blocking(database, wait)
        with pymongo.timeout(wait):
            results = write(opened, records, fresh=True)
    except Exception as error:  # noqa: BLE001 (as in _store)
        breaker.failed()
        return _spool(database, records, reason_of(error))
    fates = _keep_refused(database, records, results)
    _look_for_spooled(database)
    return fates


def _keep_refused(
    database: AsyncDatabase[Document] | None, records: Sequence[Record], results: Sequence[Result]
) -> list[Fate]:
    """Return the Fate of each record of a write.

    Set aside those refused for good, spool the other refused ones.
    """
    fates, later, reason = [Fate.STORED] * len(records), {}, ""
    for index, (record_, result) in enumerate(zip(records, results, strict=True)):
        if isinstance(result, Refusal):
            if result.for_good:
                fates[index] = bury_record(_spool_of(database), record_, result.reason)
            else:
                later[index] = record_
                reason = result.reason
    if later:
        for index, fate in zip(later, _spool(database, list(later.values()), reason), strict=True):
            fates[index] = fate
    return fates


def _spool(database: AsyncDatabase[Document] | None, records: Sequence[Record], reason: str) -> list[Fate]:
    """Write records to the spool, and have the replayer try the database again in RETRY_SECONDS."""
    fate = spool_records(_spool_of(database), records, reason)
    replayer.start(store_key(database)[1], lambda: blocking(database), delay=RETRY_SECONDS)
    return [fate] * len(records)


def _spool_of(database: AsyncDatabase[Document] | None) -> Spool:
    return Spool(store_key(database)[1])


def _look_for_spooled(database: AsyncDatabase[Document] | None) -> None:
    """Once a second, while the database answers: replay what waits in the spool, on the replayer's thread.

    Another process of this machine may have spooled it and ended since. A spool that cannot be read now, as
    where too many files are open, is looked at again later: it concerns none of the records just stored.
    """
    if breaker.look_is_due():
        beats.keep(store_key(database), lambda: blocking(database))
        with suppress(OSError):
            if _spool_of(database).has_waiting():
                replayer.start(store_key(database)[1], lambda: blocking(database))


_said = threading.Event()


def _say_if_zones_differ() -> None:
    """Warn once if naive times were read in TIMEZONE while this machine's clock is in another zone."""
    if _said.is_set() or not took_naive():
        return
    _said.set()
    if (zones := zones_in_doubt()) is None:
        return
    logger.warning(
        "Times without a zone are taken in TIMEZONE, and this machine's clock shows another: "
        "pass times with a zone, or set TIMEZONE or TZ",
        extra={"timezone": zones[0], "machine": zones[1]},
    )


_prepared: set[tuple[Path, str]] = set()


def _prepare_count(database: AsyncDatabase[Document] | None) -> None:
    """Reserve, once per spool, the disk space that counting lost records will need on a full disk."""
    spool = get_settings().data_dir, store_key(database)[1]
    if spool in _prepared:
        return
    _prepared.add(spool)
    try:
        _spool_of(database).prepare_count()
    except OSError as error:
        logger.error("The spool cannot be written", extra={"reason": error.strerror})  # noqa: TRY400 (the reason is enough)
