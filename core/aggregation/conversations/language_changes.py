"""Calls in which the lead changes language: how often, how they end, and how long the lead then waits."""

from dataclasses import dataclass

import pandas as pd

from core.aggregation.rollups.sketch import exact

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Group:
    """Calls with something in common: how many, completed, qualified; the waits of their turns in ms.

    ``newest`` names a few of them, without those of hidden leads.
    """

    calls: int
    completed: int
    qualified: int
    turns: int
    p50: float | None
    p95: float | None
    newest: tuple[str, ...]


@dataclass(frozen=True)
class LanguageChanges:
    """Calls that change language beside those that do not; ``first``: only turns that begin in another.

    ``not_followed`` counts the turns in another language that the agent answered in the one before.
    """

    changing: Group
    steady: Group
    first: Group
    not_followed: int


MOST_NAMED = 5


def language_changes(calls: pd.DataFrame, turns: pd.DataFrame) -> LanguageChanges:
    """Compare the calls whose turns are known by whether the lead changes language in them."""
    known = turns[turns["language"].notna() & (turns["language"] != UNKNOWN)]
    before = known.groupby("call_id")["language"].shift()
    changed = before.notna() & (before != known["language"])
    ids = set(known.loc[changed, "call_id"])
    mine = known["call_id"].isin(ids)
    with_turns = calls[calls.index.isin(set(known["call_id"]))]
    in_two = with_turns.index.isin(ids)
    reply = known["reply_language"]
    behind = changed & reply.notna() & (reply != UNKNOWN) & (reply != known["language"])
    return LanguageChanges(
        _group(with_turns[in_two], known[mine]),
        _group(with_turns[~in_two], known[~mine]),
        _group(with_turns[in_two], known[changed]),
        int(behind.sum()),
    )


def _group(calls: pd.DataFrame, turns: pd.DataFrame) -> Group:
    waits = turns["e2e_ms"].dropna().to_numpy(float)
    completed = calls[calls["status"] == "completed"]
    p50, p95 = exact(waits, "p50", "p95") if len(waits) else (None, None)
    return Group(
        len(calls),
        len(completed),
        int(completed["qualified"].sum()),
        len(turns),
        p50,
        p95,
        tuple(str(call_id) for call_id in calls.index[~calls["hidden"]][:MOST_NAMED]),
    )
