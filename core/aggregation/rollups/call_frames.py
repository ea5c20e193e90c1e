"""Stored calls as a pandas frame."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa
from pymongo.database import Database

from core.aggregation.rollups.cells import COMPONENTS
from core.aggregation.rollups.foreign_values import HAS_ERROR, Found, read_past
from core.models.calls.fields import CALL_FIELDS, Kind
from core.models.definitions import COUNTS
from core.storage.archive.archived_rows import Missed, PassingOver, archived, pc
from core.storage.collections import CALLS
from core.storage.columns import find_columns, find_frame
from core.storage.recording.dirty_windows import WINDOW, window_of
from core.types import Document, Period

TimeField = Literal["start_time", "end_time"]

_ERRORS = pa.list_(pa.struct([("type", pa.string()), ("fault", pa.string())]))
_ARROW: dict[Kind, pa.DataType] = {
    "moment": pa.timestamp("ms", tz="UTC"),
    "text": pa.string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "errors": _ERRORS,
}
_COUNTED = {name for count in COUNTS.values() if count.shown for name in count.fields}
_SCHEMA: dict[str, pa.DataType] = {
    # Whole numbers as floats, because pandas floats have room for "unknown".
    **{
        one.name: pa.float64() if one.kind == "count" else _ARROW[one.kind]
        for one in CALL_FIELDS
        if one.checked or one.name in _COUNTED
    },
    "has_error": pa.bool_(),
    "cost_rupees": pa.float64(),
}
_COSTS = [f"$cost.{name}" for name in COMPONENTS]
_PROJECTION: Document = dict.fromkeys(_SCHEMA, 1) | {
    "has_error": HAS_ERROR,
    "cost_rupees": {"$cond": [{"$gt": [{"$max": _COSTS}, None]}, {"$sum": _COSTS}, None]},
}


CALL_SCHEMA: dict[str, pa.DataType] = {
    **{one.name: _ARROW[one.kind] for one in CALL_FIELDS if one.rolled_up and one.kind != "cost"},
    "error_types": pa.list_(pa.string()),
    **{f"cost_{name}": pa.float64() for name in COMPONENTS},
}
"""What roll-ups need of a stored call; ``error_types`` is schema version 1's form of ``errors``."""
_FIELDS: Document = {
    name: f"$cost.{name.removeprefix('cost_')}" if name.startswith("cost_") else 1 for name in CALL_SCHEMA
}
"""What to read. Extracting the costs takes server time, but a rebuild waits for the client, where a
sub-document costs over four times as much as plain fields."""


@dataclass(frozen=True)
class CallFilters:
    """Which calls; None matches all."""

    direction: str | None = None
    language: str | None = None
    status: str | None = None
    campaign: str | None = None

    def query(self) -> Document:
        """Return the filters as a MongoDB query."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def calls_query(start: datetime, end: datetime, by: TimeField, filters: CallFilters | None) -> Document:
    """Return a query for the calls of the half-open period [start, end)."""
    within = {"$gte": start, "$lt": end}
    times = ended(within) if by == "end_time" else {by: within}
    return times | (filters.query() if filters else {})


def ended(within: Document) -> Document:
    """Return a query for calls by their end; one whose end is not known counts as ended when it began.

    Calls that never came about often have no end: left out, only the good ones would be seen.
    """
    return {"$or": [{"end_time": within}, _endless(within)]}


def _endless(started: Document) -> Document:
    return {"end_time": None, "start_time": started}


def read_calls(
    database: Database[Document], periods: Sequence[Period], filters: CallFilters | None = None
) -> pa.Table:
    """Return the calls that started in any of the half-open periods, archived ones too, as CALL_SCHEMA says.

    Raises:
        UserError: a file of the archive is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    return find_calls(database, periods, filters).calls


