"""Tables of a whole period, made from a cube by pure functions."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from core.aggregation.cube import Cube
from core.aggregation.intervals import wilson
from core.aggregation.rollups import buckets, sketch
from core.aggregation.rollups.cells import COMPONENTS, SENTIMENT, Ints, Tally
from core.aggregation.rollups.rollup import SENTIMENT_EDGES
from core.aggregation.series import percentile_table, rate_counts
from core.models.definitions import COST_PER, COUNTS, PERCENTILES, RATES, Dimension

_NICE_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_NICE_MS = tuple(nice * 10**power for power in range(6) for nice in (1, 2, 5))
_MOST_BINS = 40


def _whole(cube: Cube) -> Ints:
    """Return every cell in one group."""
    return np.zeros(len(cube.cells), np.int64)


def breakdown(cube: Cube, by: Dimension, fields: Sequence[str] = ()) -> pd.DataFrame:
    """Return a row per value, most calls first: the counts of ``rate_counts``, share of all calls, the rates.

    Each rate comes with the ends of its 95 % Wilson interval (``answer_rate_low``, ``answer_rate_high``),
    each field with its coverage, mean and percentiles (``asr_latency_ms_p95``).
    """
    names, number = cube.values(by)
    counts = rate_counts(cube, number, len(names))
    n = {str(name): counts[name].to_numpy() for name in counts}
    columns = n | {"share": n["n"] / (cube.total or np.nan)}
    for name, rate in RATES.items():
        part, whole = n[COUNTS[rate.part].column], n[COUNTS[rate.whole].column]
        columns[name] = part / np.where(whole > 0, whole, np.nan)
        columns[f"{name}_low"], columns[f"{name}_high"] = wilson(part, whole)
    for field in fields:
        table = percentile_table(cube, field, number, len(names))
        columns[f"{field}_coverage"] = table["n"].to_numpy() / n["n"]
        for column in ("mean", *PERCENTILES, "max"):
            columns[f"{field}_{column}"] = table[column].to_numpy()
    return pd.DataFrame(columns, index=pd.Index(names, name=by))


def outside_hours(cube: Cube, covered: Callable[[datetime], bool]) -> tuple[int, int]:
    """Return outbound calls, and those that began in quarter hours that are not ``covered``."""
    time, cell, n = cube.slots
    n = n * cube.is_("direction", "outbound")[cell]
    moments, number = buckets.distinct(time)
    outside = [not covered(datetime.fromtimestamp(moment, UTC)) for moment in moments.tolist()]
    return int(n.sum()), int(n[np.array(outside, bool)[number]].sum())


def costs(cube: Cube, by: Dimension) -> pd.DataFrame:
    """Return rupees by value: by component, in total, per call (with a cost), qualified lead and handoff."""
    names, number = cube.values(by)
    size = len(names)
    frame = pd.DataFrame(
        {
            name: np.bincount(number, cube.cells.costs[:, column], size)
            for column, name in enumerate(COMPONENTS)
        },
        index=pd.Index(names, name=by),
    )
    frame["total"] = frame.sum(axis=1)
    frame["n"] = np.bincount(number, cube.counted("calls_with_cost"), size).astype(int)
    for name, key in COST_PER.items():
        whole = np.bincount(number, cube.counted(key), size)
        frame[name] = frame["total"] / np.where((whole > 0) & (frame["n"] > 0), whole, np.nan)
    return frame


def errors(cube: Cube) -> pd.DataFrame:
    """Return errors by type and fault ('' if unknown), most frequent first; a call may have several."""
    return _pairs(cube.cells.tallies["errors"], ("type", "fault"))


def ends(cube: Cube) -> pd.DataFrame:
    """Return calls by end_reason and fault, most first; calls that have neither are left out."""
    return _pairs(cube.cells.tallies["ends"], ("end_reason", "fault"))


def _pairs(tally: Tally, names: tuple[str, str]) -> pd.DataFrame:
    n = np.bincount(tally.key, tally.n, len(tally.words)).astype(int)
    rows = [(first or "", second or "", int(n[key])) for key, (first, second) in enumerate(tally.words)]
    frame = pd.DataFrame([row for row in rows if row[2]], columns=[*names, "n"])
    return frame.sort_values(["n", *names], ascending=[False, True, True], ignore_index=True)


def histogram(cube: Cube, field: str) -> pd.DataFrame:
    """Return calls by a field's value: exactly those in [start, end) of each bin, and n.

    Bins begin at the edges of sketch buckets that are nearest to round numbers (within 1 %). There are at
    most 40 up to the 99th percentile; the last one holds all greater values.
    """
    spread = percentile_table(cube, field, _whole(cube), 1).iloc[0]
    if not spread["n"]:
        return pd.DataFrame({"start": [], "end": [], "n": []})
    nice = _NICE_MS if field.endswith("_ms") else _NICE_SECONDS
    width = next((width for width in nice if spread["p99"] / width <= _MOST_BINS), spread["p99"] / _MOST_BINS)
    last = int(spread["p99"] // width)
    edges = np.log(sketch.edges()[1:])
    joints = 1 + np.rint(np.interp(np.log(np.arange(1, last + 1) * width), edges, np.arange(len(edges))))
    counts = cube.distribution(field, _whole(cube), 1)[0]
    # No value in a bucket exceeds its edge.
    place = np.searchsorted(joints, np.arange(len(counts)), side="left")
    # A bucket contains its upper edge, which would be a bin's end: 1 s and 1 ms are such edges.
    starts = np.append(0.0, np.nextafter(sketch.edges()[joints.astype(int)], np.inf))
    ends_ = np.append(starts[1:], max(spread["max"], starts[-1] + width))
    n = np.bincount(place, counts, last + 1).astype(int)
    return pd.DataFrame({"start": starts, "end": ends_, "n": n})


def sentiment_histogram(cube: Cube) -> pd.DataFrame:
    """Return calls by sentiment score from -1 to 1: start and end of each bin of 0.05, and n."""
    tally = cube.cells.tallies[SENTIMENT]
    n = np.bincount(tally.key, tally.n, len(SENTIMENT_EDGES) - 1).astype(int)
    return pd.DataFrame({"start": SENTIMENT_EDGES[:-1], "end": SENTIMENT_EDGES[1:], "n": n})
