"""The loan funnel of outbound calls: how many reach each stage, and which share reaches the next."""

from itertools import pairwise

import numpy as np
import pandas as pd

from core.aggregation.cube import Cube
from core.aggregation.intervals import wilson
from core.aggregation.rollups import buckets
from core.aggregation.rollups.cells import Ints
from core.aggregation.rollups.rollup import ATTEMPT_STAGES, MOST_ATTEMPTS
from core.models.definitions import Dimension

HOURS_A_DAY = 24
FUNNEL = ("dialled", "answered", "engaged", "qualified", "handed_off")


def funnel(cube: Cube, by: Dimension | None = None) -> pd.DataFrame:
    """Return how many outbound calls reached each stage of FUNNEL, in one row or one per value.

    ``with_turns`` counts answered calls of which it is known who spoke; only they can count as engaged.
    """
    names, number = cube.values(by) if by else (["all"], np.zeros(len(cube.cells), np.int64))
    outbound = np.where(cube.is_("direction", "outbound"), number, -1)
    return pd.DataFrame(_stages(cube, outbound, len(names)), index=pd.Index(names, name=by))


def _stages(cube: Cube, group: Ints, size: int) -> dict[str, Ints]:
    """Return the calls at each stage in each group of cells; -1 leaves a cell out."""
    kept, answered = group >= 0, 1 - cube.is_("status", "no_answer")
    stages = {
        "dialled": cube.counted("total_calls"),
        "answered": cube.counted("answered_calls"),
        "engaged": cube.counted("engaged_calls") * answered,
        "qualified": cube.counted("qualified_calls"),
        "handed_off": cube.counted("handoff_calls"),
        "with_turns": cube.counted("calls_with_turns") * answered,
    }
    return {name: np.bincount(group[kept], n[kept], size).astype(np.int64) for name, n in stages.items()}


def by_hour(cube: Cube) -> pd.DataFrame:
    """Return the funnel by local hour of the day and language, the languages with most calls first.

    Needs a cube of hours or finer.

    Raises:
        ValueError: the cube was loaded for longer buckets.
    """
    cube.require("1h")
    names, number = cube.values("language")
    unique, inverse = buckets.distinct(cube.cells.time)
    hour = buckets.local(unique, cube.zone).hour.to_numpy().astype(np.int64)[inverse]
    group = hour * len(names) + number
    sums = _stages(cube, np.where(cube.is_("direction", "outbound"), group, -1), HOURS_A_DAY * len(names))
    index = pd.MultiIndex.from_product([range(HOURS_A_DAY), names], names=["hour", "language"])
    frame = pd.DataFrame(sums, index=index)
    return frame[frame["dialled"] > 0]


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
