"""Read figures from an answer: the value for each group, its number of calls and its interval."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.aggregation.intervals import Z_95, wilson
from core.models.definitions import COUNTS, DISTRIBUTIONS, METRICS, PERCENTILES, RATES, Unit
from core.models.figures import Percentiles
from dashboard.panels.chance import Interval, of_amount, of_percentile

_OF_SPREADS = {
    "p95": "p95",
    "p50": "p50 (median)",
    "p90": "p90",
    "p99": "p99",
    "mean": "Mean",
    "max": "Maximum",
}
_OF_COSTS = {
    "per_call": "Per call",
    "per_qualified_lead": "Per qualified lead",
    "per_handoff": "Per handoff",
    "total": "Total",
}


@dataclass(frozen=True)
class Reading:
    """A figure of ``n`` calls (for prices: leads or handoffs), with its interval if it has one."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None

    @property
    def is_known(self) -> bool:
        """Return whether there is a figure at all."""
        return not math.isnan(self.value)


_NOTHING = Reading(math.nan, 0)


def statistics(measure: str) -> dict[str, str]:
    """Return a measure's statistics with labels, the default first; {} if there is only one."""
    if measure in DISTRIBUTIONS:
        return _OF_SPREADS
    return _OF_COSTS if measure == "cost" else {}


def unit_of(measure: str) -> Unit:
    """Return the unit of a measure."""
    return METRICS[measure].unit


def read(row: Mapping[Hashable, Any], measure: str, statistic: str) -> Reading:
    """Return the figure of an answer's row with its 95 % interval (for rates, Wilson's)."""
    if measure in COUNTS:
        return Reading(float(row["value"]), int(row["calls"]))
    if measure in RATES:
        return _rate(int(row["part"]), int(row["whole"]))
    if not row["n"]:
        return _NOTHING
    return _price(row, statistic) if measure == "cost" else _spread(row, statistic)


def _rate(part: int, whole: int) -> Reading:
    if not whole:
        return _NOTHING
    low, high = wilson(min(part, whole), whole)
    return Reading(part / whole, whole, float(low), float(high))


def _spread(row: Mapping[Hashable, Any], statistic: str) -> Reading:
    n = int(row["n"])
    if statistic == "max":
        return Reading(float(row["max"]), n)
    if statistic not in PERCENTILES:
        return _mean(float(row["mean"]), n, row["sd"])
    known = {name: row[name] for name in (*PERCENTILES, "max")}
    spread = Percentiles.model_validate({"n": n, "coverage": None, **known})
    return _within(float(row[statistic]), n, of_percentile(spread, statistic))


def _price(row: Mapping[Hashable, Any], statistic: str) -> Reading:
    known, total = int(row["n"]), float(row["total"])
    if statistic == "total":
        return Reading(total, known)
    whole = int(row[statistic])
    if not whole:
        return _NOTHING
    if statistic == "per_call" and not pd.isna(row["sd"]):
        return _mean(total / whole, whole, row["sd"])
    return _within(total / whole, whole, of_amount(total / whole, min(whole, known)))


def _mean(mean: float, n: int, deviation: float | None) -> Reading:
    if deviation is None or pd.isna(deviation):
        return Reading(mean, n)
    half = Z_95 * deviation / math.sqrt(n)
    return Reading(mean, n, mean - half, mean + half)


def _within(value: float, n: int, interval: Interval | None) -> Reading:
    return Reading(value, n, interval.low, interval.high) if interval else Reading(value, n)
