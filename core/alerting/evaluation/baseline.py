"""What is usual at an hour of the week: median and MAD of the same local time in past weeks. Pure functions.

The robust z-score is that of B. Iglewicz and D. Hoaglin, "How to detect and handle outliers" (1993): values
beyond 3.5 are outliers. The scale has a floor, since a handful of equal values has a MAD of 0.
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
"""Windows that are looked at, the newest last."""
NEEDED = 2
"""How many of them have to be unusual."""
NEIGHBOURS = (-1, 0, 1)
"""A window is compared with the one at its own local time and those beside it, week by week."""
USUAL = 3.5
_NORMAL = 1.4826
"""The MAD times this is the standard deviation of a normal distribution."""
_QUARTER = timedelta(minutes=15)
_LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Usual:
    """What is usual: half of the past values lie below the median; nearly all within low … high."""

    median: float
    scale: float
    weeks: int

    @property
    def low(self) -> float:
        """Below this is unusual."""
        return max(0.0, self.median - USUAL * self.scale)

    @property
    def high(self) -> float:
        """Above this is unusual."""
        return self.median + USUAL * self.scale

    def z(self, value: float) -> float:
        """How many scaled median deviations a value lies above the median (below it: negative)."""
        return (value - self.median) / self.scale


def usual(values: Sequence[float], weeks: int, unit: Unit) -> Usual | None:
    """What is usual, from past values of so many weeks; None where four weeks are not there."""
    if weeks < LEAST_WEEKS or len(values) < LEAST_WEEKS:
        return None
    middle = median(values)
    deviation = _NORMAL * median(abs(value - middle) for value in values)
    # Counts scatter at least as Poisson says; anything else is allowed a twentieth.
    least = max(middle, 1.0) ** 0.5 if unit == "calls" else _LEAST_SHARE * max(abs(middle), 1e-3)
    return Usual(middle, max(deviation, least), weeks)


def newest_end(at: datetime) -> datetime:
    """The end of the newest whole quarter of an hour: compared windows end there."""
    return at - (at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) % _QUARTER


def recent_windows(rule: AlertRule, at: datetime) -> list[tuple[datetime, datetime]]:
    """The last three windows of a rule, the newest last."""
    length, end = timedelta(minutes=rule.window_minutes), newest_end(at)
    return [(end - (n + 1) * length, end - n * length) for n in reversed(range(WINDOWS))]


def past_windows(
    window: tuple[datetime, datetime], zone: tzinfo, week: int
) -> list[tuple[datetime, datetime]]:
    """The windows of an earlier week that one is compared with: the same local time and beside it."""
    start, end = window
    length = end - start
    # Clock time, not elapsed time: nine o'clock stays nine o'clock where clocks change.
    then = (end.astimezone(zone) - timedelta(weeks=week)).astimezone(UTC)
    return [(then + (n - 1) * length, then + n * length) for n in NEIGHBOURS]
