"""Percentiles from sketches are within 1 % of numpy's, whatever the values, and add up."""

import numpy as np
import pytest

from core.aggregation.rollups import sketch

SHARES = [0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0]
RANDOM = np.random.default_rng(1)
MODES = RANDOM.choice([120.0, 2400.0], 9_999)
VALUES = {
    "heavy tail": RANDOM.pareto(0.9, 20_001) * 40,
    "two modes": RANDOM.normal(MODES, MODES / 20).clip(1),
    "constant": np.full(777, 2000.0),
    "zero": np.zeros(10),
    "half zero": RANDOM.exponential(300, 5_000) * RANDOM.integers(0, 2, 5_000),
    "one": np.array([0.7]),
    "whole range": np.exp(RANDOM.uniform(np.log(1e-6), np.log(9.9e6), 30_000)),
    "powers of gamma": sketch.GAMMA ** np.arange(-600, 700.0),
}


def counted(values: np.ndarray) -> np.ndarray:
    return np.bincount(sketch.bucket_of(values), minlength=sketch.WIDTH)[None, :]


@pytest.mark.parametrize("name", VALUES)
def test_percentiles_are_within_one_per_cent(name: str) -> None:
    values = VALUES[name]
    least, most = values.min(keepdims=True), values.max(keepdims=True)
    ours = sketch.quantiles(counted(values), SHARES, least, most)[0]
    exact = np.quantile(values, SHARES, method="inverted_cdf")
    assert ours == pytest.approx(exact, rel=0.01 + 1e-9, abs=1e-6)
    # Merged of pieces: the same to the last bit.
    pieces = np.sum([counted(piece) for piece in np.array_split(values, 7)], axis=0)
    assert sketch.quantiles(pieces, SHARES, least, most)[0].tolist() == ours.tolist()


def test_no_values_have_no_percentile() -> None:
    none = np.array([np.inf]), np.array([-np.inf])
    assert np.isnan(sketch.quantiles(counted(np.empty(0)), SHARES, *none)).all()
