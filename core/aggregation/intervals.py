"""The uncertainty of a share: Wilson's interval.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927); the
difference of two shares after R. G. Newcombe, Statistics in Medicine 17 (1998), method 10.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z_95 = 1.959963984540054
"""Standard normal quantile for a two-sided 95 %."""
SURE_FROM = 400
"""A rate of fewer calls is drawn with its interval."""


def wilson(
    part: ArrayLike, whole: ArrayLike, z: float = Z_95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper end, 0 to 1, of the interval of ``part`` ÷ ``whole``, by default of 95 %.

    NaN if whole is 0.
    """
    n = np.where(np.asarray(whole) > 0, whole, np.nan).astype(float)
    share = np.asarray(part, float) / n
    spread = z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / n + spread / (4 * n))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def difference(
    part: int, whole: int, other_part: int, other_whole: int, z: float = Z_95
) -> tuple[float, float]:
    """Return the ends of the interval of ``part`` ÷ ``whole`` less ``other_part`` ÷ ``other_whole``.

    Both wholes have to be above 0.
    """
    share, other = part / whole, other_part / other_whole
    (low, high), (other_low, other_high) = wilson(part, whole, z), wilson(other_part, other_whole, z)
    below = np.hypot(share - low, other_high - other)
    above = np.hypot(high - share, other - other_low)
    return float(share - other - below), float(share - other + above)


def z_of_several(comparisons: int) -> float:
    """Return the quantile for intervals that hold 95 % of the time for all of several comparisons at once.

    After Bonferroni: the best of twelve hours looks good by chance alone.
    """
    return NormalDist().inv_cdf(1 - 0.025 / max(1, comparisons))


def distinguishable(part: int, whole: int, other_part: int, other_whole: int) -> bool:
    """Return whether two shares differ beyond chance (95 %); False if either has nothing to divide by."""
    if not whole or not other_whole:
        return False
    low, high = difference(part, whole, other_part, other_whole)
    return low > 0 or high < 0
