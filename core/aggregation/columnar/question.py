"""A query about calls, and its answer: any measure of the definitions, by any field, of any calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from core.aggregation.columnar.copy import Source
from core.aggregation.columnar.engine import Rows
from core.aggregation.columnar.fields import Field, Where, by_field, fields
from core.aggregation.columnar.statements import Statement, as_text, key_of, measured, needed
from core.models.definitions import METRICS, PERCENTILES

EVERYTHING = ""
"""The field of a query that does not divide the calls."""
MOST_OFFERED = 50
"""Most values of a field that filters offer."""


@dataclass(frozen=True)
class Question:
    """A measure (a key of METRICS), by a field or EVERYTHING, of the calls that match ``where``.

    Raises:
        ValueError: there is no such measure or field.
    """

    measure: str
    by: str = EVERYTHING
    where: Where = ()

    def __post_init__(self) -> None:
        """Make sure that only known names get near a statement."""
        if self.measure not in METRICS:
            raise ValueError(f"there is no measure {self.measure!r}")
        by_field((*self.where, *([(self.by, "")] if self.by else [])))

    @property
    def field(self) -> Field | None:
        """Return the field by which calls are divided; None if they are not."""
        return fields()[self.by] if self.by else None


@dataclass(frozen=True)
class Answer:
    """The result of a query: one row per value, in the order to show them; '' is no value.

    ``rows`` has ``calls`` and what the measure is computed from: ``value`` of a count; ``part`` and ``whole``
    of a rate; ``n``, ``mean``, ``sd``, the percentiles and ``max`` of a distribution; ``n``, ``total``,
    ``sd`` and the counts of COST_PER of a cost. ``other`` has the same for the merged values; ``groups`` is
    how many values there are in total. ``exact``: percentiles are values of calls, else within 1 %.
    """

    rows: pd.DataFrame
    groups: int
    other: pd.DataFrame
    exact: bool = True
    at: datetime | None = field(default=None, compare=False)

    @property
    def calls(self) -> int:
        """Return how many calls it covers."""
        return int(self.rows["calls"].sum() + self.other["calls"].sum())


def answer(source: Source, question: Question) -> Answer:
    """Answer a query from the columnar copy; percentiles are exact.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it needs more memory or time than it may use.
    """
    about = question.field
    if about is None:
        return _of_everything(source, question)
    statement, said = _begun(source, question)
    grouped = f"GROUP BY 1 ORDER BY calls DESC, 1 LIMIT {about.most}"
    found = statement.run(
        [f"{key_of(about)} AS key", *said, "count(*) OVER () AS groups"],
        statement.only(by_field(question.where)),
        grouped,
    )
    groups = int(found.column("groups")[0]) if found.rows else 0  # the same in every row
    found = in_order(found, about)
    rows = _frame(found, ["" if key is None else str(key) for key in found.column("key")])
    other = rows.iloc[:0]
    if groups > len(rows):
        other = _of_the_rest(source, question, about, rows.index.tolist())
    return Answer(rows, groups, other, at=source.at)


def values(source: Source, name: str) -> list[str]:
    """Return the values of a field, those with the most calls first; '' is no value.

    Raises:
        SourceGoneError: files of the source have been replaced.
    """
    most = f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MOST_OFFERED}"
    rows = Statement(source, [name]).run([f"{as_text(fields()[name])} AS key"], then=most)
    found: list[str] = rows.column("key")
    return found


def in_order(found: Rows, about: Field) -> Rows:
    """Return rows in the order to show them: hours and days by time, unknown ones last; names by calls."""
    if about.order != "value":
        return found
    at = found.columns.index("key")
    return found._replace(rows=sorted(found.rows, key=lambda row: (row[at] is None, row[at])))


def _begun(source: Source, question: Question) -> tuple[Statement, list[str]]:
    names = {name for name, _ in question.where} | ({question.by} - {EVERYTHING})
    statement = Statement(source, [*(needed(question.measure) | names)])
    return statement, measured(question.measure, statement)


def _of_everything(source: Source, question: Question) -> Answer:
    statement, said = _begun(source, question)
    found = statement.run(said, statement.only(by_field(question.where)))
    rows = _frame(found, ["all"])
    rows = rows[rows["calls"] > 0]
    return Answer(rows, len(rows), rows.iloc[:0], at=source.at)


def _of_the_rest(source: Source, question: Question, about: Field, shown: Sequence[str]) -> pd.DataFrame:
    statement, said = _begun(source, question)
    rest = f"{as_text(about)} NOT IN (SELECT unnest({statement.bind(list(shown))}))"
    condition = f"{statement.only(by_field(question.where))} AND {rest}"
    return _frame(statement.run(said, condition), ["other"])


def _frame(found: Rows, keys: list[str]) -> pd.DataFrame:
    """Return rows as a frame, made in one go: each change to a frame costs as much as a small query."""
    columns: dict[str, Sequence[float | None]] = {}
    for name in found.columns:
        values = found.column(name)
        if name == "points":
            for at, percentile in enumerate(PERCENTILES):
                columns[percentile] = [None if one is None else one[at] for one in values]
        elif name not in {"key", "groups"}:
            columns[name] = values
    made = {name: _known(values) for name, values in columns.items()}
    return pd.DataFrame(made, pd.Index(keys, name="key", dtype=object))


def _known(values: Sequence[float | None]) -> np.ndarray:
    """Return numbers, NaN where nothing is known."""
    if values and None not in values:
        return np.array(values)
    return np.array([np.nan if value is None else value for value in values], float)
