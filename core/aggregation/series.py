"""Frames for charts: one row a bucket of local time, made from a frame of calls by pure functions.

A bucket without calls is zero in a count and a gap (NaN) in a rate or percentile.
"""

from datetime import datetime, tzinfo
from typing import Literal

import numpy as np
import pandas as pd

from core.aggregation.definitions import PERCENTILES

Bucket = Literal["1min", "5min", "15min", "1h", "1D", "1W", "1MS"]
Dimension = Literal["status", "direction", "language"]
_LIMITS: tuple[tuple[float, Bucket], ...] = (
    (0.5, "1min"),
    (2, "5min"),
    (12, "15min"),
    (24 * 8, "1h"),
    (24 * 120, "1D"),
    (24 * 366 * 3, "1W"),
)
"""The longest period in hours that is still readable in each bucket; above all of them: months."""
LEAST_FOR_PERCENTILES = 5
LEAST_FOR_RATES = 10
_RATES_OF = {
    "n": ["answer_rate", "failure_rate", "error_rate"],
    "completed": ["qualification_rate", "handoff_rate"],
}
_PERIOD = {"1D": "D", "1W": "W-SUN", "1MS": "M"}


def bucket_for(start: datetime, end: datetime) -> Bucket:
    """The bucket that gives a readable number of bars over the period."""
    hours = (end - start).total_seconds() / 3600
    return next((bucket for limit, bucket in _LIMITS if hours <= limit), "1MS")


def _floor(times: pd.Series, bucket: Bucket, zone: tzinfo) -> pd.Series:
    """The start of each time's bucket, in local time."""
    local = pd.DatetimeIndex(times).tz_convert(zone)
    if bucket in {"1min", "5min"}:
        return pd.Series(local.tz_convert("UTC").floor(bucket).tz_convert(zone), index=times.index)
    quarter_hours = local.tz_convert("UTC").floor("15min").tz_convert(zone)
    if bucket == "15min":
        starts = quarter_hours
    elif bucket == "1h":
        # Local hours begin at :30 UTC in India; quarter hours are common to all zones.
        starts = quarter_hours - pd.to_timedelta(quarter_hours.minute, unit="min")
    else:
        days = local.tz_localize(None).to_period(_PERIOD[bucket]).start_time
        starts = days.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return pd.Series(starts, index=times.index)


def buckets(start: datetime, end: datetime, bucket: Bucket, zone: tzinfo) -> pd.DatetimeIndex:
    """Every bucket that [start, end) touches, in local time."""
    if end <= start:
        return pd.DatetimeIndex([], tz=zone, name="bucket")
    # Shorter than any bucket, the 23 hours of a day in spring among them.
    step = {"1min": "1min", "5min": "5min", "15min": "15min", "1h": "15min"}.get(bucket, "6h")
    moments = pd.date_range(start, end, freq=step, inclusive="left")
    last = pd.Timestamp(end) - pd.Timedelta("1us")
    return pd.DatetimeIndex(
        _floor(pd.Series([*moments, last]), bucket, zone).drop_duplicates(), name="bucket"
    )


def bucket_start(moment: datetime, bucket: Bucket, zone: tzinfo) -> datetime:
    """The start of the bucket that a moment falls in, in local time."""
    start: datetime = _floor(pd.Series([pd.Timestamp(moment)]), bucket, zone).iloc[0].to_pydatetime()
    return start


def volume(
    calls: pd.DataFrame, by: Dimension, start: datetime, end: datetime, bucket: Bucket, zone: tzinfo
) -> pd.DataFrame:
    """Calls per bucket, one column for each value of the dimension."""
    index = buckets(start, end, bucket, zone)
    keys = _floor(calls["start_time"], bucket, zone).rename("bucket")
    counts = calls.groupby([keys, calls[by]]).size().unstack(fill_value=0)
    return counts.reindex(index, fill_value=0).astype("int64")


def rates(calls: pd.DataFrame, start: datetime, end: datetime, bucket: Bucket, zone: tzinfo) -> pd.DataFrame:
    """Per bucket: n, completed, and the rates from 0 to 1 (see ``definitions.METRICS``)."""
    index = buckets(start, end, bucket, zone)
    completed = calls["status"] == "completed"
    flags = pd.DataFrame(
        {
            "bucket": _floor(calls["start_time"], bucket, zone),
            "n": 1,
            "completed": completed.astype("int64"),
            "failure": (calls["status"] == "failed").astype("int64"),
            "answered": (calls["status"] != "no_answer").astype("int64"),
            "error": calls["has_error"].astype("int64"),
            "qualified": (completed & calls["qualification_completed"]).astype("int64"),
            "handoff": (completed & calls["handoff_triggered"]).astype("int64"),
        }
    )
    sums = flags.groupby("bucket").sum().reindex(index, fill_value=0)
    n = sums["n"].replace(0, np.nan)
    of_completed = sums["completed"].replace(0, np.nan)
    return pd.DataFrame(
        {
            "n": sums["n"],
            "completed": sums["completed"],
            "answer_rate": sums["answered"] / n,
            "failure_rate": sums["failure"] / n,
            "error_rate": sums["error"] / n,
            "qualification_rate": sums["qualified"] / of_completed,
            "handoff_rate": sums["handoff"] / of_completed,
        }
    )


def percentile_series(
    calls: pd.DataFrame, field: str, start: datetime, end: datetime, bucket: Bucket, zone: tzinfo
) -> pd.DataFrame:
    """Per bucket: n and the percentiles p50 … p99 of the calls that carry the field."""
    index = buckets(start, end, bucket, zone)
    present = calls.loc[calls[field].notna(), ["start_time", field]]
    keyed = pd.DataFrame({"bucket": _floor(present["start_time"], bucket, zone), "value": present[field]})
    ordered = keyed.sort_values(["bucket", "value"])
    sizes = ordered.groupby("bucket").size()
    firsts = (sizes.cumsum() - sizes).to_numpy()
    values = ordered["value"].to_numpy(dtype=float)
    columns = {"n": sizes}
    for name, share in PERCENTILES.items():
        # numpy's inverted_cdf, for all buckets at once: many times faster than one by one.
        ranks = np.ceil(sizes.to_numpy() * share - 1).clip(0).astype("int64")
        columns[name] = pd.Series(values[firsts + ranks], index=sizes.index)
    frame = pd.DataFrame(columns).reindex(index)
    frame["n"] = frame["n"].fillna(0).astype("int64")
    return frame


def by_hour_of_week(calls: pd.DataFrame, zone: tzinfo) -> pd.DataFrame:
    """Calls by weekday (rows, 0 is Monday) and hour (columns) of local time."""
    local = calls["start_time"].dt.tz_convert(zone)
    counts = calls.groupby([local.dt.day_of_week.rename("weekday"), local.dt.hour.rename("hour")]).size()
    return counts.unstack(fill_value=0).reindex(index=range(7), columns=range(24), fill_value=0)


def steady(frame: pd.DataFrame, least: int = LEAST_FOR_PERCENTILES) -> pd.DataFrame:
    """The same frame with gaps where a bucket has too few calls to say anything.

    Where no bucket has enough, all stay: a little is better than nothing.
    """
    few = frame["n"] < least
    return frame if few.all() else frame.mask(few)


def steady_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of ``rates`` with gaps where a rate is of too few calls to say anything."""
    result = frame.copy()
    for of, names in _RATES_OF.items():
        few = frame[of] < LEAST_FOR_RATES
        if not few.all():
            result[names] = frame[names].mask(few)
    return result
