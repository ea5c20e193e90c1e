"""Replaying the spool: from this machine's disk to the database, by whichever process comes first."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from pymongo.asynchronous.database import AsyncDatabase

from core.logging_config import get_logger
from core.storage.connection import Document
from core.storage.records import Record
from core.storage.spool import Spool, bury_record, on_disk, records_in
from core.storage.write import MAX_BATCH, Refusal, Result, write_async

BATCH_SECONDS = 30.0
"""Longest that the database may take for one batch."""
logger = get_logger("database")


async def replay(database: AsyncDatabase[Document]) -> int:
    """Write what was spooled to the database, the oldest first; how many records it took.

    Nothing where another process is at it.

    Raises:
        PyMongoError, TimeoutError: the database does not answer; what is left stays for the next time.
    """
    spool, stored = Spool(), 0
    with spool.replaying() as ours:
        for files in _batches(await on_disk(spool.waiting)) if ours else ():
            stored += await _replay_files(database, spool, files)
    if stored:
        logger.info("Spooled records stored", extra={"records": stored})
    return stored


def _batches(files: list[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    records = 0
    for file in files:
        batch.append(file)
        records += records_in(file)
        if records >= MAX_BATCH:
            yield batch
            batch, records = [], 0
    if batch:
        yield batch


async def _replay_files(database: AsyncDatabase[Document], spool: Spool, files: list[Path]) -> int:
    read = await on_disk(_readable, spool, files)
    records = [record for _, some in read for record in some]
    async with asyncio.timeout(BATCH_SECONDS):
        results = await write_async(database, records)
    by_record = iter(zip(records, results, strict=True))
    for file, some in read:
        await on_disk(_settle, file, [next(by_record) for _ in some])
    return sum(not isinstance(result, Refusal) for result in results)


def _readable(spool: Spool, files: Sequence[Path]) -> list[tuple[Path, list[Record]]]:
    read = []
    for file in files:
        try:
            read.append((file, spool.read(file)))
        except FileNotFoundError:
            continue  # another process replayed it
        except OSError as error:
            logger.warning("Spool file not readable", extra={"file": str(file), "reason": error.strerror})
    return read


def _settle(file: Path, pairs: Sequence[tuple[Record, Result]]) -> None:
    """Take a file away whose records are stored, or buried."""
    for record, result in pairs:
        if isinstance(result, Refusal) and result.for_good:
            bury_record(record, result.reason)
    if not any(isinstance(result, Refusal) and not result.for_good for _, result in pairs):
        file.unlink(missing_ok=True)
