"""Which calls are in the archive: a hash of each id, read from each file once per process."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pymongo.database import Database

from core.models.archives import ArchivePart
from core.storage.archive.archived_rows import Missed, PassingOver, parts, read_part
from core.storage.collections import CALLS
from core.threads import fork_safe_lock
from core.types import Document

MOST_ROWS = 5_000_000
"""Of a larger archive only the latest are known: 20 MB of hashes, and a few seconds at the first look-up."""
Field = Literal["_id", "provider_call_id"]
Hashes = NDArray[np.uint32]
_known: dict[tuple[str, Field, str], Hashes] = {}
_guard = fork_safe_lock()


def perhaps_archived(
    database: Database[Document], ids: Sequence[str], missed: Missed, field: Field = "_id"
) -> list[str]:
    """Return those ids that are in the archive, and occasionally one that is not.

    Args:
        database: whose archive.
        ids: what to look for.
        missed: is given the files that cannot be read: they are elsewhere, or still to be restored.
        field: whose ids they are: the agent's, or those of a carrier or platform.

    Raises:
        PyMongoError: the database does not answer.
    """
    if not ids:
        return []
    found = _latest(parts(database, {"collection": CALLS}, missed))
    wanted, there = _hashes(ids), np.zeros(len(ids), np.bool_)
    with _guard:
        _forget_all_but(database.name, {part.file for part in found})
        for part in found:
            with PassingOver(missed):
                there |= np.isin(wanted, _of(database, part, field))
    return [call_id for call_id, archived in zip(ids, there.tolist(), strict=True) if archived]


def _latest(found: Sequence[ArchivePart]) -> list[ArchivePart]:
    rows = accumulate(part.rows for part in reversed(found))
    return [part for part, sum_ in zip(reversed(found), rows, strict=True) if sum_ <= MOST_ROWS]


def _of(database: Database[Document], part: ArchivePart, field: Field) -> Hashes:
    key = database.name, field, part.file
    if key not in _known:
        column = read_part(database, part, [field])[field].to_pylist()
        _known[key] = _hashes(value for value in column if value is not None)
    return _known[key]


def _hashes(ids: Iterable[str]) -> Hashes:
    return np.fromiter((crc32(call_id.encode()) for call_id in ids), np.uint32)


def _forget_all_but(name: str, files: set[str]) -> None:
    for key in [key for key in _known if key[0] == name and key[2] not in files]:
        del _known[key]
