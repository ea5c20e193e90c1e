"""Silences of the agent, and how often leads hang up after them."""

import pandas as pd

from core.aggregation.funnel import share
from core.models.calls.endings import words_for

STEPS = {"none": 0.0, "under 2 s": 2.0, "2 to 4 s": 4.0, "4 s and longer": float("inf")}
"""Longest silences of the agent in a call, by their upper ends."""
HANG_UP = "customer_hung_up"


def hang_ups(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the share of calls that the lead hung up, by the agent's longest silence; as in ``share``.

    Only calls that tell their silences count.
    """
    known, hung_up = _known(calls)
    longest = known["longest_silence"].fillna(0.0)
    edges = [-1.0, *STEPS.values()]
    place = pd.cut(longest, edges, labels=list(STEPS), right=False).astype(object)
    place = place.where(longest > 0, "none")
    index = pd.Index(list(STEPS), name="silence")
    whole = pd.Series([int((place == name).sum()) for name in STEPS], index)
    part = pd.Series([int((hung_up & (place == name)).sum()) for name in STEPS], index)
    return share(part, whole)


def ended_in_silence(calls: pd.DataFrame) -> tuple[int, int]:
    """Return how many of the calls that leads hung up ended in a silence, and how many there are."""
    known, hung_up = _known(calls)
    return int((known["ended_in_silence"] & hung_up).sum()), int(hung_up.sum())


def _known(calls: pd.DataFrame) -> "tuple[pd.DataFrame, pd.Series[bool]]":
    known = calls[calls["tells_silences"]]
    return known, known["end_reason"].isin(words_for(HANG_UP))
