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
"""Cells of an hourly cube are quarter hours or hours; neither reaches further than this from its start."""


@dataclass(frozen=True)
class SlowCall:
    """A call and its value of the field in question; times in UTC."""

    call_id: str
    start_time: datetime
    value: float
    language: str
    status: str


def spans_of_highest(cube: Cube, field: str, n: int) -> list[datetime]:
    """Return the starts of the cells with the ``n`` highest values; needs a cube of hours or finer.

    A call among the n highest lies at one of the n starts with the highest maxima, so no others need reading.
    """
    cube.cell_buckets("1h")
    starts, group = np.unique(cube.cells.time, return_inverse=True)
    highest = cube.spread(field, group.astype(np.int64), len(starts))[:, MOST]
    order = np.argsort(-highest, kind="stable")[:n]
    return [datetime.fromtimestamp(int(starts[at]), UTC) for at in order if np.isfinite(highest[at])]


def slowest_calls(
    database: Database[Document], cube: Cube, field: str, filters: Document, n: int = 10
) -> Sequence[SlowCall]:
    """Return the ``n`` calls of the cube with the highest value of a field, highest first.

    Args:
        database: the store.
        cube: of hours or finer.
        field: one of ``cells.MEASURES``.
        filters: the query the cube was loaded with.
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
