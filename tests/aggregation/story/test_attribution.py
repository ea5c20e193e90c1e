"""The shares of a change that values explain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.aggregation.story.attribution import Counts, explaining, shares

counts = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.integers(0, 40), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
)


@given(counts, counts)
def test_shares_add_up_to_the_whole_change(now: Counts, before: Counts) -> None:
    """Nothing of a change is left unexplained, or explained twice."""
    found = shares(now, before)
    if found:
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-6)


def test_a_value_that_fails_explains_the_change() -> None:
    """The others stayed as they were."""
    before = {"hindi": (10, 200), "tamil": (10, 200)}
    assert shares({"hindi": (110, 200), "tamil": (10, 200)}, before) == {"hindi": 1.0, "tamil": 0.0}


def test_a_shift_between_values_explains_a_change_too() -> None:
    """No value got worse: the one that was always worse has more of the calls."""
    before = {"hindi": (10, 200), "tamil": (60, 200)}
    found = shares({"hindi": (5, 100), "tamil": (90, 300)}, before)
    assert found == pytest.approx({"hindi": 0.5, "tamil": 0.5})


def test_a_large_value_that_is_no_worse_than_the_rest_is_no_reason() -> None:
    """Half the calls have half of what is wrong."""
    now = {"hindi": (100, 200), "tamil": (50, 100), "urdu": (51, 100)}
    before = {"hindi": (10, 200), "tamil": (5, 100), "urdu": (5, 100)}
    assert list(explaining("language", now, before)) == []
