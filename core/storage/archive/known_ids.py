"""Which calls are in the archive: a hash of each id, read from a file once in a process."""

from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pymongo.database import Database

from core.models.archives import ArchivePart
from core.storage.archive.archived_rows import ArchiveUnreadableError, parts, read_part
from core.storage.collections import CALLS
from core.storage.threads import fork_safe_lock
from core.types import Document

MOST_ROWS = 5_000_000
"""Of a larger archive nothing is read: 20 MB of hashes, and some seconds of a process's first look."""
Hashes = NDArray[np.uint32]
_known: dict[tuple[str, str], Hashes] = {}
_guard = fork_safe_lock()


def perhaps_archived(database: Database[Document], ids: Sequence[str]) -> list[str]:
    """Those of the ids that are in the archive, and now and then one that is not.

    Raises:
        PyMongoError: the database does not answer.
    """
    if not ids:
        return []
    found = parts(database, {"collection": CALLS})
    if sum(part.rows for part in found) > MOST_ROWS:
        return []
    wanted, there = _hashes(ids), np.zeros(len(ids), np.bool_)
    with _guard:
        _forget_all_but(database.name, {part.file for part in found})
        for part in found:
            there |= np.isin(wanted, _of(database, part))
    return [call_id for call_id, archived in zip(ids, there.tolist(), strict=True) if archived]


def _of(database: Database[Document], part: ArchivePart) -> Hashes:
    key = database.name, part.file
    if key not in _known:
        try:
            _known[key] = _hashes(read_part(database, part, ["_id"])["_id"].to_pylist())
        except ArchiveUnreadableError:
            return np.empty(0, np.uint32)  # of the machine that archives, or to be restored
    return _known[key]


def _hashes(ids: Iterable[str]) -> Hashes:
    return np.fromiter((crc32(call_id.encode()) for call_id in ids), np.uint32)


def _forget_all_but(name: str, files: set[str]) -> None:
    for key in [key for key in _known if key[0] == name and key[1] not in files]:
        del _known[key]
