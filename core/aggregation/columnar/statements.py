"""Turn definitions into SQL over the columnar copy. User input is always bound, never part of the SQL."""

from collections.abc import Mapping, Sequence
from datetime import date

from core.aggregation.columnar.copy import Source
from core.aggregation.columnar.engine import FRESH, Rows, ask, table_of
from core.aggregation.columnar.fields import COSTS, METADATA, TEXTS, Field, schema
from core.clock import day_bounds
from core.models.definitions import (
    COST_PER,
    COUNTS,
    DISTRIBUTIONS,
    PERCENTILES,
    RATES,
    Condition,
    Count,
)

_SIGNS = {"at least": ">=", "above": ">", "below": "<"}


class Statement:
    """A query being built: the values of its parameters, and the calls it is about."""

    def __init__(self, source: Source, columns: Sequence[str]) -> None:
        """Start with the calls of a source, and some of the copy's columns."""
        self._source = source
        self._columns = sorted({*columns} | {"day"})
        self.values: dict[str, object] = {}

    def bind(self, value: object) -> str:
        """Return the parameter for a value."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def only(self, by_field: Mapping[Field, Sequence[str]]) -> str:
        """Return the condition that calls have one of the values of each field; '' is no value."""
        tests = [
            f"{as_text(one)} IN (SELECT unnest({self.bind([*values])}))" for one, values in by_field.items()
        ]
        return " AND ".join(tests) or "true"

    def run(self, said: Sequence[str], condition: str = "true", then: str = "") -> Rows:
        """Return the result for the calls that meet a condition; ``then`` groups and orders it.

        Raises:
            SourceGoneError: files of the source have been replaced.
            TooLargeError: it needs more memory or time than it may use.
        """
        query = f"SELECT {', '.join(said)} FROM {self._calls(condition)} {then}"  # noqa: S608 (names of ours alone)
        return ask(self._source, query, self.values)

    def _calls(self, condition: str) -> str:
        chosen = ", ".join(map(quoted, self._columns))
        parts = []
        if len(self._source.fresh) or not self._source.files:
            parts.append(f"SELECT {chosen} FROM {FRESH} WHERE {condition}")  # noqa: S608 (names of ours alone)
        if self._source.files:
            of_source = f"{self._of_source()} AND {condition}"
            for file in self._source.files:
                table = table_of(file)
                parts.append(f"SELECT {chosen} FROM {table} WHERE {of_source}")  # noqa: S608 (names of ours alone)
        return f"({' UNION ALL '.join(parts)})"

    def _of_source(self) -> str:
        """Return the condition for the source's days in its files, and for its hours within a day."""
        source = self._source
        first, last = min(source.days), max(source.days)
        tests = [f"day BETWEEN {self.bind(first)} AND {self.bind(last)}"]
        between = {date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)}
        if gaps := sorted(between - source.days):
            tests.append(f"day NOT IN (SELECT unnest({self.bind(gaps)}))")
        if day_bounds(first, source.zone)[0] < source.start:
            tests.append(f"start_time >= {self.bind(source.start)}")
        if source.end < day_bounds(last, source.zone)[1]:
            tests.append(f"start_time < {self.bind(source.end)}")
        return " AND ".join(tests)


def quoted(column: str) -> str:
    """Return a column of the copy as SQL quotes it.

    Raises:
        ValueError: the copy has no such column.
    """
    if schema().get_field_index(column) < 0:
        raise ValueError(f"the copy has no column {column!r}")
    return f'"{column}"'


def key_of(field: Field) -> str:
    """Return the expression by which calls are divided: a field's value, '' if it has none."""
    is_text = field.key in TEXTS or field.key.startswith(METADATA)
    return f"coalesce({quoted(field.key)}, '')" if is_text else quoted(field.key)


def as_text(field: Field) -> str:
    """Return a field's value as a text; '' if it has none."""
    return f"coalesce(CAST({quoted(field.key)} AS VARCHAR), '')"


def needed(measure: str) -> set[str]:
    """Return the columns that a measure is computed from."""
    if measure in COUNTS:
        count = COUNTS[measure]
        return set(count.fields) | ({count.total_of} if count.total_of else set())
    if measure in RATES:
        return needed(RATES[measure].part) | needed(RATES[measure].whole)
    if measure == "cost":
        return {"cost", *COSTS}.union(*(needed(count) for count in COST_PER.values()))
    return {measure}


def measured(measure: str, statement: Statement) -> list[str]:
    """Return a measure's result columns, as ``Answer`` has them."""
    calls = "count(*) AS calls"
    if measure in COUNTS:
        return [calls, f"{_counted(COUNTS[measure], statement)} AS value"]
    if measure in RATES:
        part, whole = COUNTS[RATES[measure].part], COUNTS[RATES[measure].whole]
        return [calls, f"{_counted(part, statement)} AS part", f"{_counted(whole, statement)} AS whole"]
    column = quoted(measure)
    spread = [calls, f"count({column}) AS n", f"stddev_samp({column}) AS sd"]
    if measure == "cost":
        counts = (f"{_counted(COUNTS[key], statement)} AS {name}" for name, key in COST_PER.items())
        return [*spread, "sum(cost) AS total", *counts]
    spread.append(f"avg({column}) AS mean")
    return (
        [*spread, f"{points(measure)} AS points", f"max({column}) AS max"]
        if measure in DISTRIBUTIONS
        else spread
    )


def points(column: str) -> str:
    """Return the exact percentiles of a column, as a list in the order of PERCENTILES."""
    return f"quantile_disc({quoted(column)}, {[*PERCENTILES.values()]})"


def counted(where: Sequence[Condition], statement: Statement) -> str:
    """Return the number of calls that meet every condition."""
    return f"count(*){only_counted(where, statement)}"


def only_counted(where: Sequence[Condition], statement: Statement) -> str:
    """Return what narrows an aggregate to the calls that meet every condition."""
    test = " AND ".join(_test(condition, statement) for condition in where)
    return f" FILTER (WHERE {test})" if test else ""


def _counted(count: Count, statement: Statement) -> str:
    if count.total_of is None:
        return counted(count.where, statement)
    test = " AND ".join(_test(condition, statement) for condition in count.where) or "true"
    capped = f"least(greatest({quoted(count.total_of)}, 0), {int(count.most or 0)})"
    return f"CAST(coalesce(sum({capped}) FILTER (WHERE {test}), 0) AS BIGINT)"


def _test(condition: Condition, statement: Statement) -> str:
    """Return a condition of the definitions; an unknown value meets only ``is not``."""
    column = quoted(condition.field)
    match condition.test:
        case "is":
            return f"{column} = {statement.bind(str(condition.value))}"
        case "is not":
            return f"{column} IS DISTINCT FROM {statement.bind(str(condition.value))}"
        case "true":
            return column
        case "known":
            return f"{column} IS NOT NULL"
        case "exceeds":
            return f"{column} > {quoted(str(condition.value))}"
        case _:
            return f"{column} {_SIGNS[condition.test]} {statement.bind(float(condition.value))}"
