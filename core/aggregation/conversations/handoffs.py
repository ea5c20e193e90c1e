"""Handoffs: how long leads wait for a person, and how often one answers."""

import pandas as pd

from core.aggregation.intervals import wilson
from core.aggregation.rollups.sketch import exact

SLA_SECONDS = 20.0
"""A person is to answer within this time."""
BINS = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0)
"""Edges of waits in seconds; the last bin has no end."""


def handoffs(calls: pd.DataFrame) -> pd.DataFrame:
    """Return, for each language and all together, how handoffs went; the index is the language, "" is all.

    ``offered`` counts handoffs whose wait is known, ``untold`` those whose wait is not; ``answered`` and
    ``in_time`` are shares of ``offered`` with the ends of their 95 % intervals; p50 and p95 are seconds of
    those that a person answered.
    """
    offered = calls[calls["offered"]]
    languages = [str(name) for name in offered["language"].value_counts().index]
    groups = {"": offered} | {name: offered[offered["language"] == name] for name in languages}
    return pd.DataFrame(
        [_row(group) for group in groups.values()], index=pd.Index(list(groups), name="language")
    )


def _row(group: pd.DataFrame) -> dict[str, float]:
    known = group[group["wait"].notna()]
    by_person = known[known["answered"]]
    n, answered = len(known), len(by_person)
    in_time = int((by_person["wait"] <= SLA_SECONDS).sum())
    row: dict[str, float] = {"offered": n, "untold": len(group) - n}
    for name, part in (("answered", answered), ("in_time", in_time)):
        low, high = (float(end) for end in wilson(part, n))
        row |= {name: part / n if n else float("nan"), f"{name}_low": low, f"{name}_high": high}
    waited = by_person["wait"].to_numpy(float)
    p50, p95 = exact(waited, "p50", "p95") if answered else (float("nan"), float("nan"))
    return row | {"p50": p50, "p95": p95}


def waits(calls: pd.DataFrame) -> pd.DataFrame:
    """Return handoffs by their wait: ``start`` and ``end`` in seconds, ``answered`` and ``unanswered``."""
    known = calls[calls["offered"] & calls["wait"].notna()]
    edges = [*BINS, float("inf")]
    place = pd.cut(known["wait"], edges, right=False, labels=False)
    by_person = known["answered"]
    rows = range(len(BINS))
    return pd.DataFrame(
        {
            "start": BINS,
            "end": [*BINS[1:], float("inf")],
            "answered": [int((by_person & (place == row)).sum()) for row in rows],
            "unanswered": [int((~by_person & (place == row)).sum()) for row in rows],
        }
    )
