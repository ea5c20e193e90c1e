"""The loan funnel of outbound calls: how many reach each stage, and which share reaches the next."""

from itertools import pairwise

import numpy as np
import pandas as pd

from core.aggregation.cube import Cube
from core.aggregation.intervals import wilson
from core.aggregation.rollups.rollup import ATTEMPT_STAGES, MOST_ATTEMPTS
from core.models.definitions import Dimension

FUNNEL = ("dialled", "answered", "engaged", "qualified", "handed_off")


def funnel(cube: Cube, by: Dimension | None = None) -> pd.DataFrame:
    """Return how many outbound calls reached each stage of FUNNEL, in one row or one per value.

    ``with_turns`` counts answered calls of which it is known who spoke; only they can count as engaged.
    """
    names, number = cube.values(by) if by else (["all"], np.zeros(len(cube.cells), np.int64))
    outbound = np.where(cube.is_("direction", "outbound"), number, -1)
    kept, size = outbound >= 0, len(names)
    answered = 1 - cube.is_("status", "no_answer")
    stages = {
        "dialled": cube.counted("total_calls"),
        "answered": cube.counted("answered_calls"),
        "engaged": cube.counted("engaged_calls") * answered,
        "qualified": cube.counted("qualified_calls"),
        "handed_off": cube.counted("handoff_calls"),
        "with_turns": cube.counted("calls_with_turns") * answered,
    }
    sums = {name: np.bincount(outbound[kept], n[kept], size).astype(int) for name, n in stages.items()}
    return pd.DataFrame(sums, index=pd.Index(names, name=by))


def attempts(cube: Cube) -> pd.DataFrame:
    """Return the funnel of outbound calls by attempt, 1 to 5 and more.

    Calls without an attempt are left out.
    """
    outbound = np.where(cube.is_("direction", "outbound"), 0, -1)
    answered = np.where(cube.is_("status", "no_answer"), -1, outbound)
    stages, rows = len(ATTEMPT_STAGES), MOST_ATTEMPTS + 1
    tally = cube.cells.tallies["attempts"]
    of_outbound, of_answered = (
        tally.table(group, 1, rows * stages).reshape(rows, stages)[1:] for group in (outbound, answered)
    )
    index = pd.Index([*map(str, range(1, MOST_ATTEMPTS)), f"{MOST_ATTEMPTS}+"], name="attempt")
    columns = [of_outbound[:, 0], of_answered[:, 0], of_answered[:, 1], of_outbound[:, 2], of_outbound[:, 3]]
    return pd.DataFrame(dict(zip(FUNNEL, columns, strict=True)), index=index)


def stages_of(frame: pd.DataFrame) -> list[str]:
    """Return the stages that are known: without turns it is unknown who was engaged."""
    return [stage for stage in FUNNEL if stage != "engaged" or frame["engaged"].sum()]


def steps(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return, for each stage after the first, a frame of ``funnel`` or ``attempts`` rows as in ``share``."""
    stages = stages_of(frame)
    return {stage: share(frame[stage], frame[before]) for before, stage in pairwise(stages)}


def share(part: pd.Series, whole: pd.Series) -> pd.DataFrame:
    """Return ``part`` ÷ ``whole`` as ``rate``, ``low``, ``high`` (0 to 1) and ``n``.

    NaN if there is no whole.
    """
    # A call may be qualified although its turns are unknown, so cap the share at one.
    part = part.clip(upper=whole)
    low, high = wilson(part, whole)
    return pd.DataFrame(
        {"rate": part / whole.where(whole > 0), "low": low, "high": high, "n": whole}, index=part.index
    )
