"""The columnar copy: closed days as Parquet below DATA_DIR/columnar/DATABASE, one file per month.

Each day carries a mark: when its windows were last merged in the roll-ups it was read after. A different mark
means that a call of the day was added, changed or removed since, and the day is read again; so late,
corrected, erased and restored calls come out right, as they do in the roll-ups. What the roll-ups do not
contain yet is read from the store. Nothing in the files is personal, and nothing exists only there, so the
folder may be deleted at any time.
"""

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path

import orjson
import pyarrow as pa
from pymongo.database import Database

from core.aggregation.columnar.fields import form, schema
from core.aggregation.columnar.rows import calls_of
from core.aggregation.rollups.codec import SCHEMA_VERSION
from core.aggregation.rollups.read import behind
from core.clock import day_bounds, utc_now
from core.files import create_private, private_folder, sync
from core.settings import get_settings
from core.storage import rollup_store
from core.storage.archive.archived_rows import pc, pq
from core.storage.collections import ROLLUPS_DAILY
from core.types import Document, Period

ROWS_AT_ONCE = 122_880
"""Rows of one row group: what DuckDB reads at once, and what memory holds while a file is written."""
_MARKS = b"days"
"""Key under which a file lists its days, each with its mark."""
Marks = Mapping[date, datetime]


@dataclass(frozen=True)
class Source:
    """The calls of a half-open period: from files, limited to their ``days``, and the others in memory."""

    start: datetime
    end: datetime
    zone: tzinfo
    files: tuple[Path, ...]
    days: frozenset[date]
    fresh: pa.Table
    at: datetime
    """When they had been read, in UTC."""

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.files[0].parent if self.files else Path()


def open_source(database: Database[Document], start: datetime, end: datetime) -> Source:
    """Return the calls of [start, end) for queries; days that are not in the copy yet are copied first.

    Raises:
        ArchiveUnreadableError: a file of the archive is not on this machine, or damaged.
        OSError: DATA_DIR cannot be written.
        PyMongoError: the database does not answer.
    """
    zone, at = get_settings().tz, utc_now()
    wanted = closed_days(database, (start, end), zone)
    _bring_up_to_date(database, wanted, zone)
    held = {
        day: file
        for file in _files(database)
        for day, mark in _days_of(file).items()
        if wanted.get(day) == mark
    }
    fresh = calls_of(database, _left(held, (start, end), zone), zone)
    files = tuple(dict.fromkeys(held[day] for day in sorted(held)))
    return Source(start, end, zone, files, frozenset(held), fresh, at)


def copy_closed_days(database: Database[Document], days: int) -> int:
    """Copy those of the last days that are missing from the copy, or have changed; return how many.

    Copies in an earlier format, which nobody reads any more, are removed.

    Raises:
        ArchiveUnreadableError, OSError, PyMongoError: as for :func:`open_source`.
    """
    zone, now = get_settings().tz, utc_now()
    wanted = closed_days(database, (now - timedelta(days=days), now), zone)
    copied = _bring_up_to_date(database, wanted, zone)
    for other in _root(database).glob("*"):
        if other != _folder(database):
            shutil.rmtree(other, ignore_errors=True)
    return copied


def closed_days(database: Database[Document], period: Period, zone: tzinfo) -> dict[date, datetime]:
    """Return the days before today that a period touches and roll-ups cover entirely, with their marks."""
    first, last = (moment.astimezone(zone).date() for moment in period)
    whole = (day_bounds(first, zone)[0], day_bounds(last, zone)[1])
    found = behind(database, whole, zone)
    if found is None or found.days is None:
        return {}
    open_days = {window.astimezone(zone).date() for window in {*found.windows, *found.days}}
    ids = {"$gte": rollup_store.day_id(str(zone), first), "$lte": rollup_store.day_id(str(zone), last)}
    query = {"_id": ids, "calls": {"$gt": 0}, "schema_version": SCHEMA_VERSION}
    rows = database[ROLLUPS_DAILY].find(query, {"date": 1, "read_at": 1})
    marks = {date.fromisoformat(row["date"]): row["read_at"].astimezone(UTC) for row in rows}
    today = utc_now().astimezone(zone).date()
    return {day: mark for day, mark in marks.items() if day < today and day not in open_days}


