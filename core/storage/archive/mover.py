"""Move old records out of the database: Parquet files by local day, verified before a row is deleted.

A file counts once its row is in the catalogue; only then are its records deleted. If the process is killed
before that, the file is litter that the next run sweeps up. If it is killed after it, records are in both
places: readers then use the database's, and the next run deletes those without writing them again. So nothing
is lost or counted twice.
"""

import contextlib
import fcntl
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from bson import Timestamp
from pymongo.database import Database

from core.clock import day_bounds, utc_now
from core.errors import UserError
from core.files import create_private, private_folder, sync
from core.logging_config import get_logger
from core.models.archives import Archived, ArchivePart
from core.settings import get_settings
from core.storage.archive.archived_rows import (
    CATALOGUE,
    SCHEMAS,
    Missed,
    PassingOver,
    folder,
    parts,
    pc,
    pq,
    read_part,
)
from core.storage.archive.fitting import Apart, are_equal, fitting
from core.storage.archive.opt_outs import NOTED, note_earlier, note_opt_outs
from core.storage.collections import A_TIME, CALLS, TURNS, is_half_restored
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.sealing.lead_keys import note_leads
from core.storage.server.connection import DURABLE, server_time
from core.types import Document, Period, Progress

COLLECTIONS: tuple[Archived, ...] = (TURNS, CALLS)
ROWS_AT_ONCE = 100_000
"""Most records in one file, so that it fits into memory."""
ZSTD_LEVEL = 9
_MOST_NAMED = 100
_BUSY = "another process is archiving, erasing or saving a backup; try again later"

logger = get_logger("database")


class ArchiveBusyError(UserError):
    """Another process is archiving, erasing or saving a backup in the same DATA_DIR."""


@dataclass(frozen=True)
class Due:
    """Records of one local day that are due for archiving."""

    collection: Archived
    day: date
    rows: int


