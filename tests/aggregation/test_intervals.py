import numpy as np
import pytest

from core.aggregation.intervals import distinguishable, wilson


def test_wilson_intervals_are_the_published_ones() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    for part, whole, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)
    assert np.isnan(wilson(0, 0)).all()


def test_shares_are_told_apart_only_beyond_chance() -> None:
    """Newcombe, the same volume, pages 873-890, table II, method 10: the last interval alone holds 0."""
    assert distinguishable(56, 70, 48, 80)
    assert distinguishable(48, 80, 56, 70)
    assert distinguishable(9, 10, 3, 10)
    assert distinguishable(6, 7, 2, 7)
    assert not distinguishable(5, 56, 0, 29)
    assert not distinguishable(0, 0, 5, 5)