def _left(held: Mapping[date, Path], period: Period, zone: tzinfo) -> list[Period]:
    """Return what is left of a period without these days, as few half-open periods."""
    at, end = period
    left: list[Period] = []
    for day in sorted(held):
        begin, over = day_bounds(day, zone)
        if at < begin:
            left.append((at, min(begin, end)))
        at = max(at, over)
    return [*left, (at, end)] if at < end else left


def _root(database: Database[Document]) -> Path:
    return get_settings().data_dir.absolute() / "columnar" / database.name


def _folder(database: Database[Document]) -> Path:
    return _root(database) / form(get_settings().timezone)


def _files(database: Database[Document]) -> list[Path]:
    """Return the newest file of each month."""
    newest = {file.name[:7]: file for file in sorted(_folder(database).glob("*.parquet"))}
    return list(newest.values())


@lru_cache(maxsize=1024)
def _days_of(file: Path) -> Marks:
    """Return the days in a file, each with its mark; a file never changes once it has its name."""
    try:
        said = orjson.loads(pq.read_metadata(file).metadata[_MARKS])
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        return {}  # damaged, or just replaced: its days are read again
    return {date.fromisoformat(day): datetime.fromisoformat(mark) for day, mark in said.items()}


def _bring_up_to_date(database: Database[Document], wanted: Marks, zone: tzinfo) -> int:
    """Copy the days that are missing or have a different mark, month by month; return how many."""
    if not _missing(database, wanted):
        return 0
    with _alone(_folder(database)):
        missing = _missing(database, wanted)  # another process may have done some
        for month in sorted({f"{day:%Y-%m}" for day in missing}):
            of_month = {day: wanted[day] for day in missing if f"{day:%Y-%m}" == month}
            _write(database, month, of_month, zone)
    return len(missing)


def _missing(database: Database[Document], wanted: Marks) -> list[date]:
    held = {day: mark for file in _files(database) for day, mark in _days_of(file).items()}
    return sorted(day for day, mark in wanted.items() if held.get(day) != mark)


def _write(database: Database[Document], month: str, days: Marks, zone: tzinfo) -> None:
    """Write a month's file with these days read again, in place of its earlier ones."""
    folder = _folder(database)
    old = [file for file in _files(database) if file.name.startswith(month)]
    kept = {day: mark for file in old for day, mark in _days_of(file).items() if day not in days}
    file = folder / f"{month}.{time.time_ns()}.parquet"
    unfinished = file.with_suffix(".part")
    marks = {day.isoformat(): mark.isoformat() for day, mark in sorted({**kept, **days}.items())}
    try:
        with (
            create_private(unfinished) as target,
            pq.ParquetWriter(target, schema(), compression="lz4", store_schema=False) as writer,
        ):
            waiting: list[pa.Table] = [table for one in old for table in _rows_of(one, set(kept), writer)]
            for day in sorted(days):
                waiting.append(calls_of(database, [day_bounds(day, zone)], zone))
                if sum(map(len, waiting)) >= ROWS_AT_ONCE:
                    _flush(writer, waiting)
            _flush(writer, waiting)
            writer.add_key_value_metadata({_MARKS: orjson.dumps(marks)})
        sync(unfinished)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    for one in old:
        one.unlink(missing_ok=True)


def _rows_of(file: Path, days: set[date], writer: "pq.ParquetWriter") -> Iterator[pa.Table]:
    """Copy the rows of these days from a file, whole row groups at once; yields what is left of a group."""
    chosen = pa.array(sorted(days), pa.date32())
    waiting: list[pa.Table] = []
    with pq.ParquetFile(file) as source:
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number).cast(schema())
            waiting.append(rows.filter(pc.is_in(rows["day"], value_set=chosen)))
            if sum(map(len, waiting)) >= ROWS_AT_ONCE:
                _flush(writer, waiting)
    yield from waiting


def _flush(writer: "pq.ParquetWriter", waiting: list[pa.Table]) -> None:
    if waiting:
        writer.write_table(pa.concat_tables(waiting).combine_chunks(), row_group_size=ROWS_AT_ONCE)
        waiting.clear()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to a folder; remove what a killed one left there."""
    path = private_folder(folder) / ".lock"
    with path.open("ab") as file:
        path.chmod(0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in folder.glob("*.part"):
            with suppress(OSError):
                left.unlink()
        newest = {one.name[:7]: one for one in sorted(folder.glob("*.parquet"))}
        for old in set(folder.glob("*.parquet")) - set(newest.values()):
            old.unlink(missing_ok=True)
        yield
