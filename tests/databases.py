"""Databases of tests: a few for each worker, taken in turn and emptied before each test.

To make one takes 0.2 s of the machine: twenty collections with three indexes each, all of them files. To
empty one takes a hundredth of a second. What is left is what ``ensure_indexes`` makes, and a database that a
test left in another shape is dropped and made anew.
"""

import shutil
import uuid
from collections import deque
from pathlib import Path

from pymongo.database import Database
from pymongo.errors import OperationFailure

from core.access.audit.append import forget_reads
from core.storage import restrictions
from core.storage.archive import known_ids
from core.storage.collections import INDEXES, ensure_indexes
from core.storage.recording import recorder, service_minutes, spool
from core.storage.server.connection import get_sync_database
from core.types import Document

_KEPT = 12
"""So many tests later a database has its turn again: whatever still wrote to it has ended by then."""
_MOST_DOCUMENTS = 5_000
"""More take longer to delete than a database to make."""
_FOLDERS = ("spool", "archive", "audit", "erasures")
_INDEXES = len(INDEXES) + sum(map(len, INDEXES.values()))
_names: deque[str] = deque()


def next_name() -> str:
    """Return the name of the database that was used longest ago, or of a new one."""
    if len(_names) < _KEPT:
        _names.append(f"test_{uuid.uuid4().hex[:12]}")
    else:
        _names.rotate(-1)
    return _names[-1]


def emptied() -> Database[Document]:
    """Return the configured database with every index and without a document."""
    database = get_sync_database()
    if not _empty(database):
        database.client.drop_database(database.name)
        ensure_indexes(database)
    return database


def _empty(database: Database[Document]) -> bool:
    """Take out what the last test left; False where the database is not the one that we know."""
    if database.command("dbStats")["objects"] > _MOST_DOCUMENTS:
        return False
    try:
        for name in database.list_collection_names():
            if name in INDEXES:
                database[name].delete_many({})
            else:
                database.drop_collection(name)
    except OperationFailure:
        return False  # the profiler of a test that failed is still at work
    found = database.command("dbStats")
    return (found["collections"], found["indexes"], found["objects"]) == (len(INDEXES), _INDEXES, 0)


def forget(data_dir: Path, name: str) -> None:
    """Have nothing in this process, nor on the disk, remember what was in a database of this name."""
    recorder.beats.forget()
    forget_reads()
    for known in (
        restrictions._known,
        known_ids._known,
        recorder._prepared,
        service_minutes.writer._minutes,
        spool._lost_here,
    ):
        known.clear()
    for folder in _FOLDERS:
        shutil.rmtree(data_dir / folder / name, ignore_errors=True)
