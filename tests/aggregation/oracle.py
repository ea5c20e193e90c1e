"""The same frames by plain pandas over the calls themselves, one group after the other."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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


Columns = pd.DataFrame | Mapping[str, Any]
"""A frame, or plain arrays by name: a thousand small frames take minutes."""


def parts(calls: pd.DataFrame, size: str, zone: ZoneInfo) -> dict[Hashable, Columns]:
    """The calls of every bucket that has some."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, moment in enumerate(calls["start_time"]):
        rows[bucket(moment, size, zone)].append(number)
    columns = {str(name): calls[name].to_numpy() for name in calls.columns}
    return {key: {name: column[of] for name, column in columns.items()} for key, of in rows.items()}


@dataclass(frozen=True)
class Frames:
    """The figures of every bucket that has calls."""

    statuses: dict[Hashable, dict[str, float]]
    rates: dict[Hashable, dict[str, float]]
    percentiles: dict[str, dict[Hashable, dict[str, float]]]
    """By measure."""


def frames(calls: pd.DataFrame, size: str, zone: ZoneInfo, measures: Iterable[str]) -> Frames:
    """The frames of a time course."""
    of_bucket = parts(calls, size, zone)
    return Frames(
        {key: statuses(part) for key, part in of_bucket.items()},
        {key: rates(part) for key, part in of_bucket.items()},
        {name: {key: percentiles(part, name) for key, part in of_bucket.items()} for name in measures},
    )


def statuses(calls: Columns) -> dict[str, float]:
    """Calls by status."""
    return {str(status): float(n) for status, n in Counter(calls["status"]).items()}


def share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def rates(calls: Columns) -> dict[str, float]:
    """The rates and what they are of."""
    status: Any = np.asarray(calls["status"])
    reason: Any = np.asarray(calls["end_reason"])
    done, n = status == "completed", len(status)
    qualified, handed_off = (
        np.asarray(calls[name])[done] for name in ("qualification_completed", "handoff_triggered")
    )
    return {
        "n": n,
        "completed": done.sum(),
        "answer_rate": share((status != "no_answer").sum(), n),
        "failure_rate": share((status == "failed").sum(), n),
        "error_rate": share(np.asarray(calls["has_error"]).sum(), n),
        "lost_rate": share((reason == "lost").sum(), n),
        "unknown_ending_rate": share((reason == "unknown").sum(), n),
        "qualification_rate": share(qualified.sum(), len(qualified)),
        "handoff_rate": share(handed_off.sum(), len(handed_off)),
    }


def percentiles(calls: Columns, field: str) -> dict[str, float]:
    """Exact percentiles, numpy's inverted_cdf."""
    values = np.asarray(calls[field], dtype=float)
    values = np.sort(values[~np.isnan(values)])
    n = len(values)
    if not n:
        return {"n": 0} | dict.fromkeys(["mean", *PERCENTILES, "max"], float("nan"))
    points = {name: values[math.ceil(part * n) - 1] for name, part in PERCENTILES.items()}
    return {"n": n, "mean": values.mean(), **points, "max": values[-1]}