_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything was recorded. A hundred years ago is earlier than the timestamps of MongoDB begin."""


def cutoff(database: Database[Document]) -> datetime:
    """Return the time before which records are archived.

    RAW_RETENTION_DAYS ago by the server's clock, in UTC.
    """
    return max(_EARLIEST, server_time(database) - timedelta(days=get_settings().raw_retention_days))


def due(database: Database[Document], before: datetime) -> list[Due]:
    """Return what to archive, by day; turns first, so that no call in the database is without its turns."""
    zone = get_settings().timezone
    day = {"$dateToString": {"date": "$start_time", "timezone": zone, "format": "%Y-%m-%d"}}
    pipeline: list[Document] = [
        {"$match": _recorded(before) | {"start_time": A_TIME}},
        {"$group": {"_id": day, "rows": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ]
    return [
        Due(collection, date.fromisoformat(row["_id"]), row["rows"])
        for collection in COLLECTIONS
        for row in database[collection].aggregate(pipeline)
    ]


def archive(database: Database[Document], before: datetime, progress: Progress) -> list[Due]:
    """Move what was recorded before a given time into files; return what was moved, by day.

    The roll-ups must be up to date; :func:`core.aggregation.rollups.refresh.archive_due` ensures that. A
    record that cannot be a row of the archive stays in the database, and the log names it. If a file of a day
    cannot be read, its other records stay too.

    Raises:
        ArchiveBusyError: another process is archiving here, or a restore has not finished.
        UserError: the disk is full or cannot be written; what was not moved is still in the database.
        PyMongoError: the database does not answer; the next run does what is left.
    """
    with alone(database):
        if is_half_restored(database):
            raise ArchiveBusyError("a restore has not finished; if none is running, run it again")
        sweep(database)
        note_earlier(database)
        moved: list[Due] = []
        for what in due(database, before):
            with PassingOver([]):  # a file of that day
                moved.append(_archive_day(database, what, before, progress))
    return [what for what in moved if what.rows]


def _archive_day(database: Database[Document], what: Due, before: datetime, progress: Progress) -> Due:
    """Archive the records of a day; return how many were moved."""
    since, end = day_bounds(what.day)
    looked_at = moved = 0
    left: list[Any] = []
    while records := _batch(database, what, before, (since, end), left):
        apart = _move(database, what, before, records)
        last = records[-1]["start_time"]
        # These stay in the database: they must neither come again nor hide those behind them.
        left = [*(left if last == since else ()), *(one["_id"] for one in apart if one["start_time"] == last)]
        since = last
        looked_at += len(records)
        moved += len(records) - len(apart)
        progress(f"Archiving {what.collection} of {what.day}", min(looked_at, what.rows), what.rows)
    return replace(what, rows=moved)


def _batch(
    database: Database[Document], what: Due, before: datetime, period: Period, left: Sequence[Any]
) -> list[Document]:
    """Return the next records of a day, earliest first, without those that were left behind."""
    start, end = period
    query = _recorded(before) | {"start_time": {"$gte": start, "$lt": end}, "_id": {"$nin": list(left)}}
    return database[what.collection].find(query).sort("start_time", 1).limit(ROWS_AT_ONCE).to_list()


def release(
    database: Database[Document],
    collection: Archived,
    field: str,
    values: Sequence[str],
    missed: Missed | None = None,
) -> int:
    """Take records with one of these values out of the archive, and have their windows recomputed.

    Used for records to erase and calls that were recorded again. Returns how many there were.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged, and there is no ``missed``.
    """
    gone, count = pc.field(field).isin(pa.array(values, pa.string())), 0
    for part in parts(database, {"collection": collection}, missed):
        with PassingOver(missed):
            count += _release(database, part.id, gone)
    return count


def _release(database: Database[Document], identity: str, gone: Any) -> int:  # noqa: ANN401 (an expression)
    """Take records out of one file; start over if another process has rewritten it."""
    while found := parts(database, {"_id": identity}):
        part = found[0]
        removed = read_part(database, part, ["start_time"], gone)
        if not len(removed):
            return 0
        if part.collection == CALLS:
            mark_dirty(database, removed["start_time"].to_pylist())
        kept = read_part(database, part, SCHEMAS[part.collection].names, ~gone)
        if _replace(database, part, kept):
            return len(removed)
    return 0


def _recorded(before: datetime) -> Document:
    return {"recorded_at": {"$lt": Timestamp(before, 0)}}


@contextmanager
def alone(database: Database[Document]) -> Iterator[None]:
    """Make sure that no other process archives, erases or saves a backup in this DATA_DIR at the same time.

    Raises:
        ArchiveBusyError: one is doing so.
        UserError: the archive's folder cannot be written.
    """
    with _locked(database, ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


@contextmanager
def _locked(database: Database[Document], name: str, how: int) -> Iterator[None]:
    path = folder(database) / name
    try:
        private_folder(path.parent)
        file = path.open("ab")
        path.chmod(0o600)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be written ({error.strerror}); make it writable") from None
    with file:
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            raise ArchiveBusyError(_BUSY) from None
        yield


def sweep(database: Database[Document]) -> None:
    """Remove files without a row in the catalogue, left by a killed run."""
    with _locked(database, ".files.lock", fcntl.LOCK_EX):
        known = {part.file for part in parts(database, {})}
        for path in folder(database).rglob("*.parquet*"):
            if str(path.relative_to(folder(database))) not in known:
                path.unlink()


def _unswept(database: Database[Document]) -> AbstractContextManager[None]:
    """Keep :func:`sweep` away while a file is written that the catalogue does not list yet."""
    return _locked(database, ".files.lock", fcntl.LOCK_SH)


def _move(
    database: Database[Document], what: Due, before: datetime, found: Sequence[Document]
) -> list[Document]:
    """Archive some records of a day; return those that cannot be, which stay in the database."""
    table, records, apart = fitting(found, what.collection)
    _name(what, apart)
    already = _versions(database, what.collection, *day_bounds(what.day))
    if outdated := [
        row["_id"] for row in records if already.get(row["_id"], row["version"]) != row["version"]
    ]:
        release(database, what.collection, "_id", outdated)
    fresh = [already.get(row["_id"]) != row["version"] for row in records]
    if any(fresh):
        _write(database, what, table.filter(pa.array(fresh)))
    ids = [row["_id"] for row in records]
    if what.collection == CALLS:
        note_opt_outs(database, records)
        note_leads(database, {row["_id"]: row["lead_id"] for row in records if row.get("lead_id")})
    collection = database.get_collection(what.collection, write_concern=DURABLE)
    deleted = collection.delete_many({"_id": {"$in": ids}} | _recorded(before)).deleted_count
    if deleted < len(ids):
        # Recorded again since they were read, so their archived copies are out of date.
        again = [row["_id"] for row in collection.find({"_id": {"$in": ids}}, {"_id": 1})]
        release(database, what.collection, "_id", again)
    return [one.record for one in apart]


def _name(what: Due, apart: Sequence[Apart]) -> None:
    if apart:
        extra = {
            "collection": what.collection,
            "day": what.day.isoformat(),
            "records": len(apart),
            "ids": [str(one.record["_id"]) for one in apart[:_MOST_NAMED]],
            "reasons": sorted({one.reason for one in apart}),
        }
        logger.warning("Records cannot be archived and stay in the database", extra=extra)


def _versions(
    database: Database[Document], collection: Archived, start: datetime, end: datetime
) -> dict[str, int]:
    """Return the version of each archived record that started in [start, end)."""
    query = {"collection": collection, "first": {"$lt": end}, "last": {"$gte": start}}
    versions: dict[str, int] = {}
    for part in parts(database, query):
        table = read_part(database, part, ["_id", "version"])
        versions.update(zip(table["_id"].to_pylist(), table["version"].to_pylist(), strict=True))
    return versions


def _write(database: Database[Document], what: Due, table: pa.Table) -> None:
    identity, catalogue = uuid.uuid4().hex[:16], database.get_collection(CATALOGUE, write_concern=DURABLE)
    zone = get_settings().timezone
    with _unswept(database):
        part = _part(database, identity, what.collection, what.day.isoformat(), zone, table)
        catalogue.insert_one(part.model_dump(exclude={"id"}) | {"_id": identity} | NOTED)


def _replace(database: Database[Document], part: ArchivePart, kept: pa.Table) -> bool:
    """Replace a part's file in one step, unless another process has replaced it first."""
    catalogue = database.get_collection(CATALOGUE, write_concern=DURABLE)
    as_read = {"_id": part.id, "file": part.file}
    if not len(kept):
        replaced = catalogue.delete_one(as_read).deleted_count
    else:
        with _unswept(database):
            new = _part(database, part.id, part.collection, part.day, part.zone, kept)
            change = {"$set": new.model_dump(exclude={"id", "opt_outs_noted"})}
            replaced = catalogue.update_one(as_read, change).matched_count
    useless = part if replaced or not len(kept) else new
    (folder(database) / useless.file).unlink(missing_ok=True)
    return bool(replaced)


