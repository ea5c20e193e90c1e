"""Peaks: when the highest calls of a quarter hour began, so that finding them reads them and no others.

A quarter hour's document lists its MOST_KEPT highest calls by each latency, highest first: ``values``
(double) and ``moments`` (uint32, milliseconds after its start), little-endian. Documents that older versions
wrote have none, and are as good without: their quarter hours are read whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from core.aggregation.rollups.cells import Floats, Ints
from core.aggregation.rollups.rollup import QUARTER_HOUR, ArrowColumns
from core.models.definitions import LATENCIES
from core.types import Document

MOST_KEPT = 3
_VALUE, _MOMENT = np.dtype("<f8"), np.dtype("<u4")
_MS = 1000


def peaks_of(calls: Sequence[pa.Table]) -> dict[datetime, Document]:
    """Return what each quarter hour's document says of its highest calls, by the quarter hour's start."""
    if not calls:
        return {}
    whole = pa.concat_tables(calls)
    moments = whole["start_time"].cast(pa.int64()).to_numpy()
    order = np.argsort(moments, kind="stable")
    moments, columns = moments[order], ArrowColumns(whole)
    window = moments // (QUARTER_HOUR * _MS)
    firsts = np.flatnonzero(np.diff(window, prepend=-1))
    starts = [datetime.fromtimestamp(seconds, UTC) for seconds in (window[firsts] * QUARTER_HOUR).tolist()]
    found: dict[datetime, Document] = {start: {} for start in starts}
    offsets = (moments % (QUARTER_HOUR * _MS)).astype(_MOMENT)
    for name in LATENCIES:
        for start, rows in zip(starts, _highest(columns.number(name)[order], firsts), strict=True):
            values = columns.number(name)[order[rows]].astype(_VALUE, copy=False)
            found[start][name] = {"values": values.tobytes(), "moments": offsets[rows].tobytes()}
    return found


def _highest(values: Floats, firsts: Ints) -> Iterator[Ints]:
    """Yield, for each group of rows that begins at ``firsts``, its rows with the highest values."""
    left = np.where(np.isfinite(values), values, -np.inf)
    groups = np.repeat(np.arange(len(firsts)), np.diff(np.append(firsts, len(values))))
    rounds = []
    for _ in range(MOST_KEPT):
        highest = np.maximum.reduceat(left, firsts)
        hits = np.flatnonzero(left == highest[groups])
        # Of equal ones the first: which it is must not depend on what else was read.
        hits = hits[np.flatnonzero(np.diff(groups[hits], prepend=-1))]
        rounds.append(np.where(highest > -np.inf, hits, -1))
        left[hits] = -np.inf
    for rows in np.column_stack(rounds):
        yield rows[rows >= 0]


def moments_from(
    window: Mapping[str, object], start: datetime, field: str, least: float
) -> set[datetime] | None:
    """Return when a quarter hour's calls with at least this value began; None if it does not say of all.

    Args:
        window: the stored document, with its ``peaks``.
        start: the start of the quarter hour.
        field: one of LATENCIES.
        least: the value from which on calls are wanted.
    """
    peaks = window.get("peaks")
    said = peaks.get(field) if isinstance(peaks, dict) else None
    if not isinstance(said, dict):
        return None
    values = np.frombuffer(said["values"], _VALUE)
    if len(values) == MOST_KEPT and values[-1] >= least:
        return None  # the next one may be as high
    offsets = np.frombuffer(said["moments"], _MOMENT)[values >= least]
    return {start + timedelta(milliseconds=offset) for offset in offsets.tolist()}
