"""The calls of a period with the highest value of a field, found without reading the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from pymongo.database import Database

from core.aggregation.cube import Cube
from core.aggregation.rollups.cells import MOST
from core.storage.collections import CALLS
from core.storage.restrictions import visible
from core.types import Document

_SPAN = timedelta(hours=1)
"""Cells of a cube of hours hold quarter hours or hours: neither reaches further from its start."""


@dataclass(frozen=True)
class SlowCall:
    """A call and the value of the field that was asked for; times in UTC."""

    call_id: str
    start_time: datetime
    value: float
    language: str
    status: str


def spans_of_highest(cube: Cube, field: str, n: int) -> list[datetime]:
    """Starts of the cells that the ``n`` highest values lie in; needs a cube of hours or less.

    A call among the n highest lies at one of the n starts with the highest maxima.
    """
    cube.cell_buckets("1h")
    starts, group = np.unique(cube.cells.time, return_inverse=True)
    highest = cube.spread(field, group.astype(np.int64), len(starts))[:, MOST]
    order = np.argsort(-highest, kind="stable")[:n]
    return [datetime.fromtimestamp(int(starts[at]), UTC) for at in order if np.isfinite(highest[at])]


def slowest_calls(
    database: Database[Document], cube: Cube, field: str, filters: Document, n: int = 10
) -> Sequence[SlowCall]:
    """The ``n`` calls of the cube with the highest value of a field, the highest first.

    Args:
        database: the store.
        cube: of hours or less.
        field: one of ``cells.MEASURES``.
        filters: the query that the cube was loaded with.
        n: how many at most.
    """
    spans = spans_of_highest(cube, field, n)
    if not spans:
        return []
    within = [
        {"start_time": {"$gte": max(start, cube.start), "$lt": min(start + _SPAN, cube.end)}}
        for start in spans
    ]
    shown = {"start_time": 1, "language": 1, "status": 1, field: 1}
    query = {**filters, field: {"$ne": None}, "$or": within}
    rows = database[CALLS].find(visible(database, query), shown).sort([(field, -1), ("_id", 1)]).limit(n)
    return [
        SlowCall(str(row["_id"]), row["start_time"], row[field], row["language"], row["status"])
        for row in rows
    ]
