"""Cutting time into the buckets of charts: quarter hours of UTC, hours, days, weeks, months of a zone."""

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from core.aggregation.rollups.cells import Ints

Bucket = Literal["1min", "5min", "15min", "1h", "3h", "1D", "1W", "1MS"]
BUCKETS: tuple[Bucket, ...] = ("1min", "5min", "15min", "1h", "3h", "1D", "1W", "1MS")
SECONDS: dict[Bucket, int] = {"1min": 60, "5min": 300, "15min": 900, "1h": 3600, "3h": 10_800}
HOURLY: frozenset[Bucket] = frozenset({"1h", "3h"})
"""Read from cells of an hour."""
_LIMITS: tuple[tuple[float, Bucket], ...] = (
    (0.5, "1min"),
    (2, "5min"),
    (12, "15min"),
    (48, "1h"),
    (24 * 8, "3h"),
    (24 * 120, "1D"),
    (24 * 366 * 3, "1W"),
)
"""The longest period in hours that is still readable in each bucket; above all of them: months."""
_MINUTE = 60
_PERIOD = {"1D": "D", "1W": "W-SUN", "1MS": "M"}


def bucket_for(start: datetime, end: datetime) -> Bucket:
    """The bucket that gives a readable number of bars over the period."""
    hours = (end - start).total_seconds() / 3600
    return next((bucket for limit, bucket in _LIMITS if hours <= limit), "1MS")


def floor(times: pd.DatetimeIndex, bucket: Bucket, zone: tzinfo) -> pd.DatetimeIndex:
    """The start of each time's bucket, in local time."""
    if bucket in {"1min", "5min"}:
        return times.tz_convert("UTC").floor(bucket).tz_convert(zone)
    quarter_hours = times.tz_convert("UTC").floor("15min").tz_convert(zone)
    if bucket == "15min":
        return quarter_hours
    if bucket == "1h":
        # Local hours begin at :30 UTC in India; quarter hours are common to all zones.
        return quarter_hours - pd.to_timedelta(quarter_hours.minute, unit="min")
    clock = times.tz_convert(zone).tz_localize(None)
    starts = clock.floor("3h") if bucket == "3h" else clock.to_period(_PERIOD[bucket]).start_time
    # What begins with an hour repeated begins with its first; what begins with an hour skipped, after it.
    return starts.tz_localize(zone, ambiguous=np.ones(len(starts), bool), nonexistent="shift_forward")


@lru_cache(maxsize=64)
def buckets(start: datetime, end: datetime, bucket: Bucket, zone: tzinfo) -> pd.DatetimeIndex:
    """Every bucket that [start, end) touches, in local time."""
    if end <= start:
        return pd.DatetimeIndex([], tz=zone, name="bucket")
    # Shorter than any bucket, those among them that lose an hour in spring.
    step = {"1min": "1min", "5min": "5min", "15min": "15min", "1h": "15min", "3h": "1h"}.get(bucket, "6h")
    moments = pd.date_range(start, end, freq=step, inclusive="left", unit="us").tz_convert("UTC")
    last = pd.DatetimeIndex([end - timedelta(microseconds=1)]).tz_convert("UTC")
    both = pd.DatetimeIndex(moments.append(last))
    return floor(both, bucket, zone).drop_duplicates().rename("bucket")


def bucket_start(moment: datetime, bucket: Bucket, zone: tzinfo) -> datetime:
    """The start of the bucket that a moment falls in, in local time."""
    start: datetime = floor(pd.DatetimeIndex([moment]), bucket, zone)[0].to_pydatetime()
    return start


def local_hours(times: Ints, zone: tzinfo) -> Ints:
    """The start of the local hour of each time, both in seconds since 1970."""
    moments, number = distinct(times)
    floors = floor(local(moments, zone), "1h", zone)
    return (floors.as_unit("s").asi8)[number]


def distinct(times: Ints) -> tuple[Ints, Ints]:
    """The distinct ones of times in whole minutes, ascending, and which of them each is."""
    if not len(times):
        return times, times
    first = times.min()
    minutes = (times - first) // _MINUTE
    present = np.flatnonzero(np.bincount(minutes))
    number = np.empty(present[-1] + 1, np.int64)
    number[present] = np.arange(len(present))
    return first + present * _MINUTE, number[minutes]


def local(seconds: Ints, zone: tzinfo) -> pd.DatetimeIndex:
    """Seconds since 1970 as local times."""
    return pd.to_datetime(seconds, unit="s", utc=True).tz_convert(zone)
