"""A question about calls, and its answer: any measure of the definitions, by any field, of any calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from core.aggregation.columnar.copy import Source
from core.aggregation.columnar.engine import ask
from core.aggregation.columnar.fields import Field, fields
from core.aggregation.columnar.statements import Statement, as_text, key_of, measured, needed
from core.models.definitions import METRICS, PERCENTILES

EVERYTHING = ""
"""The field of a question that tells nothing apart."""
MOST_OFFERED = 50
"""Values of a field that are offered to be filtered by."""
Where = tuple[tuple[str, str], ...]
"""Pairs of a field and a value; several values of a field are any of them, several fields all of them."""


@dataclass(frozen=True)
class Question:
    """A measure (a key of METRICS), by a field or EVERYTHING, of the calls that pass ``where``.

    Raises:
        ValueError: there is no such measure or field.
    """

    measure: str
    by: str = EVERYTHING
    where: Where = ()

    def __post_init__(self) -> None:
        """Let nothing but known names come near a statement."""
        if self.measure not in METRICS:
            raise ValueError(f"there is no measure {self.measure!r}")
        known = fields()
        for name in ([self.by] if self.by else []) + [name for name, _ in self.where]:
            if name not in known:
                raise ValueError(f"there is no field {name!r}")

    @property
    def field(self) -> Field | None:
        """What the calls are told apart by; None where by nothing."""
        return fields()[self.by] if self.by else None

    @property
    def filters(self) -> Mapping[Field, Sequence[str]]:
        """The values that calls may have, by field."""
        found: dict[Field, list[str]] = {}
        for name, value in self.where:
            found.setdefault(fields()[name], []).append(value)
        return found


@dataclass(frozen=True)
class Answer:
    """What came of a question: a row for each value, in the order to show them; '' is no value.

    ``rows`` has ``calls`` and what the measure is made of: ``value`` of a count; ``part`` and ``whole`` of a
    rate; ``n``, ``mean``, ``sd``, the percentiles and ``max`` of a distribution; ``n``, ``total``, ``sd`` and the
    counts of COST_PER of a cost. ``other`` is the same of the values that are not told apart, of which there are
    ``groups`` less the rows. ``exact``: percentiles are values of calls, else within 1 %.
    """

    rows: pd.DataFrame
    groups: int
    other: pd.DataFrame
    exact: bool = True
    at: datetime | None = field(default=None, compare=False)

    @property
    def calls(self) -> int:
        """How many calls it is of."""
        return int(self.rows["calls"].sum() + self.other["calls"].sum())


def answer(source: Source, question: Question) -> Answer:
    """Answer a question from the columnar copy; percentiles are exact.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it takes more memory or time than it may.
    """
    about = question.field
    if about is None:
        return _of_everything(source, question)
    statement, said = _begun(source, question)
    condition = statement.only(question.filters)
    rows = _frame(
        source,
        statement,
        f"SELECT {key_of(about)} AS key, {said}, count(*) OVER () AS groups "
        f"FROM {statement.calls(condition)} GROUP BY 1 ORDER BY calls DESC, 1 LIMIT {about.most}",
    )
    groups = int(rows["groups"].iloc[0]) if len(rows) else 0
    rows = in_order(rows.drop(columns="groups"), about)
    other = rows.iloc[:0]
    if groups > len(rows):
        other = _of_the_rest(source, question, about, rows.index.tolist())
    return Answer(rows, groups, other, at=source.at)


def values(source: Source, name: str) -> list[str]:
    """The values of a field, those with the most calls first; '' is no value.

    Raises:
        SourceGoneError: files of the source have been replaced.
    """
    statement, one = Statement(source, [name]), fields()[name]
    query = f"SELECT {as_text(one)} AS key FROM {statement.calls()} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {MOST_OFFERED}"
    found: list[str] = ask(source, query, statement.values)["key"].to_pylist()
    return found


def in_order(rows: pd.DataFrame, about: Field) -> pd.DataFrame:
    """Rows with a ``key`` as they are shown, their keys as texts: hours and days by time, names by their calls."""
    if about.order == "value":
        rows = rows.sort_values("key", na_position="last")
    keys = ["" if pd.isna(key) else _key(key) for key in rows["key"]]
    return rows.drop(columns="key").set_index(pd.Index(keys, name="key", dtype=object))


def _key(key: object) -> str:
    if isinstance(key, datetime):
        return key.date().isoformat()
    return str(int(key)) if isinstance(key, float) else str(key)


def _begun(source: Source, question: Question) -> tuple[Statement, str]:
    names = {one.key for one in question.filters} | ({question.by} - {EVERYTHING})
    statement = Statement(source, [*(needed(question.measure) | names)])
    return statement, f"count(*) AS calls, {measured(question.measure, statement)}"


def _of_everything(source: Source, question: Question) -> Answer:
    statement, said = _begun(source, question)
    condition = statement.only(question.filters)
    rows = _frame(source, statement, f"SELECT {said} FROM {statement.calls(condition)}")
    rows = rows[rows["calls"] > 0].set_axis(["all"] * int(rows["calls"].gt(0).sum()))
    return Answer(rows, len(rows), rows.iloc[:0], at=source.at)


def _of_the_rest(source: Source, question: Question, about: Field, shown: Sequence[str]) -> pd.DataFrame:
    statement, said = _begun(source, question)
    rest = f"{as_text(about)} NOT IN (SELECT unnest({statement.bind(list(shown))}))"
    condition = f"{statement.only(question.filters)} AND {rest}"
    return _frame(source, statement, f"SELECT {said} FROM {statement.calls(condition)}").set_axis(["other"])


def _frame(source: Source, statement: Statement, query: str) -> pd.DataFrame:
    frame: pd.DataFrame = ask(source, query, statement.values).to_pandas()
    if "points" not in frame:
        return frame
    nothing = [float("nan")] * len(PERCENTILES)
    points = [nothing if one is None else list(one) for one in frame.pop("points")]
    return frame.assign(**dict(zip(PERCENTILES, map(list, zip(*points, strict=True)), strict=True)) if points else dict.fromkeys(PERCENTILES, []))
