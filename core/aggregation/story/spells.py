"""When something was worse than usual: the stretch of time with the most evidence. Pure functions.

E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954): the log-likelihood of "the odds of a bad
call are this many times the usual ones" is added up, and a spell lasts from where the sum is lowest to where
it has risen most. By Wald, a sum that begins at a given moment rises by ``h`` by chance with a probability of
at most exp(-h), so the required evidence follows from how many moments and series are examined.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.aggregation.intervals import wilson

Floats = NDArray[np.float64]
ODDS = (1.5, 3.0)
"""Multiples of the usual odds that are tested: a moderate rise, and an outage."""
CHANCE = 0.01
"""How often a period in which nothing is wrong may be reported as if something were."""
PRIOR = 50.0
"""A bucket's usual rate is drawn towards that of the whole period as if by this many additional calls."""


@dataclass(frozen=True)
class Spell:
    """Buckets [first, last) of a series, and the evidence, in nats, that they were worse than usual."""

    row: int
    first: int
    last: int
    evidence: float


def usual(bad: Floats, calls: Floats, buckets: int, around: int) -> Floats:
    """Return the share of bad calls, 0 to 1, that is usual in each of the buckets of a period.

    It is the upper end of the 95 % interval of the earlier period's share in the same bucket and ``around``
    many on either side: an earlier period that happened to be good must not make a usual one look bad.

    Args:
        bad: bad calls of the earlier period, series x buckets; the first series is all calls.
        calls: all its calls, in the same shape.
        buckets: how many the period has; those beyond the earlier one's end are compared with its last.
        around: how many neighbours on each side count as the same time of day.
    """
    total_bad, total = bad.sum(axis=1), calls.sum(axis=1)
    overall = total_bad[:1] / max(total[0], 1.0)
    own = (total_bad + PRIOR * overall) / (total + PRIOR)
    wide_bad, wide = _widened(bad, around), _widened(calls, around)
    at = np.minimum(np.arange(buckets), bad.shape[1] - 1)
    _, high = wilson(wide_bad[:, at] + PRIOR * own[:, None], wide[:, at] + PRIOR)
    return np.clip(high, 1e-4, 1 - 1e-4)


def _widened(values: Floats, around: int) -> Floats:
    """Return sums over each bucket and its neighbours."""
    sums = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    at = np.arange(values.shape[1])
    widened: Floats = (
        sums[:, np.minimum(at + around + 1, values.shape[1])] - sums[:, np.maximum(at - around, 0)]
    )
    return widened


def clearest(bad: Floats, calls: Floats, usual_rate: Floats, odds: Iterable[float] = ODDS) -> Spell:
    """Return the spell with the most evidence among all series (rows) and stretches of buckets.

    ``odds`` are the multiples of the usual odds of a bad call to look for.
    """
    found = [spell for times in odds for spell in _risen(_steps(bad, calls, usual_rate, times))]
    return max(found, key=lambda spell: spell.evidence)


def odds_ratio(rate: float, usual_rate: float) -> float:
    """Return the ratio of a rate's odds to the usual ones, both 0 to 1; at least the mildest of ODDS."""
    within = [min(max(one, 1e-4), 1 - 1e-4) for one in (rate, usual_rate)]
    high, low = (one / (1 - one) for one in within)
    return max(high / low, ODDS[0])


def _steps(bad: Floats, calls: Floats, usual_rate: Floats, odds: float) -> Floats:
    raised = odds * usual_rate / (1 - usual_rate + odds * usual_rate)
    steps: Floats = bad * np.log(raised / usual_rate) + (calls - bad) * np.log(
        (1 - raised) / (1 - usual_rate)
    )
    return steps


def _risen(steps: Floats) -> list[Spell]:
    sums = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
    rises = sums[:, 1:] - np.minimum.accumulate(sums, axis=1)[:, :-1]
    ends = rises.argmax(axis=1)
    # What no call says is over goes on.
    ends = np.where(rises[:, -1] >= rises.max(axis=1), rises.shape[1] - 1, ends)
    return [
        Spell(row, int(sums[row, : end + 1].argmin()), int(end) + 1, float(rises[row, end]))
        for row, end in enumerate(ends)
    ]


def asked_for(series: int, buckets: int) -> float:
    """Return how much evidence, in nats, exceeds chance for this many series of this many buckets."""
    return math.log(max(series, 1) * len(ODDS) * max(buckets, 1) / CHANCE)
