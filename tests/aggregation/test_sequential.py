"""Verdicts on two sides: as seldom wrong as promised, however often somebody looks; and found when there."""

import numpy as np
import pytest

from core.aggregation.intervals import distinguishable
from core.aggregation.sequential import Side, compare, of_price, of_share

LOOKS, REPEATS = 100, 400
N = np.unique(np.geomspace(60, 30_000, LOOKS).astype(int))


def _successes(share: float, rng: np.random.Generator) -> np.ndarray:
    """Successes among the first calls at each look, a row for each repeat."""
    steps = np.diff(N, prepend=0)
    return rng.binomial(steps, share, (REPEATS, len(N))).cumsum(axis=1)


def _ever(first: np.ndarray, second: np.ndarray, told: object) -> float:
    """The share of repeats in which any look says that the sides differ."""
    wrong = 0
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        wrong += any(told(x, y, n) for x, y, n in zip(a, b, N.tolist(), strict=True))  # type: ignore[operator]
    return wrong / len(first)


def _verdict(a: int, b: int, n: int) -> bool:
    found = compare(of_share(a, n), of_share(b, n))
    return found is not None and found.is_told


def _once(a: int, b: int, n: int) -> bool:
    return distinguishable(a, n, b, n)


@pytest.mark.parametrize("share", [0.03, 0.3])
def test_peeking_a_hundred_times_is_wrong_in_five_per_cent_at_most(share: float) -> None:
    """Two equal sides, looked at a hundred times up to 30,000 calls each."""
    rng = np.random.default_rng(11)
    assert _ever(_successes(share, rng), _successes(share, rng), _verdict) <= 0.05


PRICED = np.unique(np.geomspace(400, 12_000, 30).astype(int))
"""Calls at each look at a price."""


def _prices(leads: float, rng: np.random.Generator) -> list[list[Side]]:
    """The price of a lead at each look, a row for each of 150 repeats: longer calls cost and win more."""
    sides = []
    for _ in range(150):
        cost = rng.gamma(2, 1.5, PRICED[-1])
        won = rng.random(PRICED[-1]) < np.minimum(leads * cost / 3, 1)
        sums = np.cumsum([won, cost, cost**2, cost * won], axis=1)[:, PRICED - 1].T
        looks = zip(PRICED.tolist(), sums.tolist(), strict=True)
        sides.append([of_price(n, *of_look) for n, of_look in looks])
    return sides


def test_peeking_at_a_price_is_wrong_in_five_per_cent_at_most() -> None:
    """A price is a ratio of two sums that go together; a real difference is found, and is inside."""
    rng = np.random.default_rng(17)
    first, second, dearer = _prices(0.2, rng), _prices(0.2, rng), _prices(0.15, rng)

    def told(one: list[Side], other: list[Side]) -> bool:
        found = (compare(a, b) for a, b in zip(one, other, strict=True))
        return any(verdict.is_told for verdict in found if verdict)

    assert np.mean([told(a, b) for a, b in zip(first, second, strict=True)]) <= 0.05
    last = [compare(a[-1], b[-1]) for a, b in zip(first, dearer, strict=True)]
    assert np.mean([one.is_told for one in last if one]) > 0.95
    difference = 3 / _won(0.15) - 3 / _won(0.2)
    assert np.mean([one.low < difference < one.high for one in last if one]) > 0.95


def _won(leads: float) -> float:
    """The share of calls that win a lead, by a large sample."""
    cost = np.random.default_rng(1).gamma(2, 1.5, 1_000_000)
    return float(np.minimum(leads * cost / 3, 1).mean())


def test_an_interval_for_one_look_fails_the_same_test() -> None:
    """Which shows that the test above can fail: the usual interval is wrong in a third of the repeats."""
    rng = np.random.default_rng(11)
    first, second = _successes(0.3, rng)[:100], _successes(0.3, rng)[:100]
    assert _ever(first, second, _once) > 0.2


def test_a_side_that_is_over_is_compared_as_safely() -> None:
    """A former version has its 4,000 calls; only the new one grows."""
    rng = np.random.default_rng(5)
    before = rng.binomial(4_000, 0.3, REPEATS)
    wrong = 0
    for a, row in zip(before.tolist(), _successes(0.3, rng).tolist(), strict=True):
        found = (compare(of_share(a, 4_000), of_share(b, n)) for b, n in zip(row, N.tolist(), strict=True))
        wrong += any(one.is_told for one in found if one)
    assert wrong / REPEATS <= 0.05


def test_a_better_version_is_found_and_its_lead_is_inside() -> None:
    """5 points more, 8,000 calls each: told in nearly all repeats, and the interval has the truth in it."""
    rng = np.random.default_rng(3)
    found = [
        compare(of_share(int(a), 8_000), of_share(int(b), 8_000))
        for a, b in zip(rng.binomial(8_000, 0.30, 200), rng.binomial(8_000, 0.35, 200), strict=True)
    ]
    assert np.mean([one.is_told for one in found if one]) > 0.95
    assert np.mean([one.low < 0.05 < one.high for one in found if one]) > 0.95


def test_the_calls_that_are_said_to_be_needed_are_enough() -> None:
    """With about so many more at the same difference it is told; with half of them it is not."""
    first, second = of_share(300, 1_000), of_share(330, 1_000)
    found = compare(first, second)
    assert found
    assert found.more_calls
    for factor, told in ((1.0, True), (0.5, False)):
        n = 1_000 + int(factor * found.more_calls / 2)
        later = compare(Side(n, first.mean, first.variance), Side(n, second.mean, second.variance))
        assert later
        assert later.is_told is told


def test_nothing_is_said_of_too_little() -> None:
    """Few calls, or no difference in sight; a figure that never varies differs or does not."""
    assert compare(of_share(10, 49), of_share(20, 5_000)) is None
    for other, told in ((5.0, False), (5.5, True)):
        found = compare(Side(100, 5.0, 0.0), Side(100, other, 0.0))
        assert found
        assert (found.is_told, found.more_calls) == (told, None)
    same = compare(of_share(300, 1_000), of_share(300, 1_000))
    assert same
    assert (same.is_told, same.more_calls) == (False, None)