def _part(
    database: Database[Document], identity: str, collection: Archived, day: str, zone: str, table: pa.Table
) -> ArchivePart:
    """Write rows to a file that is on the disk, and has been read back and compared, when this returns.

    Raises:
        UserError: the disk is full, cannot be written, or does not return what was written.
    """
    path = folder(database) / collection / day / f"{identity}-{uuid.uuid4().hex[:8]}.parquet"
    try:
        digest = _write_checked(path, table)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UserError(
            f"the archive cannot be written to {path.parent} ({error.strerror}); nothing was deleted"
        ) from None
    moments = pc.min_max(table["start_time"]).as_py()
    return ArchivePart(
        id=identity,
        collection=collection,
        day=day,
        zone=zone,
        first=moments["min"].astimezone(UTC),
        last=moments["max"].astimezone(UTC),
        file=str(path.relative_to(folder(database))),
        rows=len(table),
        bytes=path.stat().st_size,
        sha256=digest,
        written_at=utc_now(),
    )


def _write_checked(path: Path, table: pa.Table) -> str:
    private_folder(path.parent)
    with create_private(path) as file:
        pq.write_table(
            table, file, compression="zstd", compression_level=ZSTD_LEVEL, write_page_checksum=True
        )
    sync(path)
    sync(path.parent)
    back = pq.read_table(path, page_checksum_verification=True)
    if not are_equal(back, table):
        path.unlink()
        raise UserError(f"{path} did not read back as it was written; nothing was deleted")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
