"""Keeping the roll-ups right: windows that something happened in are recomputed from their calls, whole.

Never incremented: late, repeated, corrected, moved and deleted calls come out right, two processes at once
do each other no harm, and what a killed one leaves undone is found again by the next.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.buckets import local_hours
from core.aggregation.rollups.call_frames import find_calls
from core.aggregation.rollups.cells import Cells, Ints
from core.aggregation.rollups.codec import SCHEMA_VERSION, cells_of_documents, document, documents
from core.aggregation.rollups.foreign_values import Found
from core.aggregation.rollups.rollup import QUARTER_HOUR
from core.aggregation.rollups.set_apart import Apart, cells_of_sound
from core.clock import day_bounds
from core.logging_config import get_logger
from core.settings import LEAST_RETENTION_DAYS, get_settings
from core.storage import rollup_store
from core.storage.archive.archived_rows import CATALOGUE
from core.storage.archive.known_ids import perhaps_archived
from core.storage.archive.late_reports import bring_back
from core.storage.archive.mover import Due, archive, cutoff, due, release
from core.storage.collections import (
    CALLS,
    DIRTY_WINDOWS,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.storage.recording import dirty_windows
from core.storage.recording.dirty_windows import WINDOW, window_of
from core.storage.server.connection import server_time
from core.types import Document, Progress

WindowProgress = Callable[[int, int], object]
"""Told how many windows are done, and of how many."""
logger = get_logger("database")
CALLS_AT_ONCE = 200_000
WINDOWS_AT_ONCE = 192
_WINDOWS_AT_FIRST = 8
_DAYS_AT_ONCE = 8
_DAILY = (ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY, ROLLUPS_HOURLY)
_READERS = 3
MOST_NAMED = 100
"""Calls that are named of a window where they cannot be rolled up."""

_RECORDED_LATE = timedelta(days=1)
"""Calls recorded so long after their start may be corrections of archived ones, and are looked for there.

Of the others, which are many, only those are whose ids the archive seems to know."""


@dataclass(frozen=True)
class Refreshed:
    """What was recomputed: windows of 15 minutes, their calls, and local days."""

    windows: int
    calls: int
    days: list[date]


def windows_key() -> str:
    """Of the state of the quarter hours; another form of documents is another state."""
    return f"15m:v{SCHEMA_VERSION}"


def days_key(zone: str) -> str:
    """Of the state of a zone's days."""
    return f"days:v{SCHEMA_VERSION}:{zone}"


def refresh_rollups(database: Database[Document], progress: WindowProgress | None = None) -> Refreshed:
    """Bring the roll-ups up to date with what was recorded, replaced and deleted since the last time.

    Raises:
        PyMongoError: the database does not answer; the next refresh does what is left.
    """
    now = server_time(database)
    since = rollup_store.resume_from(database, windows_key())
    _take_back(database, since, now)
    rows = list(database[DIRTY_WINDOWS].find())
    found = touched_windows(database, since - dirty_windows.OVERLAP if since else None)
    windows = sorted(found.union(row["_id"] for row in rows))
    calls = _recompute(database, windows, now, progress)
    days = _merge_changed_days(database)
    rollup_store.advance(database, windows_key(), now)
    _forget(database, rows, now)
    return Refreshed(len(windows), calls, days)


def _take_back(database: Database[Document], since: datetime | None, now: datetime) -> None:
    """Take calls that were recorded again out of the archive; it marks the windows that they were in."""
    if database[CATALOGUE].find_one({}, {"_id": 1}) is None:
        return
    # What was recorded earlier may be in both places because it is being archived.
    youngest = now - timedelta(days=LEAST_RETENTION_DAYS - 1)
    recorded = max(youngest, since - dirty_windows.OVERLAP) if since else youngest
    late = (since or now) - _RECORDED_LATE

    def recorded_of(starts: Document) -> list[str]:
        query = {"recorded_at": {"$gte": Timestamp(recorded, 0)}, "start_time": starts}
        return [row["_id"] for row in database[CALLS].find(query, {"_id": 1})]

    ids = recorded_of({"$lt": late})
    if since is not None:
        ids += perhaps_archived(database, recorded_of({"$gte": late}))
    if ids:
        bring_back(database)  # a report alone must not take the place of the archived call
        release(database, CALLS, "_id", ids)


