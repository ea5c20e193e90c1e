"""The uncertainty of a share: Wilson's interval.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927); the
difference of two shares after R. G. Newcombe, Statistics in Medicine 17 (1998), method 10.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z_95 = 1.959963984540054
"""Standard normal quantile for a two-sided 95 %."""
SURE_FROM = 400
"""A rate of fewer calls is drawn with its interval."""


def wilson(part: ArrayLike, whole: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper end, 0 to 1, of the 95 % interval of ``part`` ÷ ``whole``.

    NaN if whole is 0.
    """
    n = np.where(np.asarray(whole) > 0, whole, np.nan).astype(float)
    share = np.asarray(part, float) / n
    spread = Z_95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * np.sqrt(share * (1 - share) / n + spread / (4 * n))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def distinguishable(part: int, whole: int, other_part: int, other_whole: int) -> bool:
    """Return whether two shares differ beyond chance (95 %); False if either has nothing to divide by."""
    if not whole or not other_whole:
        return False
    share, other = part / whole, other_part / other_whole
    (low, high), (other_low, other_high) = wilson(part, whole), wilson(other_part, other_whole)
    below = np.hypot(share - low, other_high - other)
    above = np.hypot(high - share, other - other_low)
    return bool(share - other - below > 0 or share - other + above < 0)
