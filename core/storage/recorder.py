"""Recording without loss and without keeping the agent waiting.

Callers that record at the same time share one bulk write (a group commit). What the database does not take
within RECORD_WAIT_SECONDS goes to the spool, and from there to the database once it is back.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import cast
from weakref import WeakKeyDictionary

from pydantic import BaseModel
from pymongo.asynchronous.database import AsyncDatabase

from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.connection import Document, client_of_loop, open_database
from core.storage.records import Record
from core.storage.replay import replay
from core.storage.spool import Spool, bury_record, on_disk, spool_records
from core.storage.write import MAX_BATCH, Refusal, Result, write_async

WRITERS = 2
"""Bulk writes under way at once: one is prepared while the database makes the other durable."""
MIN_SHARE = 16
"""Records that are not worth dividing among the writers."""
REST_SECONDS = 5.0
"""After the database failed, records go straight to the spool for so long."""

logger = get_logger("database")


class _Health:
    """What this process knows of the database."""

    rest_until = 0.0
    next_look = 0.0

    @classmethod
    def rests(cls) -> bool:
        return time.monotonic() < cls.rest_until

    @classmethod
    def failed(cls) -> None:
        cls.rest_until = time.monotonic() + REST_SECONDS


class Recorder:
    """The group commits of one event loop: while bulk writes are under way, the next one's records gather."""

    def __init__(self, database: AsyncDatabase[Document], given: AsyncDatabase[Document] | None) -> None:
        self._database = database
        self.client = database.client
        self._given = given  # kept, so that no other client gets its id
        self.foreign = database is given
        self._waiting: deque[tuple[Record, asyncio.Future[None]]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way = 0

    def put(self, record_: Record) -> asyncio.Future[None]:
        """Have a record stored; done when it is durable in the database, or in the spool.

        A caller that is cancelled meanwhile takes nothing back: what was recorded did happen.
        """
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((record_, stored))
        if len(self._writers) < WRITERS:
            self._writers.add(asyncio.create_task(self._drain()))
        return stored

    async def _drain(self) -> None:
        try:
            await self._write_waiting()
        finally:
            # Not a step later: who comes then would wait for a writer that has ended.
            self._writers.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _write_waiting(self) -> None:
        while self._waiting:
            share = -(-len(self._waiting) // (WRITERS - self._under_way))
            size = min(len(self._waiting), MAX_BATCH, max(MIN_SHARE, share))
            batch = [self._waiting.popleft() for _ in range(size)]
            self._under_way += 1
            try:
                await self._store([record_ for record_, _ in batch])
            except BaseException:
                for _, stored in batch:
                    stored.cancel()
                raise
            finally:
                self._under_way -= 1
            for _, stored in batch:
                if not stored.done():
                    stored.set_result(None)

    async def _store(self, records: list[Record]) -> None:
        """Bring records to the database, or to the disk."""
        if _Health.rests():
            await self._spool(records, "the database is away")
            return
        try:
            async with asyncio.timeout(get_settings().record_wait_seconds):
                results = await write_async(self._database, records)
        except Exception as error:  # noqa: BLE001 (the agent's call goes on, whatever the store is up to)
            _Health.failed()
            await self._spool(
                records, "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
            )
            return
        await self._keep_refused(records, results)
        if time.monotonic() >= _Health.next_look:
            _Health.next_look = time.monotonic() + 1
            if Spool().has_waiting():
                replay_later(self._database, 0)

    async def _keep_refused(self, records: Sequence[Record], results: Sequence[Result]) -> None:
        later = []
        for record_, result in zip(records, results, strict=True):
            if isinstance(result, Refusal):
                if result.for_good:
                    await on_disk(bury_record, record_, result.reason)
                else:
                    later.append(record_)
                    reason = result.reason
        if later:
            await self._spool(later, reason)

    async def _spool(self, records: list[Record], reason: str) -> None:
        await on_disk(spool_records, records, reason)
        replay_later(self._database, REST_SECONDS)


_Key = str | tuple[int, str]
_recorders: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Recorder]] = WeakKeyDictionary()
_replays: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


async def record(database: AsyncDatabase[Document] | None, content: BaseModel) -> None:
    """Store a record, or spool it; waits RECORD_WAIT_SECONDS for the database and raises nothing of its."""
    record_ = Record.now(content)
    recorder = _recorder(database) or await _open(database)
    if recorder is None:
        await on_disk(spool_records, [record_], "the database cannot be opened")
    else:
        await recorder.put(record_)


def _recorder(database: AsyncDatabase[Document] | None) -> Recorder | None:
    """The recorder of the running loop and a database, unless its client was closed."""
    recorder = _recorders.get(asyncio.get_running_loop(), {}).get(_key(database))
    return recorder if recorder and (recorder.foreign or recorder.client is client_of_loop()) else None


def _key(database: AsyncDatabase[Document] | None) -> _Key:
    if database is None:
        return get_settings().mongodb_database
    return id(database.client), database.name


async def _open(database: AsyncDatabase[Document] | None) -> Recorder | None:
    """Make the recorder; None where there is no database now. The embedded server may have to start."""
    if _Health.rests():
        return None
    try:
        async with asyncio.timeout(get_settings().record_wait_seconds):
            opened = await open_database(database)
    except Exception as error:  # noqa: BLE001 (as in _store)
        _Health.failed()
        logger.warning("The database cannot be opened", extra={"reason": str(error) or type(error).__name__})
        return None
    await on_disk(_prepare_count)
    recorders = _recorders.setdefault(asyncio.get_running_loop(), {})
    if (recorder := _recorder(database)) is None:
        recorder = recorders[_key(database)] = Recorder(opened, database)
    return recorder


def _prepare_count() -> None:
    try:
        Spool().prepare_count()
    except OSError as error:
        logger.error("The spool cannot be written", extra={"reason": error.strerror})  # noqa: TRY400


def replay_later(database: AsyncDatabase[Document], delay: float) -> None:
    """Replay the spool beside the caller, from ``delay`` seconds on, until it is empty."""
    loop = asyncio.get_running_loop()
    if loop not in _replays:
        _replays[loop] = task = asyncio.create_task(_replay_until_empty(database, delay))
        task.add_done_callback(lambda task: _replays.pop(task.get_loop(), None))


async def _replay_until_empty(database: AsyncDatabase[Document], delay: float) -> None:
    while True:
        await asyncio.sleep(delay)
        try:
            if await replay(database):
                _Health.rest_until = 0
            if not Spool().has_waiting():
                return
        except Exception as error:  # noqa: BLE001 (whatever it is, the next try may find it gone)
            logger.warning("Spool not replayed yet", extra={"reason": type(error).__name__})
        delay = REST_SECONDS