def find_calls(
    database: Database[Document], periods: Sequence[Period], filters: CallFilters | None = None
) -> Found:
    """Return the same as :func:`read_calls`, and the calls that cannot be read as columns."""
    starts = [{"start_time": {"$gte": start, "$lt": end}} for start, end in periods]
    if not starts:
        return Found(pa.Table.from_pylist([], schema=pa.schema(CALL_SCHEMA.items())), [])
    query: Document = {"$or": starts} if len(starts) > 1 else starts[0]
    query |= filters.query() if filters else {}
    found = find_stored(database, query)
    return Found(_with_archived(database, found.calls, periods, filters), found.left_out)


class Readable(NamedTuple):
    """What :func:`find_calls` returned, and the periods it had to leave out."""

    found: Found
    unread: list[Period]


def find_readable(
    database: Database[Document], periods: Sequence[Period], filters: CallFilters | None = None
) -> Readable:
    """Return the calls of periods, except where archived ones cannot be read; the log names their file.

    Raises:
        PyMongoError: the database does not answer.
    """
    left, unread = list(periods), list[Period]()
    while True:
        missed: Missed = []
        with PassingOver(missed):
            return Readable(find_calls(database, left, filters), unread)
        first, last = window_of(missed[0].first), window_of(missed[0].last) + WINDOW
        unread += [(max(start, first), min(end, last)) for start, end in left if start < last and first < end]
        outside = [
            part for start, end in left for part in ((start, min(end, first)), (max(start, last), end))
        ]
        left = [(start, end) for start, end in outside if start < end]


def find_stored(database: Database[Document], query: Document) -> Found:
    """Return the stored calls of a query in CALL_SCHEMA's columns, without archived ones.

    Raises:
        PyMongoError: the database does not answer.
    """
    return read_past(
        lambda sound: find_columns(database[CALLS], sound, CALL_SCHEMA, projection=_FIELDS),
        database[CALLS],
        query,
    )


def _with_archived(
    database: Database[Document], calls: pa.Table, periods: Sequence[Period], filters: CallFilters | None
) -> pa.Table:
    stored = [name for name in CALL_SCHEMA if _FIELDS[name] == 1 and name != "error_types"]
    old = archived(database, CALLS, periods, [*stored, "cost"])
    if not len(old):
        return calls
    # A killed archive run leaves calls in both places.
    old = old.filter(pc.invert(pc.is_in(old["_id"], value_set=calls["_id"].combine_chunks())))
    for name, value in (filters.query() if filters else {}).items():
        old = old.filter(pc.equal(old[name], value))
    old = old.append_column("error_types", pa.nulls(len(old), CALL_SCHEMA["error_types"]))
    for name in COMPONENTS:
        old = old.append_column(f"cost_{name}", pc.struct_field(old["cost"], name))
    return pa.concat_tables([calls, old.select(calls.schema.names).cast(calls.schema)])


_FLAGS = ("qualification_completed", "handoff_triggered", "has_error")


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    flags = [name for name in _FLAGS if name in frame]
    frame[flags] = frame[flags].fillna(value=False).astype(bool)
    return frame.rename(columns={"_id": "call_id"})


def load_calls(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    by: TimeField = "start_time",
    fields: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the calls of [start, end), one row each, times in UTC; ``by`` says which time must lie there.

    By ``end_time``, the end of a call is its start if it is not known.

    With ``fields`` only these columns, beside id and times, which takes half the time for many calls.
    """
    wanted = set(_SCHEMA) if fields is None else {"_id", "start_time", "end_time", *fields}
    columns = {name: kind for name, kind in _SCHEMA.items() if name in wanted}
    projection = {name: shown for name, shown in _PROJECTION.items() if name in wanted}

    def read(times: Document) -> pd.DataFrame:
        found = read_past(
            lambda sound: find_frame(database[CALLS], sound, columns, projection=projection),
            database[CALLS],
            times,
        )
        calls: pd.DataFrame = found.calls
        return calls

    within = {"$gte": start, "$lt": end}
    calls = read({by: within})
    if by == "end_time" and database[CALLS].find_one(_endless(within), {"_id": 1}):
        # Read apart: most often there are none, and one query for both would take longer.
        others = read(_endless(within))
        calls = pd.concat([calls, others.assign(end_time=others["start_time"])], ignore_index=True)
    return _named(calls)
