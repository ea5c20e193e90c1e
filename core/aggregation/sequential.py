"""Compare two sides while calls keep coming in: verdicts that hold however often people look.

A 95 % interval for a single look is wrong far more often than once in twenty if somebody looks every morning
and stops at the first difference. A confidence *sequence* is right at all looks together. This one is the
asymptotic sequence of I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics 52(6), 2024: the normal mixture of H.
Robbins (1970), as in S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Annals of Statistics 49(2), 2021, for means with estimated variance.

The difference of two means is followed on the clock of its information, 1 ÷ its variance. So it also holds if
one side has ended while the other one grows.
"""

import math
from dataclasses import dataclass

ALPHA = 0.05
"""How often a verdict may be wrong if there is no difference, over all looks together."""
LEAST_CALLS = 50
"""For each side; with fewer calls a mean is far from normal, and no verdict is given."""
TIGHTEST_AT = 1_000
"""Effective calls (half of each side's, if they are equal) at which the interval is narrowest."""
MOST_FACTOR, MOST_MORE_CALLS = 10.0, 20_000
"""A difference that needs both more than this multiple of the calls and more calls than this is not worth
waiting for."""
_RHO = TIGHTEST_AT / (2 * math.log(1 / ALPHA) + math.log(1 + 2 * math.log(1 / ALPHA)))
"""The mixture's parameter for TIGHTEST_AT, after Howard et al., in effective calls."""


@dataclass(frozen=True)
class Side:
    """The mean of a figure over ``n`` calls, and the variance of a single call."""

    n: int
    mean: float
    variance: float


@dataclass(frozen=True)
class Verdict:
    """How far the second side is above the first, with limits that hold at all looks together.

    ``more_calls`` is about how many calls are needed, on both sides together, until the difference would show
    if it stays as it is; None if it shows already, or if that would take too many.
    """

    difference: float
    low: float
    high: float
    more_calls: int | None = None

    @property
    def is_told(self) -> bool:
        """Return whether the two differ."""
        return self.low > 0 or self.high < 0


def of_share(part: int, whole: int) -> Side:
    """Return a rate as a side; after Agresti and Caffo, one extra success and failure keep it off 0 and 1."""
    share = (part + 1) / (whole + 2)
    return Side(whole, share, share * (1 - share))


def of_price(n: int, bought: int, total: float, squares: float, within: float) -> Side:
    """Return a price, a total ÷ a count of calls, as a side.

    A ratio of means differs from the mean of its influences by a term of the order of 1 ÷ n, which vanishes
    faster than the sequence narrows, so the sequence holds for it as for a mean. The influence of one call is
    its amount, less the price if it is counted, ÷ the share of calls that are.

    Args:
        n: calls.
        bought: how many of them are counted, above 0.
        total: the sum of the amounts of all calls.
        squares: the sum of their squares.
        within: the sum of the amounts of the calls that are counted.
    """
    price = total / bought
    influences = max(squares - 2 * price * within + price**2 * bought, 0.0)
    return Side(n, price, influences * n / bought**2)


def compare(first: Side, second: Side) -> Verdict | None:
    """Return how the second side differs from the first; None if one has too few calls."""
    if min(first.n, second.n) < LEAST_CALLS:
        return None
    difference = second.mean - first.mean
    variance = first.variance / first.n + second.variance / second.n
    effective = 1 / (1 / first.n + 1 / second.n)
    half = _half_width(variance, effective)
    more = None if abs(difference) > half else _more(first, second, difference)
    return Verdict(difference, difference - half, difference + half, more)


def _half_width(variance: float, effective: float) -> float:
    """Return half the width of the interval, for this variance and this many effective calls."""
    grown = (effective + _RHO) / effective
    return math.sqrt(variance * grown * math.log((effective + _RHO) / (_RHO * ALPHA**2)))


def _more(first: Side, second: Side, difference: float) -> int | None:
    """Return how many more calls would show a difference of this size, at the present ratio of the sides."""
    variance = first.variance / first.n + second.variance / second.n
    effective = 1 / (1 / first.n + 1 / second.n)

    def shows(factor: float) -> bool:
        return abs(difference) > _half_width(variance / factor, effective * factor)

    calls = first.n + second.n
    most = max(MOST_FACTOR, 1 + MOST_MORE_CALLS / calls)
    if not difference or not shows(most):
        return None
    low, high = 1.0, most
    while high - low > 0.01 * low:
        middle = (low + high) / 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return _rounded((high - 1) * calls)


def _rounded(calls: float) -> int:
    """Return it to two digits, as it is an estimate."""
    unit: int = 10 ** max(0, math.floor(math.log10(max(calls, 1))) - 1)
    return max(1, math.ceil(calls / unit) * unit)
