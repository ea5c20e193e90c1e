"""Databases for tests: a few per worker, used in turn and emptied before each test.

Creating one takes 0.2 s: twenty collections with three indexes each, all of them files. Emptying one takes a
hundredth of that. An empty database has what ``ensure_indexes`` creates; one that a test left in any other
shape is dropped and created again.
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
"""Databases in rotation: whatever still writes to one has ended when its turn comes again."""
_MOST_DOCUMENTS = 5_000
"""Deleting more documents takes longer than creating a database."""
_FOLDERS = ("spool", "archive", "audit", "erasures")
_INDEXES = len(INDEXES) + sum(map(len, INDEXES.values()))
_names: deque[str] = deque()


def next_name() -> str:
    """Return the name of the least recently used database, or of a new one."""
    if len(_names) < _KEPT:
        _names.append(f"test_{uuid.uuid4().hex[:12]}")
    else:
        _names.rotate(-1)
    return _names[-1]


def emptied() -> Database[Document]:
    """Return the configured database, empty, with all its indexes."""
    database = get_sync_database()
    if not _empty(database):
        database.client.drop_database(database.name)
        ensure_indexes(database)
    return database


def _empty(database: Database[Document]) -> bool:
    """Delete what the last test left; return False if the database does not have the expected shape."""
    if database.command("dbStats")["objects"] > _MOST_DOCUMENTS:
        return False
    try:
        for name in database.list_collection_names():
            if name in INDEXES:
                database[name].delete_many({})
            else:
                database.drop_collection(name)
    except OperationFailure:
        return False  # the profiler of a failed test is still on
    found = database.command("dbStats")
    return (found["collections"], found["indexes"], found["objects"]) == (len(INDEXES), _INDEXES, 0)


def forget(data_dir: Path, name: str) -> None:
    """Clear everything that this process and its disk remember about a database of this name."""
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
