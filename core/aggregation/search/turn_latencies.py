"""Percentiles of turns: how long leads waited each time, which the mean of a call's turns hides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters, calls_query
from core.aggregation.rollups.foreign_values import read_past
from core.aggregation.rollups.sketch import exact
from core.models.definitions import PERCENTILES
from core.models.metrics import Percentiles
from core.storage.collections import CALLS, TURNS
from core.storage.columns import find_frame
from core.types import Document

NEWEST_CALLS = 1_000
"""Turns of this many calls are read, however many are stored."""
LONGEST_QUERY_MS = 2_000
FIELDS = {
    "e2e_latency_ms": "e2e_ms",
    "llm_latency_ms": "llm_ttft_ms",
    "asr_latency_ms": "asr_ms",
    "tts_latency_ms": "tts_ttfb_ms",
}
"""The field of a turn that corresponds to each latency of a call."""


@dataclass(frozen=True)
class TurnLatencies:
    """Percentiles over turns, in milliseconds, by the corresponding latency of calls.

    They cover the ``calls`` newest calls that have turns, the oldest of which began at ``since`` (UTC).
    """

    spreads: Mapping[str, Percentiles]
    calls: int
    since: datetime | None


def turn_latencies(
    database: Database[Document], start: datetime, end: datetime, filters: CallFilters | None = None
) -> TurnLatencies:
    """Return latencies of the turns of the newest NEWEST_CALLS calls, at most, that started in [start, end).

    Raises:
        ExecutionTimeout: the database needs more than 2 s to find the calls.
        PyMongoError: the database does not answer.
    """
    query = calls_query(start, end, "start_time", filters)
    newest = database[CALLS].find(query, {"start_time": 1}).sort("start_time", -1).limit(NEWEST_CALLS)
    starts = {str(row["_id"]): row["start_time"] for row in newest.max_time_ms(LONGEST_QUERY_MS)}
    columns = {"call_id": str, **dict.fromkeys(FIELDS.values(), float)}
    query = {"call_id": {"$in": list(starts)}}
    turns = read_past(lambda sound: find_frame(database[TURNS], sound, columns), database[TURNS], query).calls
    spreads = {name: _spread(turns[field].to_numpy(float)) for name, field in FIELDS.items()}
    there = [starts[call_id] for call_id in turns["call_id"].unique()]
    return TurnLatencies(spreads, len(there), min(there, default=None))


def _spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Percentiles:
    known = values[~np.isnan(values)]
    if not len(known):
        return Percentiles(n=0, coverage=None)
    return Percentiles(
        n=len(known),
        coverage=len(known) / len(values),
        mean=known.mean(),
        max=known.max(),
        **dict(zip(PERCENTILES, exact(known, *PERCENTILES), strict=True)),
    )
