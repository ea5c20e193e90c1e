"""What is usual at an hour of the week: median and MAD of the same local time in past weeks. Pure functions.

The robust z-score is by B. Iglewicz and D. Hoaglin, "How to detect and handle outliers" (1993): values beyond
3.5 are outliers. The scale has a lower bound, because a handful of equal values has a MAD of 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from statistics import median

from core.models.rule_metrics import Unit
from core.models.rules import AlertRule

WEEKS = 8
LEAST_WEEKS = 4
WINDOWS = 3
"""How many windows are compared, the latest ones."""
NEEDED = 2
"""How many of them must be unusual."""
NEIGHBOURS = (-1, 0, 1)
"""A window is compared with the one at its own local time and its neighbours, in each past week."""
USUAL = 3.5
_NORMAL = 1.4826
"""Factor that turns the MAD of a normal distribution into its standard deviation."""
_QUARTER = timedelta(minutes=15)
_LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Usual:
    """What is usual: half of the past values are below the median, and nearly all within low … high."""

    median: float
    scale: float
    weeks: int

    @property
    def low(self) -> float:
        """Return the value below which it is unusual."""
        return max(0.0, self.median - USUAL * self.scale)

    @property
    def high(self) -> float:
        """Return the value above which it is unusual."""
        return self.median + USUAL * self.scale

    def z(self, value: float) -> float:
        """Return how many scaled median deviations a value is above the median (negative: below it)."""
        return (value - self.median) / self.scale


def usual(values: Sequence[float], weeks: int, unit: Unit) -> Usual | None:
    """Return what is usual given past values of ``weeks`` weeks; None if there are fewer than four."""
    if weeks < LEAST_WEEKS or len(values) < LEAST_WEEKS:
        return None
    middle = median(values)
    deviation = _NORMAL * median(abs(value - middle) for value in values)
    # Counts vary at least as much as Poisson predicts; other values are allowed a twentieth.
    least = max(middle, 1.0) ** 0.5 if unit == "calls" else _LEAST_SHARE * max(abs(middle), 1e-3)
    return Usual(middle, max(deviation, least), weeks)


def newest_end(at: datetime) -> datetime:
    """Return the end of the newest complete quarter of an hour, where compared windows end."""
    return at - (at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) % _QUARTER


def recent_windows(rule: AlertRule, at: datetime) -> list[tuple[datetime, datetime]]:
    """Return the last three windows of a rule, newest last."""
    length, end = timedelta(minutes=rule.window_minutes), newest_end(at)
    return [(end - (n + 1) * length, end - n * length) for n in reversed(range(WINDOWS))]


def past_windows(
    window: tuple[datetime, datetime], zone: tzinfo, week: int
) -> list[tuple[datetime, datetime]]:
    """Return the windows of an earlier week to compare one with: the same local time and its neighbours."""
    start, end = window
    length = end - start
    # Clock time, not elapsed time: nine o'clock stays nine o'clock across clock changes.
    then = (end.astimezone(zone) - timedelta(weeks=week)).astimezone(UTC)
    return [(then + (n - 1) * length, then + n * length) for n in NEIGHBOURS]