def rebuild_rollups(
    database: Database[Document], start: datetime, end: datetime, progress: WindowProgress | None = None
) -> Refreshed:
    """Recompute all windows that [start, end) touches, and the local days that they lie in."""
    now = server_time(database)
    first, last = dirty_windows.window_of(start), dirty_windows.window_of(end - timedelta(microseconds=1))
    count = (last - first) // WINDOW + 1
    windows = [first + number * WINDOW for number in range(count)]
    calls = _recompute(database, windows, now, progress, only_known=True)
    there = changed_windows(database, None, {"$gte": first, "$lte": last})
    return Refreshed(count, calls, _merge_days(database, _days_of(there)))


def touched_windows(
    database: Database[Document], since: datetime | None, start_time: Document | None = None
) -> set[datetime]:
    """The windows that calls recorded since fall in; ``start_time`` restricts where they start."""
    match: Document = {} if since is None else {"recorded_at": {"$gte": Timestamp(since, 0)}}
    if start_time:
        match["start_time"] = start_time
    truncated = {"$dateTrunc": {"date": "$start_time", "unit": "minute", "binSize": WINDOW.seconds // 60}}
    # What another tool wrote may have a text there, which must not stop the others.
    window = {"$cond": [{"$eq": [{"$type": "$start_time"}, "date"]}, truncated, None]}
    pipeline: list[Document] = [{"$match": match}, {"$group": {"_id": window}}]
    found = (row["_id"] for row in database[CALLS].aggregate(pipeline))
    return {window.astimezone(UTC) for window in found if window is not None}


def _recompute(
    database: Database[Document],
    windows: Sequence[datetime],
    read_at: datetime,
    progress: WindowProgress | None,
    *,
    only_known: bool = False,
) -> int:
    """Replace the documents of ascending windows; ``only_known``: make no empty document afresh."""
    done, total = 0, 0
    known = _known(database, windows) if only_known else set(windows)
    for part, found in _read(database, windows):
        cells, apart = cells_of_sound(found.calls)
        apart += [Apart.of(call, "foreign type") for call in found.left_out]
        _name(apart)
        rows = _window_rows(cells.capped_spans(), part, known, apart)
        rollup_store.replace_older(database, ROLLUPS_15M, rows, read_at)
        done, total = done + len(part), total + len(found.calls)
        if progress:
            progress(done, len(windows))
    return total


def _read(
    database: Database[Document], windows: Sequence[datetime]
) -> Iterator[tuple[Sequence[datetime], Found]]:
    """The calls of the windows in parts that memory holds, however busy the hours are.

    The next parts are read while the caller works on one: the server and this process both have work then.
    """
    at, size = 0, _WINDOWS_AT_FIRST
    parts: deque[tuple[Sequence[datetime], Future[Found]]] = deque()
    with ThreadPoolExecutor(_READERS) as readers:
        while parts or at < len(windows):
            while at < len(windows) and len(parts) < _READERS:
                part = windows[at : at + size]
                parts.append((part, readers.submit(find_calls, database, rollup_store.ranges(part, WINDOW))))
                at += size
            part, reading = parts.popleft()
            found = reading.result()
            yield part, found
            fitting = len(part) * CALLS_AT_ONCE // max(len(found.calls), 1)
            size = max(1, min(4 * size, fitting, WINDOWS_AT_ONCE))


def _known(database: Database[Document], windows: Sequence[datetime]) -> set[datetime]:
    period = {"_id": {"$gte": windows[0], "$lte": windows[-1]}}
    return {row["_id"].astimezone(UTC) for row in database[ROLLUPS_15M].find(period, {"_id": 1})}


def _name(apart: Sequence[Apart]) -> None:
    for call in apart:
        extra = {"call_id": call.call_id, "reason": call.reason}
        logger.error("Call cannot be rolled up, set apart: record it again, put right", extra=extra)


def _window_rows(
    cells: Cells, windows: Iterable[datetime], known: set[datetime], apart: Sequence[Apart]
) -> Iterator[Document]:
    filled = {datetime.fromtimestamp(seconds, UTC): row for seconds, row in documents(cells)}
    bad: dict[datetime, list[str]] = {}
    for call in apart:
        bad.setdefault(window_of(datetime.fromtimestamp(call.seconds, UTC)), []).append(call.call_id)
    for window in windows:
        named = {"set_apart": bad[window][:MOST_NAMED]} if window in bad else {}
        if window in filled:
            yield {"_id": window, **filled[window], **named}
        elif window in known or named:
            yield {"_id": window, "schema_version": SCHEMA_VERSION, "calls": 0, **named}


def _merge_changed_days(database: Database[Document]) -> list[date]:
    """Merge the days of TIMEZONE with windows that were recomputed since the last time."""
    settings = get_settings()
    key, now = days_key(settings.timezone), server_time(database)
    changed = changed_windows(database, rollup_store.until(database, key).get(key))
    days = _merge_days(database, _days_of(changed))
    rollup_store.advance(database, key, now)
    return days


def _days_of(windows: Iterable[datetime]) -> list[date]:
    zone = get_settings().tz
    return sorted({window.astimezone(zone).date() for window in windows})


def changed_windows(
    database: Database[Document], since: datetime | None, window: Document | None = None
) -> set[datetime]:
    """Windows recomputed after that; ``window`` restricts which."""
    query: Document = {} if since is None else {"read_at": {"$gt": since}}
    if window:
        query["_id"] = window
    return {row["_id"].astimezone(UTC) for row in database[ROLLUPS_15M].find(query, {"_id": 1})}


def _merge_days(database: Database[Document], days: Sequence[date]) -> list[date]:
    """Make the documents of these days of TIMEZONE from their windows'."""
    settings = get_settings()
    for at in range(0, len(days), _DAYS_AT_ONCE):
        part, now = days[at : at + _DAYS_AT_ONCE], server_time(database)
        rows = [_day_rows(database, settings.timezone, settings.tz, day) for day in part]
        for collection, same in zip(_DAILY, zip(*rows, strict=True), strict=True):
            rollup_store.replace_older(database, collection, same, now)
    return list(days)


def _day_rows(database: Database[Document], zone: str, tz: tzinfo, day: date) -> list[Document]:
    """A day's documents, one for each collection of _DAILY."""
    start, end = day_bounds(day, tz)
    query = {"_id": {"$gte": start, "$lt": end}, "calls": {"$gt": 0}, "schema_version": SCHEMA_VERSION}
    rows = list(database[ROLLUPS_15M].find(query).sort("_id", 1))
    head = {"_id": rollup_store.day_id(zone, day), "start": start, "zone": zone, "date": str(day)}
    if not rows:
        return [{**head, "schema_version": SCHEMA_VERSION, "calls": 0} for _ in _DAILY]
    first, cells = int(start.timestamp()), cells_of_documents(rows, [row["_id"] for row in rows])
    whole = spans_of(cells, np.full(len(cells), first, np.int64)).capped()
    hours = spans_of(cells.without_campaigns(), local_hours(cells.time, tz)).capped()
    small = whole.without_campaigns().merged(whole.time)
    return [{**head, **document(part, first)} for part in (whole, small, hours)]


def spans_of(cells: Cells, starts: Ints) -> Cells:
    """The cells of quarter hours as those of the longer spans that each lies in."""
    slots = cells.tallies["slots"]
    later = ((cells.time - starts) // QUARTER_HOUR)[slots.cell]
    return cells.with_tally("slots", slots.shifted(later)).merged(starts)


def _forget(database: Database[Document], rows: Sequence[Document], now: datetime) -> None:
    """Remove the dirty rows that were read, unless marked again; a young one's change may still come."""
    old = Timestamp(now - dirty_windows.OVERLAP, 0)
    done = [row for row in rows if row["marked_at"] < old]
    for row in done:
        database[DIRTY_WINDOWS].delete_one({"_id": row["_id"], "marked_at": row["marked_at"]})


def archive_due(database: Database[Document], progress: Progress = lambda *_: None) -> list[Due]:
    """Move calls and turns recorded more than RAW_RETENTION_DAYS ago to Parquet files below DATA_DIR/archive.

    Roll-ups first, then files, then deletion: no figure changes.

    Killed at any point, it goes on with the next run.

    Raises:
        UserError: another process archives here, or the disk is full or cannot be written.
        PyMongoError: the database does not answer.
    """
    before = cutoff(database)
    if not due(database, before):
        return []
    refresh_rollups(database, lambda done, total: progress("Bringing roll-ups up to date", done, total))
    return archive(database, before, progress)
