"""Read the cells of a period: from stored roll-ups, and from calls for what those do not contain yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from pymongo.database import Database

from core.aggregation.rollups.buckets import HOURLY, SECONDS, Bucket
from core.aggregation.rollups.call_frames import CallFilters, find_readable
from core.aggregation.rollups.cells import MOST_VALUES, OTHER, Cells
from core.aggregation.rollups.codec import SCHEMA_VERSION, projection, readable_cells
from core.aggregation.rollups.plan import Plan, plan
from core.aggregation.rollups.refresh import changed_windows, days_key, touched_windows, windows_key
from core.aggregation.rollups.rollup import QUARTER_HOUR
from core.aggregation.rollups.set_apart import cells_of_sound
from core.clock import day_bounds
from core.storage import rollup_store
from core.storage.collections import (
    DIRTY_WINDOWS,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.storage.recording import dirty_windows
from core.types import Document, Period

LATE = timedelta(seconds=5)
"""How long after its server timestamp a call may become visible; a refresh allows for far more."""

_LONG = timedelta(days=7)
"""For longer periods the query has no time bounds: given bounds, the server tries an index that fetches
calls."""


class Stored(NamedTuple):
    """The cells of a period in parts, and the half-open periods for which calls were read."""

    parts: list[Cells]
    from_calls: list[Period]


def stored_cells(
    database: Database[Document],
    period: Period,
    filters: CallFilters | None,
    bucket: Bucket,
    zone: tzinfo,
    fields: Sequence[str],
    *,
    campaigns: bool,
    counts: bool,
) -> Stored:
    """Return the cells of a half-open period in parts, in the longest spans that ``bucket`` allows.

    Cost depends on the number of stored documents and on calls not rolled up yet, not on the number of calls;
    where a day has more languages or campaigns than its document keeps, a filter by a rare one reads quarter
    hours, and calls where those are short of it too.

    Args:
        database: the store.
        period: start (inclusive) and end (exclusive).
        filters: dimension values to keep; None keeps all.
        bucket: the finest step the caller will divide time into.
        zone: the time zone whose days and hours are meant; stored days exist for TIMEZONE only.
        fields: the measures whose spreads and sketches are wanted.
        campaigns: whether the result has to tell campaigns apart, which needs larger documents.
        counts: whether more than the sketches of ``fields`` is wanted.

    Where archived calls would have to be read and cannot be, the stored quarter hours count.

    Raises:
        PyMongoError: the database does not answer.
    """
    seconds = min(SECONDS.get(bucket, QUARTER_HOUR), QUARTER_HOUR)
    by_day = bucket not in SECONDS or (bucket in HOURLY and not campaigns)
    how = _plan(database, period, zone, by_day=by_day) if seconds == QUARTER_HOUR else Plan(calls=[period])
    reader = _Reader(database, fields, filters, counts=counts)
    parts, windows, from_calls = [], list(how.windows), list(how.calls)
    if how.days:
        ids = [rollup_store.day_id(str(zone), day) for day in how.days]
        daily = ROLLUPS_CAMPAIGNS if campaigns else ROLLUPS_DAILY
        found = reader.at(ROLLUPS_HOURLY if bucket in HOURLY else daily, {"_id": {"$in": ids}}, "start")
        parts.append(found.cells)
        windows += [day_bounds(rollup_store.day_of(day), zone) for day in found.lacking]
    if windows:
        periods = [{"_id": {"$gte": start, "$lt": end}} for start, end in windows]
        found = reader.at(ROLLUPS_15M, {"$or": periods}, "_id")
        parts.append(found.cells)
        from_calls += rollup_store.ranges(found.lacking, dirty_windows.WINDOW)
    if from_calls or not parts:
        read, unread = find_readable(database, from_calls, filters)
        parts.append(cells_of_sound(read.calls, seconds).cells.only(fields, counts=counts))
        if unread:
            # What is stored of them may miss a late change, which is better than no figures.
            whole = [{"_id": {"$gte": start, "$lte": end - dirty_windows.WINDOW}} for start, end in unread]
            parts.append(reader.at(ROLLUPS_15M, {"$or": whole}, "_id").cells)
    return Stored(parts if campaigns else [part.without_campaigns() for part in parts], from_calls)


def _plan(database: Database[Document], period: Period, zone: tzinfo, *, by_day: bool) -> Plan:
    """Return how to read the period, given what changed since the roll-ups were last brought up to date."""
    found = behind(database, period, zone, by_day=by_day)
    return plan(period, zone, *found) if found else Plan(calls=[period])


class Behind(NamedTuple):
    """Windows whose stored documents are behind the calls, and those that stored days are behind of.

    ``days`` is None where there are no days of the zone, or none are wanted.
    """

    windows: set[datetime]
    days: set[datetime] | None


def behind(
    database: Database[Document], period: Period, zone: tzinfo, *, by_day: bool = True
) -> Behind | None:
    """Return what roll-ups do not hold yet of a half-open period; None if nothing was ever rolled up.

    Raises:
        PyMongoError: the database does not answer.
    """
    start, end = period
    days = days_key(str(zone))
    until = rollup_store.until(database, windows_key(), days)
    if windows_key() not in until:
        return None
    near = {"$gte": start - dirty_windows.WINDOW, "$lt": end}
    few = near if end - start < _LONG else None
    stale = touched_windows(database, until[windows_key()] - LATE, few)
    marked = database[DIRTY_WINDOWS].find({"_id": near}, {"_id": 1})
    stale.update(row["_id"] for row in marked)
    if not by_day or days not in until:
        return Behind(stale, None)
    return Behind(stale, changed_windows(database, until[days]))


class _Found(NamedTuple):
    """The cells of documents, and the ids of those that cannot say all that is wanted.

    Those may have merged a wanted value into OTHER, were written by another version of this program, or
    cannot be read.
    """

    cells: Cells
    lacking: list[Any]


class _Reader:
    """Reads stored documents with the same fields and filters."""

    def __init__(
        self,
        database: Database[Document],
        fields: Sequence[str],
        filters: CallFilters | None,
        *,
        counts: bool,
    ) -> None:
        self._database, self._fields, self._counts = database, fields, counts
        self._wanted = filters.query() if filters else {}

    def at(self, collection: str, query: Document, start: str) -> _Found:
        """Return what the documents that match hold."""
        there = {**query, "$nor": [{"calls": 0, "schema_version": SCHEMA_VERSION}]}
        shown = projection(self._fields, counts=self._counts)
        shown = shown and shown | {"schema_version": 1}
        rows = list(self._database[collection].find(there, shown).sort("_id", 1))
        lacking = [row["_id"] for row in rows if self._is_lacking(row)]
        if lacking:
            rows = [row for row in rows if not self._is_lacking(row)]
        cells, unreadable = readable_cells(
            rows, start, self._fields, self._wanted, counts=self._counts, collection=collection
        )
        return _Found(cells, lacking + unreadable)

    def _is_lacking(self, row: Document) -> bool:
        return row.get("schema_version") != SCHEMA_VERSION or self._is_merged(row.get("words"))

    def _is_merged(self, words: object) -> bool:
        """Return whether a document kept too few values to say how many calls have a wanted one."""
        if not isinstance(words, list):
            return False
        rare = (value for name, value in self._wanted.items() if name in MOST_VALUES)
        return OTHER in words and any(value == OTHER or value not in words for value in rare)


def stored_windows(
    database: Database[Document],
    starts: Sequence[datetime],
    filters: CallFilters | None,
    fields: Sequence[str],
) -> Cells:
    """Return the cells of stored quarter hours, with the sketches of these fields and nothing else.

    Unlike :func:`stored_cells` it does not look whether calls have come since.

    Raises:
        PyMongoError: the database does not answer.
    """
    query: Document = {"_id": {"$in": list(starts)}}
    return _Reader(database, fields, filters, counts=False).at(ROLLUPS_15M, query, "_id").cells
