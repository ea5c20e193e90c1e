"""The calls of a period with the highest value of a field, found without reading the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from pymongo.database import Database

from core.aggregation.cube import Cube
from core.aggregation.rollups.buckets import distinct
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.cells import MOST, Cells
from core.aggregation.rollups.peaks import moments_from
from core.aggregation.rollups.read import stored_windows
from core.storage.collections import CALLS, ROLLUPS_15M
from core.storage.recording.dirty_windows import WINDOW
from core.storage.restrictions import visible
from core.types import Document, Period

_SPAN = timedelta(hours=1)
"""Cells of an hourly cube are quarter hours or hours; neither reaches further than this from its start."""
_QUARTERS = [WINDOW * number for number in range(_SPAN // WINDOW)]


@dataclass(frozen=True)
class SlowCall:
    """A call and its value of the field in question; times in UTC."""

    call_id: str
    start_time: datetime
    value: float
    language: str
    status: str


class _Span(NamedTuple):
    """When calls started, and their highest value of the field."""

    start: datetime
    highest: float


def _spans(cells: Cells, field: str, n: int) -> list[_Span]:
    """Return the ``n`` spans of cells with the highest values of the field, highest first."""
    times, group = distinct(cells.time)
    highest = np.full(len(times), -np.inf)
    np.maximum.at(highest, group, cells.spreads[field][:, MOST])
    order = [at for at in np.argsort(-highest, kind="stable")[:n] if highest[at] > -np.inf]
    return [_Span(datetime.fromtimestamp(int(times[at]), UTC), float(highest[at])) for at in order]


class Look(NamedTuple):
    """Where the highest calls are: started in any of these half-open periods, and no lower than this.

    ``moments`` are those at which the calls that are high enough began, for the periods where that is known.
    """

    periods: set[Period]
    moments: dict[Period, set[datetime]]
    at_least: float


def look(database: Database[Document], cube: Cube, field: str, filters: CallFilters, n: int) -> Look:
    """Return where the ``n`` calls with the highest values are, as closely as roll-ups tell.

    Needs a cube of hours or finer. A call among the n highest lies in one of the n spans of the cube with the
    highest maxima, and is no lower than the lowest of these. In such a span, that leaves the quarter hours
    with a maximum as high. Where calls were read, and where stored quarter hours do not explain the maximum,
    it is taken whole.
    """
    cube.require("1h")
    hours = _spans(cube.cells, field, n)
    at_least = hours[-1].highest if len(hours) == n else -np.inf
    starts = [hour.start + quarter for hour in hours for quarter in _QUARTERS]
    windows = _spans(stored_windows(database, starts, filters, (field,)), field, len(starts))
    whole: set[Period] = set()
    quarters: list[datetime] = []
    for hour in hours:
        inside = [one for one in windows if hour.start <= one.start < hour.start + _SPAN]
        explained = max((one.highest for one in inside), default=-np.inf) >= hour.highest
        if not explained or any(start <= hour.start < end for start, end in cube.from_calls):
            whole.add((hour.start, hour.start + _SPAN))
        else:
            quarters += [one.start for one in inside if one.highest >= at_least]
    # A quarter hour's document says it of all its calls, not of those that a filter leaves.
    moments = {} if filters.query() else _moments(database, quarters, field, at_least)
    return Look(whole | {(start, start + WINDOW) for start in quarters}, moments, at_least)


def _moments(
    database: Database[Document], quarters: Sequence[datetime], field: str, at_least: float
) -> dict[Period, set[datetime]]:
    """Return when the calls that are high enough began, of the quarter hours whose documents say so."""
    rows = database[ROLLUPS_15M].find({"_id": {"$in": list(quarters)}}, {f"peaks.{field}": 1})
    found = {row["_id"]: moments_from(row, row["_id"], field, at_least) for row in rows}
    return {(start, start + WINDOW): said for start, said in found.items() if said is not None}


def slowest_calls(
    database: Database[Document], cube: Cube, field: str, filters: CallFilters, n: int = 10
) -> Sequence[SlowCall]:
    """Return the ``n`` calls of the cube with the highest value of a field, highest first.

    Args:
        database: the store.
        cube: of hours or finer.
        field: one of ``cells.MEASURES``.
        filters: those the cube was loaded with.
        n: how many at most.
    """
    periods, moments, at_least = look(database, cube, field, filters, n)
    if not periods:
        return []
    known = set().union(*moments.values())
    bounds = {one: {"$gte": max(one[0], cube.start), "$lt": min(one[1], cube.end)} for one in periods}
    closely: list[object] = [bound for one, bound in bounds.items() if one not in moments]
    # Where some of the highest may not be shown, lower ones take their places: read all, then.
    rows = _highest(database, filters, field, n, at_least, [{"$in": sorted(known)}, *closely])
    if len(rows) < n:
        rows = _highest(database, filters, field, n, -np.inf, [*bounds.values()])
    return [
        SlowCall(
            str(row["_id"]),
            row["start_time"],
            row[field],
            str(row.get("language") or ""),
            str(row.get("status") or ""),
        )
        for row in rows
    ]


def _highest(
    database: Database[Document],
    filters: CallFilters,
    field: str,
    n: int,
    least: float,
    starts: Sequence[object],
) -> list[Document]:
    """Return the ``n`` highest calls that may be shown, of those that began as any of ``starts`` says."""
    # Finite numbers only: what other tools may have written is in no figure either.
    value = {"$gte": least, "$lt": float("inf"), "$type": ["int", "long", "double"]}
    query = {**filters.query(), field: value, "$or": [{"start_time": start} for start in starts]}
    shown = {"start_time": 1, "language": 1, "status": 1, field: 1}
    found = database[CALLS].find(visible(database, query), shown).sort([(field, -1), ("_id", 1)])
    return found.limit(n).to_list()
