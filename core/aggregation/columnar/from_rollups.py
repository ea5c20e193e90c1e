"""Answer queries from roll-ups if they contain everything needed, in the same form as from the copy."""

import numpy as np
import pandas as pd

from core.aggregation.columnar.question import EVERYTHING, Answer, Question
from core.aggregation.cube import Cube
from core.aggregation.rollups import sketch
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.cells import Ints
from core.aggregation.series import percentile_table
from core.models.definitions import COST_PER, COUNTS, DIMENSIONS, DISTRIBUTIONS, RATES


def in_rollups(question: Question) -> bool:
    """Return whether roll-ups contain all that a query needs, so that no call has to be read."""
    names = [name for name, _ in question.where]
    return (
        question.by in {EVERYTHING, *DIMENSIONS}
        and question.measure in {*COUNTS, *RATES, *DISTRIBUTIONS, "cost"}
        and set(names) <= {*DIMENSIONS}
        and len(names) == len(set(names))
        and all(value for _, value in question.where)
    )


def filters_of(question: Question) -> CallFilters:
    """Return the filters of a query that roll-ups support."""
    return CallFilters(**dict(question.where))


def answer_of_cube(cube: Cube, question: Question) -> Answer:
    """Answer a query from a cube of the calls that match its filters; percentiles are within 1 %.

    Raises:
        ValueError: the cube was loaded without campaigns, and the query is by campaign.
    """
    about = question.field
    names, number = cube.values(question.by) if about else (["all"], np.zeros(len(cube.cells), np.int64))
    if about is None and not cube.total:
        names = []
    most = about.most if about else 1
    shown = names[:most]
    rows = _grouped(cube, question.measure, np.minimum(number, most), most + 1)
    other = rows.iloc[most:] if len(names) > most else rows.iloc[:0]
    rows = rows.iloc[: len(shown)].set_axis(pd.Index(shown, name="key", dtype=object))
    return Answer(rows, len(names), other.set_axis(["other"] * len(other)), exact=False, at=cube.read_at)


def _grouped(cube: Cube, measure: str, group: Ints, size: int) -> pd.DataFrame:
    """Return what a measure is computed from in each group of cells."""

    def counted(key: str) -> Ints:
        return np.bincount(group, cube.counted(key), size).astype(np.int64)

    rows = pd.DataFrame({"calls": counted("total_calls")})
    if measure in COUNTS:
        return rows.assign(value=counted(measure))
    if measure in RATES:
        return rows.assign(part=counted(RATES[measure].part), whole=counted(RATES[measure].whole))
    if measure == "cost":
        total = np.bincount(group, cube.cells.costs.sum(axis=1), size)
        rows = rows.assign(n=counted("calls_with_cost"), sd=np.nan, total=total)
        return rows.assign(**{name: counted(key) for name, key in COST_PER.items()})
    table = percentile_table(cube, measure, group, size)
    return rows.join(table).assign(sd=_deviation(cube, measure, group, table))


def _deviation(cube: Cube, measure: str, group: Ints, table: pd.DataFrame) -> pd.Series:
    """Return the standard deviation within each group, from the sketch, as exact as its buckets."""
    counts = cube.distribution(measure, group, len(table))
    squares = counts @ np.square(sketch.estimates())
    n = table["n"].where(table["n"] > 1)
    deviation: pd.Series = np.sqrt((squares / n - table["mean"] ** 2).clip(lower=0) * n / (n - 1))
    return deviation
