"""From one stage of the funnel to the next: shares with their 95 % intervals, by pure functions."""

from itertools import pairwise

import pandas as pd

from core.aggregation.intervals import wilson
from core.aggregation.tables import FUNNEL


def stages_of(frame: pd.DataFrame) -> list[str]:
    """The stages that are known: without turns nobody knows who was engaged."""
    return [stage for stage in FUNNEL if stage != "engaged" or frame["engaged"].sum()]


def steps(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For each stage after the first, the rows of a frame of ``funnel`` or ``attempts`` as in ``share``."""
    stages = stages_of(frame)
    return {stage: share(frame[stage], frame[before]) for before, stage in pairwise(stages)}


def share(part: pd.Series, whole: pd.Series) -> pd.DataFrame:
    """``part`` ÷ ``whole`` as ``rate``, ``low``, ``high`` (0 to 1) and ``n``; NaN where there is no whole."""
    # A call may be qualified without its turns being known: a share is never above one.
    part = part.clip(upper=whole)
    low, high = wilson(part, whole)
    return pd.DataFrame(
        {"rate": part / whole.where(whole > 0), "low": low, "high": high, "n": whole}, index=part.index
    )
