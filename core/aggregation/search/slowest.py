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
from core.aggregation.rollups.read import stored_windows
from core.storage.collections import CALLS
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
    """Where the highest calls are: started in any of these half-open periods, and no lower than this."""

    periods: set[Period]
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
    found: set[Period] = set()
    for hour in hours:
        inside = [one for one in windows if hour.start <= one.start < hour.start + _SPAN]
        explained = max((one.highest for one in inside), default=-np.inf) >= hour.highest
        if not explained or any(start <= hour.start < end for start, end in cube.from_calls):
            found.add((hour.start, hour.start + _SPAN))
        else:
            found.update((one.start, one.start + WINDOW) for one in inside if one.highest >= at_least)
    return Look(found, at_least)


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
    periods, at_least = look(database, cube, field, filters, n)
    if not periods:
        return []
    within = [
        {"start_time": {"$gte": max(start, cube.start), "$lt": min(end, cube.end)}} for start, end in periods
    ]
    shown = {"start_time": 1, "language": 1, "status": 1, field: 1}
    rows: list[Document] = []
    # Where some of them may not be shown, lower ones take their places.
    for least in dict.fromkeys((at_least, -np.inf)):
        # Finite numbers only: what other tools may have written is in no figure either.
        value = {"$gte": least, "$lt": float("inf"), "$type": ["int", "long", "double"]}
        query = {**filters.query(), field: value, "$or": within}
        found = database[CALLS].find(visible(database, query), shown).sort([(field, -1), ("_id", 1)])
        rows = found.limit(n).to_list()
        if len(rows) == n:
            break
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
