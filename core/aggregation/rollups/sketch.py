"""DDSketch: counts of values in buckets of a fixed relative width, so that percentiles can be added up.

Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
PVLDB 12(12), 2019. With g = (1 + a) / (1 - a) and a = 1 %, bucket i holds the values in (g^(i-1), g^i]; its
estimate 2 g^i / (g + 1) is off by at most 1 %.

Bucket numbers are stored, so changing any constant here needs a new SCHEMA_VERSION in ``codec``.
"""

import numpy as np
from numpy.typing import ArrayLike

from core.aggregation.rollups.cells import Floats, Ints
from core.models.definitions import PERCENTILES

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LEAST, MOST = 1e-6, 1e7
"""Smaller values count as zero, larger ones as the largest; durations, latencies and costs lie well between.
"""
_LN_GAMMA = np.log(GAMMA)
_FIRST = int(np.ceil(np.log(LEAST) / _LN_GAMMA)) - 1
WIDTH = int(np.ceil(np.log(MOST) / _LN_GAMMA)) - _FIRST + 1
"""Number of buckets. Bucket 0 is for zero."""


def bucket_of(values: Floats) -> Ints:
    """Return the bucket, 0 to WIDTH - 1, of each value. Values must not be negative.

    Values below LEAST (1e-6) go to bucket 0, values above MOST (1e7) to the last one.
    """
    capped = np.clip(values, LEAST, MOST)
    numbers = np.ceil(np.log(capped) / _LN_GAMMA).astype(np.int64) - _FIRST
    return np.where(values < LEAST, 0, np.clip(numbers, 1, WIDTH - 1))


def estimates() -> Floats:
    """Return the value that stands for each bucket: off by at most 1 % from any value in it."""
    values: Floats = 2 * GAMMA ** np.arange(_FIRST, _FIRST + WIDTH, dtype=float) / (GAMMA + 1)
    values[0] = 0.0
    return values


def edges() -> Floats:
    """Return the upper edge of each bucket; no value in the bucket exceeds it."""
    upper: Floats = GAMMA ** np.arange(_FIRST, _FIRST + WIDTH, dtype=float)
    upper[0] = 0.0
    return upper


_ESTIMATES = estimates()


def quantiles(counts: Ints, shares: ArrayLike, least: Floats, most: Floats) -> Floats:
    """Return the values at the given shares (0 to 1) for each row of counts (rows x WIDTH).

    NaN without counts.

    Ranks are those of :func:`exact`, so that sketch and exact percentiles mean the same call.
    ``least`` and ``most`` are the exact extremes of each row. Estimates are clipped to them, so that no
    percentile lies outside of what was measured.
    """
    cumulated = np.cumsum(counts, axis=1)
    n = cumulated[:, -1]
    result = np.full((len(counts), np.size(shares)), np.nan)
    for column, share in enumerate(np.ravel(shares)):
        # Computed as numpy does, rounding included.
        ranks = np.ceil(n * share - 1).clip(0) + 1
        result[:, column] = _ESTIMATES[(cumulated >= ranks[:, None]).argmax(axis=1)]
    np.clip(result, least[:, None], most[:, None], out=result)
    result[n == 0] = np.nan
    return result


def exact(values: Floats, *names: str) -> list[float]:
    """Return percentiles of values themselves, by the keys of PERCENTILES: each is a value that occurred.

    Ranks are those of numpy's ``inverted_cdf``. There must be a value.
    """
    shares = [PERCENTILES[name] for name in names]
    found: list[float] = np.quantile(values, shares, method="inverted_cdf").tolist()
    return found
