"""Keep the roll-ups right: recompute every window that something happened in, whole, from its calls.

Nothing is incremented. That is why late, repeated, corrected, moved and deleted calls come out right, two
processes refreshing at once do no harm, and the next run finds what a killed one left undone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.buckets import local_hours
from core.aggregation.rollups.call_frames import Readable, find_calls, find_readable
from core.aggregation.rollups.cells import Cells, Ints
from core.aggregation.rollups.codec import SCHEMA_VERSION, document, documents, readable_cells
from core.aggregation.rollups.peaks import peaks_of
from core.aggregation.rollups.rollup import QUARTER_HOUR
from core.aggregation.rollups.set_apart import Apart, cells_of_sound
from core.clock import day_bounds
from core.logging_config import get_logger
from core.models.archives import ArchivePart
from core.settings import LEAST_RETENTION_DAYS, get_settings
from core.storage import rollup_store
from core.storage.archive import unread
from core.storage.archive.archived_rows import CATALOGUE, Missed, PassingOver, parts, read_part
from core.storage.archive.known_ids import perhaps_archived
from core.storage.archive.late_reports import bring_back, bring_back_before
from core.storage.archive.mover import Due, archive, cutoff, due, release
from core.storage.collections import (
    A_TIME,
    CALLS,
    DIRTY_WINDOWS,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
    is_half_restored,
)
from core.storage.recording import dirty_windows
from core.storage.recording.dirty_windows import WINDOW, window_of
from core.storage.server.connection import server_time
from core.types import Document, Progress

WindowProgress = Callable[[int, int], object]
"""Called with the number of windows done, and of how many."""
logger = get_logger("database")
CALLS_AT_ONCE = 200_000
WINDOWS_AT_ONCE = 192
_WINDOWS_AT_FIRST = 8
_DAYS_AT_ONCE = 8
_DAILY = (ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY, ROLLUPS_HOURLY)
_READERS = 3
MOST_NAMED = 100
"""How many calls of a window are listed by id if they cannot be rolled up."""

_RECORDED_LATE = timedelta(days=1)
"""Calls recorded this long after their start may correct archived ones, and are always looked up in the
archive. The many others are looked up only if the archive seems to know their ids."""


@dataclass(frozen=True)
class Refreshed:
    """What was recomputed: how many windows of 15 minutes, how many calls they held, and which local days."""

    windows: int
    calls: int
    days: list[date]


class _Recomputed(NamedTuple):
    """How many calls the recomputed windows hold, and the windows that could not be recomputed."""

    calls: int
    unread: set[datetime]


def windows_key() -> str:
    """Return the key of the quarter hours' progress; a new schema version starts over under a new key."""
    return f"15m:v{SCHEMA_VERSION}"


def days_key(zone: str) -> str:
    """Return the key of the progress of a zone's days."""
    return f"days:v{SCHEMA_VERSION}:{zone}"


def refresh_rollups(database: Database[Document], progress: WindowProgress | None = None) -> Refreshed:
    """Bring the roll-ups up to date with what was recorded, replaced and deleted since the last refresh.

    A window is recomputed if a call in it was recorded since (with OVERLAP to spare, as commits become
    visible out of order), if it was marked dirty because a change leaves no trace in the calls, or if another
    version of this program wrote its document. The order matters: windows first, then the days made from
    them, then the progress mark, and the dirty marks last. Being killed anywhere only means that some windows
    are recomputed again. While a restore is in progress there is nothing to bring up to date.

    Raises:
        PyMongoError: the database does not answer; the next refresh does what is left.
    """
    if is_half_restored(database):
        return Refreshed(0, 0, [])
    now = server_time(database)
    since = rollup_store.resume_from(database, windows_key())
    _take_back(database, since, now)
    rows = list(database[DIRTY_WINDOWS].find())
    found = touched_windows(database, since - dirty_windows.OVERLAP) if since else _all_windows(database)
    waiting = unread.waiting_windows(database)
    foreign = rollup_store.of_other_form(database, ROLLUPS_15M, SCHEMA_VERSION, A_TIME)
    windows = sorted(found.union(waiting, foreign, (row["_id"] for row in rows)))
    done = _recompute(database, windows, now, progress)
    unread.note_windows(database, waiting - done.unread, done.unread - waiting)
    days = _merge_changed_days(database)
    rollup_store.advance(database, windows_key(), now)
    _forget(database, rows, now)
    return Refreshed(len(windows) - len(done.unread), done.calls, days)


