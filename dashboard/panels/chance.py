"""Whether a change is significant (95 %): intervals of percentiles, amounts and counts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from core.aggregation.intervals import Z_95
from core.models.metrics import Percentiles

LEVELS: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Interval:
    """A figure and its interval."""

    value: float
    low: float
    high: float

    def differs_from(self, other: "Interval") -> bool:
        """Return whether the difference excludes zero (Newcombe's, from the distances to the ends)."""
        apart = self.value - other.value
        below = math.hypot(self.value - self.low, other.high - other.value)
        above = math.hypot(self.high - self.value, other.value - other.low)
        return apart - below > 0 or apart + above < 0


def of_percentile(spread: Percentiles, part: str) -> Interval | None:
    """Return a percentile's interval between order statistics: the ranks it may have among ``n`` values.

    Values at these ranks are interpolated between the known percentiles. None is known below the median, so
    the distribution is assumed to be symmetric there.
    """
    value, n, level = getattr(spread, part), spread.n, LEVELS[part]
    if value is None or not n:
        return None
    half = Z_95 * math.sqrt(level * (1 - level) / n)
    high = _value_at(spread, level + half)
    lowest = level - half
    low = _value_at(spread, lowest) if lowest >= LEVELS["p50"] else _mirrored(spread, lowest)
    return Interval(value, min(low, value), max(high, value))


def _mirrored(spread: Percentiles, level: float) -> float:
    median = spread.p50 or 0.0
    return max(0.0, 2 * median - _value_at(spread, 1 - level))


def _value_at(spread: Percentiles, level: float) -> float:
    known = [(LEVELS[name], getattr(spread, name)) for name in LEVELS] + [(1.0, spread.max)]
    points = [(at, value) for at, value in known if value is not None]
    for (left, low), (right, high) in pairwise(points):
        if level <= right:
            return float(low + (high - low) * max(level - left, 0.0) / (right - left))
    return float(points[-1][1])


def of_amount(value: float, n: int) -> Interval | None:
    """Return the interval of a count, or of an amount per ``n`` whose spread is as large as itself."""
    if n <= 0:
        return None
    factor = math.exp(Z_95 / math.sqrt(n))
    return Interval(value, value / factor, value * factor)
