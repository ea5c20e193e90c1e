"""Divide time into the buckets of charts: quarter hours of UTC; hours, days, weeks and months of a zone."""

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
"""Buckets that are read from cells of an hour."""
_LIMITS: tuple[tuple[float, Bucket], ...] = (
    (0.5, "1min"),
    (2, "5min"),
    (12, "15min"),
    (48, "1h"),
    (24 * 8, "3h"),
    (24 * 120, "1D"),
    (24 * 366 * 3, "1W"),
)
"""The longest period, in hours, that stays readable with each bucket; beyond the last one, months."""
_MINUTE = 60
_PERIOD = {"1D": "D", "1W": "W-SUN", "1MS": "M"}


def bucket_for(start: datetime, end: datetime) -> Bucket:
    """Return the bucket that gives a readable number of bars over the period."""
    hours = (end - start).total_seconds() / 3600
    return next((bucket for limit, bucket in _LIMITS if hours <= limit), "1MS")


def floor(times: pd.DatetimeIndex, bucket: Bucket, zone: tzinfo) -> pd.DatetimeIndex:
    """Return the start of each time's bucket, in local time."""
    if bucket in {"1min", "5min"}:
        return times.tz_convert("UTC").floor(bucket).tz_convert(zone)
    quarter_hours = times.tz_convert("UTC").floor("15min").tz_convert(zone)
    if bucket == "15min":
        return quarter_hours
    if bucket == "1h":
        # Local hours begin at :30 UTC in India; quarter hours work for all zones.
        return quarter_hours - pd.to_timedelta(quarter_hours.minute, unit="min")
    clock = times.tz_convert(zone).tz_localize(None)
    starts = clock.floor("3h") if bucket == "3h" else clock.to_period(_PERIOD[bucket]).start_time
    # A bucket that begins with a repeated hour begins with its first occurrence; one that begins with a
    # skipped hour begins after it.
    return starts.tz_localize(zone, ambiguous=np.ones(len(starts), bool), nonexistent="shift_forward")


@lru_cache(maxsize=64)
def buckets(start: datetime, end: datetime, bucket: Bucket, zone: tzinfo) -> pd.DatetimeIndex:
    """Return every bucket that [start, end) touches, in local time."""
    if end <= start:
        return pd.DatetimeIndex([], tz=zone, name="bucket")
    # Shorter than any bucket, including those that lose an hour in spring.
    step = {"1min": "1min", "5min": "5min", "15min": "15min", "1h": "15min", "3h": "1h"}.get(bucket, "6h")
    moments = pd.date_range(start, end, freq=step, inclusive="left", unit="us").tz_convert("UTC")
    last = pd.DatetimeIndex([end - timedelta(microseconds=1)]).tz_convert("UTC")
    both = pd.DatetimeIndex(moments.append(last))
    return floor(both, bucket, zone).drop_duplicates().rename("bucket")


def bucket_start(moment: datetime, bucket: Bucket, zone: tzinfo) -> datetime:
    """Return the start of a time's bucket, in local time."""
    start: datetime = floor(pd.DatetimeIndex([moment]), bucket, zone)[0].to_pydatetime()
    return start


def local_hours(times: Ints, zone: tzinfo) -> Ints:
    """Return the start of each time's local hour, both in seconds since 1970."""
    moments, number = distinct(times)
    floors = floor(local(moments, zone), "1h", zone)
    return (floors.as_unit("s").asi8)[number]


def distinct(times: Ints) -> tuple[Ints, Ints]:
    """Return the distinct times, in whole minutes and ascending, and the index of each time among them."""
    if not len(times):
        return times, times
    first = times.min()
    minutes = (times - first) // _MINUTE
    present = np.flatnonzero(np.bincount(minutes))
    number = np.empty(present[-1] + 1, np.int64)
    number[present] = np.arange(len(present))
    return first + present * _MINUTE, number[minutes]


def local(seconds: Ints, zone: tzinfo) -> pd.DatetimeIndex:
    """Return seconds since 1970 as local times."""
    return pd.to_datetime(seconds, unit="s", utc=True).tz_convert(zone)
