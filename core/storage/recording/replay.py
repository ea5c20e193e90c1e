"""Replaying the spool: from this machine's disk to the database, by whichever process comes first."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pymongo
from pymongo.database import Database

from core.logging_config import get_logger
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool, bury_record, records_in
from core.storage.recording.write import MAX_BATCH, Refusal, Result, write
from core.storage.threads import fork_safe_lock
from core.types import Document

BATCH_SECONDS = 30.0
"""Longest that the database may take for one batch."""
RETRY_SECONDS = 5.0
"""How long a process waits before it tries again to replay what it spooled."""
logger = get_logger("database")


def replay(database: Database[Document]) -> int:
    """Write what was spooled to the database, the oldest first; how many records it took.

    Nothing where another process is at it.

    Raises:
        PyMongoError: the database does not answer; what is left stays for the next time.
    """
    spool, stored = Spool(database.name), 0
    with spool.replaying() as ours:
        for files in _batches(spool.waiting()) if ours else ():
            stored += _replay_files(database, spool, files)
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


def _replay_files(database: Database[Document], spool: Spool, files: list[Path]) -> int:
    read = list(_readable(spool, files))
    records = [record for _, some in read for record in some]
    with pymongo.timeout(BATCH_SECONDS):
        results = write(database, records)
    pairs = iter(zip(records, results, strict=True))
    for file, some in read:
        _settle(spool, file, [next(pairs) for _ in some])
    return sum(not isinstance(result, Refusal) for result in results)


def _readable(spool: Spool, files: Sequence[Path]) -> Iterator[tuple[Path, list[Record]]]:
    for file in files:
        try:
            yield file, spool.read(file)
        except FileNotFoundError:
            continue  # another process replayed it
        except OSError as error:
            logger.warning("Spool file not readable", extra={"file": str(file), "reason": error.strerror})


def _settle(spool: Spool, file: Path, pairs: Sequence[tuple[Record, Result]]) -> None:
    """Take a file away whose records are stored, or buried; those to try again get one of their own."""
    later = []
    for record, result in pairs:
        if isinstance(result, Refusal):
            if result.for_good:
                bury_record(spool, record, result.reason)
            else:
                later.append(record)
    if len(later) == records_in(file):
        return
    if later:
        spool.put(later)
    file.unlink(missing_ok=True)


class Replayer:
    """One thread of this process that replays, beside whoever records, until the spools are empty."""

    def __init__(self, on_success: Callable[[], None]) -> None:
        self._on_success = on_success
        self._guard = fork_safe_lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._databases: dict[str, Callable[[], Database[Document]]] = {}

    def start(self, name: str, database: Callable[[], Database[Document]], delay: float = 0) -> None:
        """Replay to the database of this name from ``delay`` seconds on; a waiting thread stops waiting."""
        with self._guard:
            self._databases[name] = database
            if delay == 0:
                self._wake.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, args=(delay,), name="spool-replay", daemon=True
                )
                self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until there is nothing more to replay."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self, delay: float) -> None:
        while True:
            self._wake.wait(delay)
            self._wake.clear()
            for name, database in list(self._databases.items()):
                try:
                    if replay(database()):
                        self._on_success()
                except Exception as error:  # noqa: BLE001 (whatever it is, the next try may find it gone)
                    logger.warning("Spool not replayed yet", extra={"reason": type(error).__name__})
                with self._guard:
                    if not Spool(name).has_waiting():
                        del self._databases[name]
            with self._guard:
                if not self._databases:
                    self._thread = None
                    return
            delay = RETRY_SECONDS
