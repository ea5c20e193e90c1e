"""Frames for charts over time, made from a cube: one row per bucket of local time.

In a bucket without calls a count is zero, and a rate or percentile is a gap (NaN).
"""

import numpy as np
import pandas as pd

from core.aggregation.cube import Cube
from core.aggregation.rollups import buckets, sketch
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.cells import LEAST, MOST, SUM, Ints
from core.models.definitions import COUNTS, PERCENTILES, RATES, Dimension, Rate
from core.models.figures import TOLD_APART

LEAST_FOR_PERCENTILES = 5
LEAST_FOR_RATES = 10
_IN_RATES = [key for key in COUNTS if any(key in {rate.part, rate.whole} for rate in RATES.values())]
"""The counts from which rates are computed."""
HOURS, DAYS = 24, 7


def volume(cube: Cube, by: Dimension, bucket: Bucket) -> pd.DataFrame:
    """Return calls per bucket, one column for each value of the dimension, most calls first."""
    index = cube.index(bucket)
    names, number = cube.values(by)
    if cube.has(bucket):
        row, column, n = cube.cell_buckets(bucket), number, cube.counted("total_calls")
    else:
        time, cell, n = cube.slots
        row, column = cube.bucket_numbers(time, bucket), number[cell]
    table = _table(row, column, n, len(index), len(names))
    return pd.DataFrame(table, index=index, columns=pd.Index(names, name=by))


def _table(row: Ints, column: Ints, n: Ints, rows: int, columns: int) -> Ints:
    flat = np.bincount(row * columns + column, n, rows * columns) if columns else np.empty(0)
    return flat.astype(np.int64).reshape(rows, columns)


def rate_counts(cube: Cube, group: Ints, size: int) -> pd.DataFrame:
    """Return what rates are computed from, for each group of cells; -1 leaves a cell out."""
    kept = group >= 0
    sums = {
        COUNTS[key].column: np.bincount(group[kept], cube.counted(key)[kept], size).astype(np.int64)
        for key in _IN_RATES
    }
    return pd.DataFrame(sums)


def shares(counts: pd.DataFrame) -> dict[str, pd.Series]:
    """Return every rate, 0 to 1, for rows of ``rate_counts``; NaN if there is nothing to divide by."""
    return {key: _part(counts, rate.part) / _whole(counts, rate) for key, rate in RATES.items()}


def _part(counts: pd.DataFrame, key: str) -> pd.Series:
    return counts[COUNTS[key].column]


def _whole(counts: pd.DataFrame, rate: Rate) -> pd.Series:
    return _part(counts, rate.whole).replace(0, np.nan)


def rates(cube: Cube, bucket: Bucket) -> pd.DataFrame:
    """Return, per bucket, n, completed and the rates from 0 to 1 (see ``definitions.METRICS``)."""
    index = cube.index(bucket)
    counts = rate_counts(cube, cube.cell_buckets(bucket), len(index)).set_index(index)
    wholes = dict.fromkeys(COUNTS[rate.whole].column for rate in RATES.values())
    return counts[list(wholes)].assign(**shares(counts))


def percentile_series(cube: Cube, field: str, bucket: Bucket) -> pd.DataFrame:
    """Return, per bucket, n, mean, p50 … p99 and max of the calls that have the field."""
    index = cube.index(bucket)
    return percentile_table(cube, field, cube.cell_buckets(bucket), len(index)).set_index(index)


def percentile_table(cube: Cube, field: str, group: Ints, size: int) -> pd.DataFrame:
    """Return, per group of cells, n, mean, p50 … p99 and max of the calls that have the field.

    A group of -1 leaves a cell out.
    """
    counts, spread = cube.distribution(field, group, size), cube.spread(field, group, size)
    n = counts.sum(axis=1)
    points = sketch.quantiles(counts, list(PERCENTILES.values()), spread[:, LEAST], spread[:, MOST])
    there = np.where(n > 0, n, np.nan)
    return pd.DataFrame(
        {"n": n, "mean": spread[:, SUM] / there}
        | dict(zip(PERCENTILES, points.T, strict=True))
        | {"max": np.where(n > 0, spread[:, MOST], np.nan)}
    )


def by_hour_of_week(cube: Cube) -> pd.DataFrame:
    """Return calls by weekday (rows, 0 is Monday) and hour (columns) of local time."""
    time, _, n = cube.slots
    return _week(np.bincount(_hour_of_week(cube, time), n, DAYS * HOURS).astype(np.int64))


def by_hour_of_day(cube: Cube) -> pd.DataFrame:
    """Return each count of ``figures.TOLD_APART`` by hour of the day (rows), in local time."""
    time, cell, n = cube.slots
    hour = _hour_of_week(cube, time) % HOURS
    columns = {
        key: np.bincount(hour, n * (cube.counted(key) > 0)[cell], HOURS).astype(np.int64)
        for key in TOLD_APART
    }
    return pd.DataFrame(columns)


def answers_by_hour_of_week(cube: Cube) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return outbound calls by weekday and hour, as ``by_hour_of_week``, and how many were answered."""
    time, cell, n = cube.slots
    dialled = n * cube.is_("direction", "outbound")[cell]
    answered = dialled * (1 - cube.is_("status", "no_answer")[cell])
    hour = _hour_of_week(cube, time)
    both = (np.bincount(hour, of, DAYS * HOURS).astype(np.int64) for of in (dialled, answered))
    first, second = map(_week, both)
    return first, second


def percentile_by_hour_of_week(
    cube: Cube, field: str, percentile: str = "p95"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a percentile of the field by weekday and local hour, and the number of calls that have it.

    Needs a cube of hours or finer.

    Raises:
        ValueError: the cube was loaded for longer buckets.
    """
    cube.require("1h")
    hour = _hour_of_week(cube, cube.cells.time)
    table = percentile_table(cube, field, hour, DAYS * HOURS)
    return _week(table[percentile].to_numpy()), _week(table["n"].to_numpy())


def _hour_of_week(cube: Cube, times: Ints) -> Ints:
    unique, inverse = buckets.distinct(times)
    local = buckets.local(unique, cube.zone)
    return (local.day_of_week * HOURS + local.hour).to_numpy().astype(np.int64)[inverse]


def _week(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        values.reshape(DAYS, HOURS),
        index=pd.RangeIndex(DAYS, name="weekday"),
        columns=pd.RangeIndex(HOURS, name="hour"),
    )


def steady(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with gaps where a bucket has too few calls to mean anything.

    If no bucket has enough, all stay: a little is better than nothing.
    """
    few = frame["n"] < LEAST_FOR_PERCENTILES
    return frame if few.all() else frame.mask(few)


def steady_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of ``rates`` with gaps where a rate has too few calls to mean anything."""
    result = frame.copy()
    for key, rate in RATES.items():
        few = frame[COUNTS[rate.whole].column] < LEAST_FOR_RATES
        if not few.all():
            result[key] = frame[key].mask(few)
    return result
