"""The best hour to call is said to be better only beyond chance, with how many more would answer."""

import numpy as np
import pandas as pd

from core.aggregation.best_hour import best_hour


def week(by_hour: dict[int, int]) -> pd.DataFrame:
    """Calls by weekday and hour, all of them on the first weekday."""
    values = np.zeros((7, 24), int)
    for hour, n in by_hour.items():
        values[0, hour] = n
    return pd.DataFrame(values)


def test_an_hour_that_is_better_says_by_how_much() -> None:
    dialled, answered = week({10: 2_000, 12: 2_000, 19: 2_000}), week({10: 1_200, 12: 1_200, 19: 1_500})
    best = best_hour(dialled, answered, frozenset(), 20)
    assert best is not None
    assert (best.hour, best.rate, best.compared) == (19, 0.75, 3)
    assert best.is_better
    assert 0 < best.low < 0.15 < best.high < 0.2


def test_the_best_of_many_alike_hours_is_chance() -> None:
    """Were only two of them compared this one would be better: 95 % have to hold for all twelve."""
    dialled = week(dict.fromkeys(range(9, 21), 400))
    answered = week(dict.fromkeys(range(9, 21), 260) | {18: 286})
    best = best_hour(dialled, answered, frozenset(), 20)
    assert best is not None
    assert best.hour == 18
    assert not best.is_better
    two = best_hour(week({18: 400, 9: 4_400}), week({18: 286, 9: 2_860}), frozenset(), 20)
    assert two is not None
    assert two.is_better


def test_hours_that_are_closed_or_have_too_few_calls_are_left_out() -> None:
    dialled, answered = week({8: 500, 10: 500, 19: 10, 12: 500}), week({8: 500, 10: 250, 19: 10, 12: 300})
    best = best_hour(dialled, answered, {8}, 20)
    assert best is not None
    assert (best.hour, best.compared) == (12, 2)
    assert best_hour(dialled, answered, {8, 10}, 20) is None
