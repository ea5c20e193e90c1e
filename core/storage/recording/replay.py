"""Replay the spool: move records from this machine's disk to the database. Any process may do it."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pymongo
from pymongo.database import Database

from core.logging_config import get_logger
from core.storage.recording.deadlines import reason_of
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool, bury_record, records_in
from core.storage.recording.write import MAX_BATCH, Refusal, Result, write
from core.threads import fork_safe_lock, start_daemon
from core.types import Document

BATCH_SECONDS = 30.0
"""Longest time the database may take for one batch."""
RETRY_SECONDS = 5.0
"""How long a process waits before it tries again to replay what it spooled."""
logger = get_logger("database")


def replay(database: Database[Document]) -> int:
    """Write the spooled records to the database, oldest first; return how many it accepted.

    Does nothing while another process is replaying. A file is removed only after all its records are settled,
    so being killed halfway means at most that some are written a second time, which changes nothing. A spool
    that cannot be read or written now is logged, and left for the next try.

    Raises:
        PyMongoError: the database does not answer; what is left stays for the next try.
    """
    spool, stored = Spool(database.name), 0
    try:
        with spool.replaying() as ours:
            for files in _batches(spool.waiting()) if ours else ():
                stored += _replay_files(database, spool, files)
    except OSError as error:  # too many open files, a full disk, another user's folder
        logger.warning("The spool is not replayed", extra={"reason": error.strerror or type(error).__name__})
    if stored:
        logger.info("Spooled records stored", extra={"records": stored})
    return stored


def _batches(files: list[Path]) -> Iterator[list[Path]]:
    """Yield groups of files that together hold about MAX_BATCH records, for one bulk write each."""
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
    """Remove a file once its records are stored or set aside; spool those to retry in a file of their own.

    The new file is written before the old one is removed: a crash in between duplicates records, never loses
    them.
    """
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


def _is_empty(spool: Spool) -> bool:
    """Return whether a spool certainly has nothing to replay; one that cannot be read now may have."""
    try:
        return not spool.has_waiting()
    except OSError:
        return False


class Replayer:
    """One background thread of this process that replays until the spools are empty, then ends.

    It keeps the recording path free of replay work. Databases are known by name, so two clients of the same
    database share one entry.
    """

    def __init__(self, on_success: Callable[[], None]) -> None:
        self._on_success = on_success
        self._guard = fork_safe_lock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        self._databases: dict[str, Callable[[], Database[Document]]] = {}

    def _begin(self) -> None:
        """Start without a thread; the one of a forked child's parent stays with the parent."""
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, name: str, database: Callable[[], Database[Document]], delay: float = 0) -> None:
        """Replay to the named database in ``delay`` seconds.

        With 0 a thread that is waiting to retry starts at once.
        """
        with self._guard:
            self._databases[name] = database
            if delay == 0:
                self._wake.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = start_daemon("spool-replay", self._run, delay)

    def wait(self, seconds: float) -> None:
        """Wait until there is nothing left to replay, for ``seconds`` at most."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self, delay: float) -> None:
        """Replay every registered database until its spool is empty, every RETRY_SECONDS.

        End when none is left.

        The decision to end is taken under the guard that :meth:`start` holds, so a database registered in
        that moment is either seen here or finds no thread and starts one.
        """
        while True:
            self._wake.wait(delay)
            self._wake.clear()
            for name, database in list(self._databases.items()):
                try:
                    if replay(database()):
                        self._on_success()
                except Exception as error:  # noqa: BLE001 (whatever it is, the next try may succeed)
                    logger.warning("Spool not replayed yet", extra={"reason": reason_of(error)})
                with self._guard:
                    if _is_empty(Spool(name)):
                        del self._databases[name]
            with self._guard:
                if not self._databases:
                    self._thread = None
                    return
            delay = RETRY_SECONDS
