"""The same frames by plain pandas over the calls themselves, one group after the other."""

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.models.metrics import CallMetrics

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
FREQUENCY = {"1D": "D", "1W": "W-SUN", "1MS": "M"}


def frame(
    calls: Iterable[CallMetrics], start: datetime, end: datetime, filters: dict[str, str]
) -> pd.DataFrame:
    """The calls of a period that pass the filters, a row each."""
    rows = [
        call.model_dump() | {"has_error": bool(call.errors)}
        for call in calls
        if start <= call.start_time < end
        and all(getattr(call, name) == value for name, value in filters.items())
    ]
    empty = CallMetrics.model_fields.keys() | {"has_error"}
    return pd.DataFrame(rows, columns=None if rows else sorted(empty))


def bucket(moment: datetime, size: str, zone: ZoneInfo) -> pd.Timestamp:
    """Start of the bucket that a moment lies in, one by one."""
    local = pd.Timestamp(moment).tz_convert(zone)
    if size in {"1min", "5min", "15min"}:
        return pd.Timestamp(moment).floor(size).tz_convert(zone)
    if size == "1h":
        # In absolute time: an hour that comes twice is two buckets.
        return local - pd.Timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
    if size == "3h":
        naive = local.tz_localize(None).floor("3h")
    else:
        naive = local.tz_localize(None).to_period(FREQUENCY[size]).start_time
    return pd.Timestamp(naive).tz_localize(zone, ambiguous=True, nonexistent="shift_forward")


def by_bucket(
    calls: pd.DataFrame, size: str, zone: ZoneInfo, figures: Callable[[pd.DataFrame], dict[str, float]]
) -> dict[Hashable, dict[str, float]]:
    """The figures of every bucket that has calls."""
    if calls.empty:
        return {}
    keys = [bucket(moment, size, zone) for moment in calls["start_time"]]
    return {key: figures(part) for key, part in calls.groupby(pd.Index(keys))}


def statuses(calls: pd.DataFrame) -> dict[str, float]:
    """Calls by status."""
    return {str(status): float(n) for status, n in calls["status"].value_counts().items()}


def share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def rates(calls: pd.DataFrame) -> dict[str, float]:
    """The rates and what they are of."""
    completed = calls[calls["status"] == "completed"]
    n = len(calls)
    return {
        "n": n,
        "completed": len(completed),
        "answer_rate": share((calls["status"] != "no_answer").sum(), n),
        "failure_rate": share((calls["status"] == "failed").sum(), n),
        "error_rate": share(calls["has_error"].sum(), n),
        "lost_rate": share((calls["end_reason"] == "lost").sum(), n),
        "unknown_ending_rate": share((calls["end_reason"] == "unknown").sum(), n),
        "qualification_rate": share(completed["qualification_completed"].sum(), len(completed)),
        "handoff_rate": share(completed["handoff_triggered"].sum(), len(completed)),
    }


def percentiles(calls: pd.DataFrame, field: str) -> dict[str, float]:
    """Exact percentiles, numpy's inverted_cdf."""
    values = calls[field].dropna().to_numpy(dtype=float)
    if not len(values):
        return {"n": 0} | dict.fromkeys(["mean", *PERCENTILES, "max"], float("nan"))
    points = np.quantile(values, list(PERCENTILES.values()), method="inverted_cdf")
    named = dict(zip(PERCENTILES, map(float, points), strict=True))
    return {"n": len(values), "mean": values.mean(), **named, "max": values.max()}