def _all_windows(database: Database[Document]) -> set[datetime]:
    """Return the windows that any call falls in, archived ones too."""
    found = touched_windows(database, None)
    for part in parts(database, {"collection": CALLS}, []):
        found |= _windows_of(database, part)
    return found


def _windows_of(database: Database[Document], part: ArchivePart) -> set[datetime]:
    """Return the windows of an archived file's calls; all it may have calls in, if it cannot be read."""
    with PassingOver([]):
        starts = read_part(database, part, ["start_time"])["start_time"].cast(pa.int64()).to_numpy()
        windows = np.unique(starts // (1000 * QUARTER_HOUR)) * QUARTER_HOUR
        return {datetime.fromtimestamp(at, UTC) for at in windows.tolist()}
    return set(_windows(part.first, part.last))


def _take_back(database: Database[Document], since: datetime | None, now: datetime) -> None:
    """Take calls that were recorded again out of the archive, which marks their windows dirty."""
    if database[CATALOGUE].find_one({}, {"_id": 1}) is None:
        return
    # Calls recorded before this may be in both places because they are being archived right now.
    youngest = now - timedelta(days=LEAST_RETENTION_DAYS - 1)
    usual = max(youngest, since - dirty_windows.OVERLAP) if since else youngest
    recorded = unread.look_from(database, "unread_calls", usual)
    late = (since or now) - _RECORDED_LATE
    missed: Missed = []

    def recorded_of(starts: Document) -> list[str]:
        query = {"recorded_at": {"$gte": Timestamp(recorded, 0)}, "start_time": starts}
        return [row["_id"] for row in database[CALLS].find(query, {"_id": 1})]

    ids = recorded_of({"$lt": late})
    if since is not None:
        ids += perhaps_archived(database, recorded_of({"$gte": late}), missed)
    if ids:
        bring_back(database, recorded)  # a partial report must not replace the archived call
        release(database, CALLS, "_id", ids, missed)
    unread.note_looked(database, "unread_calls", recorded, whole=not missed)


def rebuild_rollups(
    database: Database[Document], start: datetime, end: datetime, progress: WindowProgress | None = None
) -> Refreshed:
    """Recompute every window that [start, end) touches, and the local days these windows lie in.

    Raises:
        UserError: a file of the archive is not on this machine, or damaged; other windows are recomputed.
        PyMongoError: the database does not answer; run it again.
    """
    now = server_time(database)
    windows = _windows(start, end - timedelta(microseconds=1))
    if not windows:  # a day that local clocks never showed
        return Refreshed(0, 0, [])
    done = _recompute(database, windows, now, progress, only_known=True)
    there = changed_windows(database, None, {"$gte": windows[0], "$lte": windows[-1]})
    days = _merge_days(database, _days_of(there))
    if done.unread:
        find_calls(database, rollup_store.ranges(sorted(done.unread), WINDOW))  # raises what was in the way
    return Refreshed(len(windows), done.calls, days)


def _windows(first: datetime, last: datetime) -> list[datetime]:
    """Return the windows from that of the first moment to that of the last."""
    begin, end = window_of(first), window_of(last)
    return [begin + number * WINDOW for number in range((end - begin) // WINDOW + 1)]


def touched_windows(
    database: Database[Document], since: datetime | None, start_time: Document | None = None
) -> set[datetime]:
    """Return the windows that calls recorded since then fall in; ``start_time`` restricts the calls' start.

    With ``since`` None all calls are considered.
    """
    match: Document = {} if since is None else {"recorded_at": {"$gte": Timestamp(since, 0)}}
    if start_time:
        match["start_time"] = start_time
    truncated = {"$dateTrunc": {"date": "$start_time", "unit": "minute", "binSize": WINDOW.seconds // 60}}
    # A call written by another tool may have a text as its start time; it must not stop the others.
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
) -> _Recomputed:
    """Replace the documents of these windows (ascending).

    ``read_at`` is the server's time before the calls were read. A stored document that was read later is left
    alone, so a slow process cannot overwrite newer figures. With ``only_known``, no empty document is created
    for a window that has none. Windows whose archived calls cannot be read stay as they are.
    """
    done, total = 0, 0
    left: set[datetime] = set()
    known = _known(database, windows) if only_known else set(windows)
    for part, (found, missing) in _read(database, windows):
        left.update(window for window in part for start, end in missing if start <= window < end)
        cells, sound, apart = cells_of_sound(found.calls)
        apart += [Apart.of(call, "foreign type") for call in found.left_out]
        _name(apart)
        read = [window for window in part if window not in left]
        rows = _window_rows(cells.capped_spans(), peaks_of(sound), read, known, apart)
        rollup_store.replace_older(database, ROLLUPS_15M, rows, read_at)
        done, total = done + len(part), total + len(found.calls)
        if progress:
            progress(done, len(windows))
    return _Recomputed(total, left)


def _read(
    database: Database[Document], windows: Sequence[datetime]
) -> Iterator[tuple[Sequence[datetime], Readable]]:
    """Yield the windows in parts, with their calls; each part fits into memory, however busy the hours are.

    The next parts are read while the caller works on one, to keep both the server and this process busy. The
    size of a part follows from how many calls the last one held.
    """
    at, size = 0, _WINDOWS_AT_FIRST
    under_way: deque[tuple[Sequence[datetime], Future[Readable]]] = deque()
    with ThreadPoolExecutor(_READERS) as readers:
        while under_way or at < len(windows):
            while at < len(windows) and len(under_way) < _READERS:
                part = windows[at : at + size]
                reading = readers.submit(find_readable, database, rollup_store.ranges(part, WINDOW))
                under_way.append((part, reading))
                at += size
            part, reading = under_way.popleft()
            read = reading.result()
            yield part, read
            fitting = len(part) * CALLS_AT_ONCE // max(len(read.found.calls), 1)
            size = max(1, min(4 * size, fitting, WINDOWS_AT_ONCE))


def _known(database: Database[Document], windows: Sequence[datetime]) -> set[datetime]:
    """Return which of the windows have a stored document."""
    period = {"_id": {"$gte": windows[0], "$lte": windows[-1]}}
    return {row["_id"].astimezone(UTC) for row in database[ROLLUPS_15M].find(period, {"_id": 1})}


def _name(apart: Sequence[Apart]) -> None:
    """Log each call that cannot be rolled up, so that somebody can correct it."""
    for call in apart:
        extra = {"call_id": call.call_id, "reason": call.reason}
        logger.error("Call cannot be rolled up, set apart: record it again, put right", extra=extra)


def _window_rows(
    cells: Cells,
    peaks: Mapping[datetime, Document],
    windows: Iterable[datetime],
    known: set[datetime],
    apart: Sequence[Apart],
) -> Iterator[Document]:
    """Yield the documents of windows: with cells, or empty for a window whose calls are gone.

    The empty document is needed: without it, a window whose last call was deleted would keep its old figures.
    """
    filled = {datetime.fromtimestamp(seconds, UTC): row for seconds, row in documents(cells)}
    bad: dict[datetime, list[str]] = {}
    for call in apart:
        bad.setdefault(window_of(datetime.fromtimestamp(call.seconds, UTC)), []).append(call.call_id)
    for window in windows:
        named = {"set_apart": bad[window][:MOST_NAMED]} if window in bad else {}
        if window in filled:
            yield {"_id": window, **filled[window], "peaks": peaks.get(window, {}), **named}
        elif window in known or named:
            yield {"_id": window, "schema_version": SCHEMA_VERSION, "calls": 0, **named}


def _merge_changed_days(database: Database[Document]) -> list[date]:
    """Rebuild days of TIMEZONE whose windows were recomputed since last time, or that have another form."""
    settings = get_settings()
    key, now = days_key(settings.timezone), server_time(database)
    changed = changed_windows(database, rollup_store.until(database, key).get(key))
    days = _merge_days(database, sorted({*_days_of(changed), *_foreign_days(database, settings.timezone)}))
    rollup_store.advance(database, key, now)
    return days


def _foreign_days(database: Database[Document], zone: str) -> set[date]:
    """Return the days of a zone of which another version of this program wrote a document."""
    of_zone = {"$gte": f"{zone}:", "$lt": f"{zone}:~"}
    days: set[date] = set()
    for name in _DAILY:
        for identity in rollup_store.of_other_form(database, name, SCHEMA_VERSION, of_zone):
            with suppress(ValueError):  # put there by another tool
                days.add(rollup_store.day_of(identity))
    return days


def _days_of(windows: Iterable[datetime]) -> list[date]:
    zone = get_settings().tz
    return sorted({window.astimezone(zone).date() for window in windows})


def changed_windows(
    database: Database[Document], since: datetime | None, window: Document | None = None
) -> set[datetime]:
    """Return the windows recomputed after ``since``; ``window`` restricts them by their start."""
    query: Document = {} if since is None else {"read_at": {"$gt": since}}
    if window:
        query["_id"] = window
    return {row["_id"].astimezone(UTC) for row in database[ROLLUPS_15M].find(query, {"_id": 1})}


def _merge_days(database: Database[Document], days: Sequence[date]) -> list[date]:
    """Build the documents of these days of TIMEZONE from those of their windows."""
    settings = get_settings()
    for at in range(0, len(days), _DAYS_AT_ONCE):
        part, now = days[at : at + _DAYS_AT_ONCE], server_time(database)
        rows = [_day_rows(database, settings.timezone, settings.tz, day) for day in part]
        for collection, same in zip(_DAILY, zip(*rows, strict=True), strict=True):
            rollup_store.replace_older(database, collection, same, now)
    return list(days)


def _day_rows(database: Database[Document], zone: str, tz: tzinfo, day: date) -> list[Document]:
    """Return a day's documents, one for each collection of _DAILY."""
    start, end = day_bounds(day, tz)
    query = {"_id": {"$gte": start, "$lt": end}, "calls": {"$gt": 0}, "schema_version": SCHEMA_VERSION}
    rows = list(database[ROLLUPS_15M].find(query).sort("_id", 1))
    head = {"_id": rollup_store.day_id(zone, day), "start": start, "zone": zone, "date": str(day)}
    if not rows:
        return [{**head, "schema_version": SCHEMA_VERSION, "calls": 0} for _ in _DAILY]
    cells, unreadable = readable_cells(rows, "_id", collection=ROLLUPS_15M)
    if unreadable:  # to be computed again from their calls, which are counted until then
        dirty_windows.mark_dirty(database, unreadable)
    first = int(start.timestamp())
    whole = spans_of(cells, np.full(len(cells), first, np.int64)).capped()
    hours = spans_of(cells.without_campaigns(), local_hours(cells.time, tz)).capped()
    small = whole.without_campaigns().merged(whole.time)
    return [{**head, **document(part, first)} for part in (whole, small, hours)]


def spans_of(cells: Cells, starts: Ints) -> Cells:
    """Merge cells of quarter hours into longer spans; ``starts`` holds the start of each cell's span.

    The tally ``slots`` keeps the quarter hour of each call, counted from the new start.
    """
    slots = cells.tallies["slots"]
    later = ((cells.time - starts) // QUARTER_HOUR)[slots.cell]
    return cells.with_tally("slots", slots.shifted(later)).merged(starts)


def _forget(database: Database[Document], rows: Sequence[Document], now: datetime) -> None:
    """Delete dirty marks that this refresh has seen, unless they were set again or are younger than OVERLAP.

    A young mark stays because it is set before its change, which may not have been visible to us yet.
    """
    old = Timestamp(now - dirty_windows.OVERLAP, 0)
    for row in rows:
        marked = row.get("marked_at")
        if not isinstance(marked, Timestamp) or marked < old:
            database[DIRTY_WINDOWS].delete_one({"_id": row["_id"], "marked_at": marked})


def archive_due(database: Database[Document], progress: Progress = lambda *_: None) -> list[Due]:
    """Move calls and turns recorded more than RAW_RETENTION_DAYS ago to Parquet files below DATA_DIR/archive.

    The order is what keeps every figure unchanged: roll-ups first, then files, then deletion. If the process
    is killed at any point, the next run continues.

    Raises:
        UserError: another process is archiving here, or the disk is full or cannot be written.
        PyMongoError: the database does not answer.
    """
    before = cutoff(database)
    if not due(database, before):
        return []
    refresh_rollups(database, lambda done, total: progress("Bringing roll-ups up to date", done, total))
    bring_back_before(database, before)
    return archive(database, before, progress)
