"""A query about calls, and its answer: any measure of the definitions, by any field, of any calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
    rows = _frame(found)
    of_each = rows.pop("groups")  # the same in every row
    groups = int(of_each.iloc[0]) if len(of_each) else 0
    rows = in_order(rows, about)
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


def in_order(rows: pd.DataFrame, about: Field) -> pd.DataFrame:
    """Return rows in the order to show them, with ``key`` as text: hours and days by time, names by calls."""
    if about.order == "value":
        rows = rows.sort_values("key", na_position="last")
    keys = ["" if pd.isna(key) else _key(key) for key in rows["key"]]
    return rows.drop(columns="key").set_index(pd.Index(keys, name="key", dtype=object))


def _key(key: object) -> str:
    if isinstance(key, datetime):
        return key.date().isoformat()
    return str(int(key)) if isinstance(key, float) else str(key)


def _begun(source: Source, question: Question) -> tuple[Statement, list[str]]:
    names = {name for name, _ in question.where} | ({question.by} - {EVERYTHING})
    statement = Statement(source, [*(needed(question.measure) | names)])
    return statement, measured(question.measure, statement)


def _of_everything(source: Source, question: Question) -> Answer:
    statement, said = _begun(source, question)
    rows = _frame(statement.run(said, statement.only(by_field(question.where))))
    rows = rows[rows["calls"] > 0]
    return Answer(rows.set_axis(["all"] * len(rows)), len(rows), rows.iloc[:0], at=source.at)


def _of_the_rest(source: Source, question: Question, about: Field, shown: Sequence[str]) -> pd.DataFrame:
    statement, said = _begun(source, question)
    rest = f"{as_text(about)} NOT IN (SELECT unnest({statement.bind(list(shown))}))"
    condition = f"{statement.only(by_field(question.where))} AND {rest}"
    return _frame(statement.run(said, condition)).set_axis(["other"])


def _frame(rows: Rows) -> pd.DataFrame:
    frame = rows.frame()
    for name in frame.columns.difference(["key", "points"]):
        if frame[name].dtype.kind == "O":  # nothing is known
            frame[name] = frame[name].astype(float)
    if "points" not in frame:
        return frame
    none = [float("nan")] * len(PERCENTILES)
    points = [none if one is None else one for one in frame.pop("points")]
    for at, name in enumerate(PERCENTILES):
        frame[name] = [float(one[at]) for one in points]
    return frame
