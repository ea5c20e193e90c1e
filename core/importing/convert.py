"""Convert one row of a file into one call."""

import re
from collections.abc import Mapping as Cells
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any

from pydantic import ValidationError

from core.errors import problem
from core.importing.amounts import SECONDS, combine, parse_duration, parse_number
from core.importing.fields import KINDS, TABLES, Kind, unit_of
from core.importing.ids import IDS, as_id
from core.importing.mapping import FILE, LINE, EndTime, Mapping, StartTime
from core.importing.reading.rows import Row, trimmed
from core.importing.times import (
    NO_MOMENT,
    RollingYear,
    clock_after,
    parse_clock,
    parse_day,
    parse_moment,
    parse_month,
    parse_zone,
)
from core.importing.values import Value, fill, treated
from core.models.metrics import CallMetrics
from core.pricing import priced
from core.settings import get_settings

_IN_DIGITS = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


class RowRejectedError(Exception):
    """The row is not a valid call; the text says why in one line."""


class RowDroppedError(RowRejectedError):
    """The mapping says that rows like this are not calls."""


@dataclass(frozen=True)
class Converted:
    """A call, and whether an impossible time was left out of it."""

    call: CallMetrics
    repaired: bool


class Converter:
    """Converts the rows of one file, in file order (a rolling year depends on the order)."""

    def __init__(self, mapping: Mapping, file: str = "") -> None:
        self._mapping = mapping
        self._file = file
        self._foreign = "currency" in mapping.tables.get("cost", {})
        self._zone = parse_zone(mapping.source.timezone or get_settings().timezone)
        first_year = mapping.start_time.first_year
        self._rolling = RollingYear(first_year) if first_year is not None else None

    def convert(self, row: Row) -> Converted:
        """Return the call of a row.

        Raises:
            RowRejectedError: the mapping drops the row, or it is not a valid call.
        """
        if row.cells is None:
            raise RowRejectedError(row.problem)
        cells = {LINE: str(row.line), FILE: self._file, **row.cells}
        start = self._start(cells)  # before the drop rules, since a rolling year has to see every row's month
        self._drop(cells)
        end, repaired = self._end(cells, start)
        mapping = self._mapping
        fields = {
            "start_time": start,
            "end_time": end,
            **{name: self._value(name, spec, KINDS[name], cells) for name, spec in mapping.fields.items()},
        }
        tables = {name: self._table(name, parts, cells) for name, parts in mapping.tables.items()}
        metadata = {name: self._value(name, spec, "text", cells) for name, spec in mapping.metadata.items()}
        try:
            whole = _present(fields) | _present(tables) | {"metadata": _present(metadata)}
            return Converted(priced(CallMetrics.model_validate(whole)), repaired)
        except ValidationError as error:
            raise RowRejectedError(self._describe(error)) from None

    def lead_of(self, row: Row) -> str | None:
        """Return the lead that a row names, also of one that is no valid call; None if it names none."""
        spec = self._mapping.fields.get("lead_id")
        if spec is None or row.cells is None:
            return None
        with suppress(RowRejectedError):
            lead_id = self._value("lead_id", spec, KINDS["lead_id"], row.cells)
            return lead_id if isinstance(lead_id, str) else None
        return None

    def _table(self, table: str, parts: Cells[str, Value], cells: Cells[str, str]) -> dict[str, Any] | None:
        """Return the fields of one part of the call; None if nothing is known of it."""
        kinds = TABLES[table]
        values = _present(
            {name: self._value(f"{table}.{name}", spec, kinds[name], cells) for name, spec in parts.items()}
        )
        if "cost" in kinds.values() and not any(kinds[name] == "cost" for name in values):
            return None  # a currency without an amount
        return values or None

    def _value(self, name: str, spec: Value, kind: Kind, cells: Cells[str, str]) -> object:
        """Return a field's value; None for none."""
        try:
            if spec.constant is not None:
                return spec.constant
            if spec.template is not None:
                text = fill(spec.template, lambda column: _needed(name, cells, column))
            else:
                text = _as_field(name, cells, spec.column or "")
            if text in spec.null:
                return None
            value = treated(spec, text)
            if kind == "moment" and isinstance(value, str):
                zone = self._zone_of(spec, cells)
                return None if _is_none(value) else parse_moment(value, spec.format or "iso", zone)
            return _amount(name, spec, kind, value, foreign=self._foreign)
        except (ValueError, OverflowError) as error:
            where = (
                f" (column {spec.column})" if kind == "cost" and spec.column and spec.values is None else ""
            )
            raise RowRejectedError(f"{name}: {error}{where}") from None

    def _describe(self, error: ValidationError) -> str:
        """Return the first problem: the field, what is wrong, and the cell with its column."""
        first = error.errors()[0]
        loc = [str(part) for part in first["loc"]]
        table = self._mapping.tables.get(loc[0] if loc else "", {})
        name = ".".join(loc[:2]) if table else "".join(loc[:1])
        spec = table.get(loc[1]) if table and len(loc) > 1 else self._mapping.fields.get(name)
        where = f" (column {spec.column})" if spec and spec.column and table else ""
        given = f", not {first['input']!r}{where}" if isinstance(first["input"], str) else ""
        return f"{name}: {problem(first)}{given}" if name else problem(first)

    def _drop(self, cells: Cells[str, str]) -> None:
        for rule in self._mapping.drop:
            text = _cell(cells, rule.column)
            if text in rule.equals:
                raise RowDroppedError(f"{rule.column} is {text}: {rule.reason}")

    def _start(self, cells: Cells[str, str]) -> datetime | None:
        spec = self._mapping.start_time
        try:
            if spec.column is not None:
                text = _moment_cell(cells, spec.column)
                if not text and spec.fallback:
                    text = _moment_cell(cells, spec.fallback)
                return parse_moment(text, spec.format, self._zone_of(spec, cells)) if text else None
            clock = spec.at if spec.time is None else parse_clock(_cell(cells, spec.time))
            return datetime.combine(self._day(spec, cells), clock or time(), self._zone_of(spec, cells))
        except (ValueError, OverflowError) as error:
            raise RowRejectedError(f"start_time: {error}") from None

    def _zone_of(self, spec: StartTime | EndTime | Value, cells: Cells[str, str]) -> tzinfo:
        """Return the zone that a column names, else that of the file."""
        name = _cell(cells, spec.zone) if spec.zone else ""
        return parse_zone(name) if name else self._zone

    def _day(self, spec: StartTime, cells: Cells[str, str]) -> date:
        if spec.on is not None:
            return spec.on
        if spec.date is not None:
            return parse_day(_cell(cells, spec.date), spec.date_format)
        day, month, year = (_cell(cells, name) if name else "" for name in (spec.day, spec.month, spec.year))
        number = parse_month(month)
        rolled = self._rolling.of(number) if self._rolling else year
        try:
            return date(int(rolled), number, int(day))
        except (ValueError, OverflowError):
            raise ValueError(f"day {day!r}, month {month!r}, year {str(rolled)!r} is not a date") from None

    def _end(self, cells: Cells[str, str], start: datetime | None) -> tuple[datetime | None, bool]:
        """Return the latest of the end times, and whether one before the start was ignored."""
        spec = self._mapping.end_time
        if spec is None or start is None:
            return None, False
        try:
            given = {name: _moment_cell(cells, name) for name in spec.moments()}
            if spec.format == "time_of_day":
                return _latest_clock(spec, given, start)
            zone = self._zone_of(spec, cells)
            moments = [parse_moment(text, spec.format, zone) for text in given.values() if text]
            return max(moments, default=None), False
        except (ValueError, OverflowError) as error:
            raise RowRejectedError(f"end_time: {error}") from None


def _latest_clock(spec: EndTime, given: Cells[str, str], start: datetime) -> tuple[datetime | None, bool]:
    clocks = [(name, parse_clock(text)) for name, text in given.items() if text]
    moments = [
        clock_after(start, clock)
        for name, clock in clocks
        if clock != time() or name not in spec.zero_is_never
    ]
    return max((moment for moment in moments if moment), default=None), None in moments


def _cell(cells: Cells[str, str], column: str) -> str:
    # A key missing in this row of a JSON file counts as empty; whether a column exists at all is checked
    # earlier.
    return trimmed(cells.get(column, ""))


def _as_field(name: str, cells: Cells[str, str], column: str) -> str:
    text = _cell(cells, column)
    return as_id(name, text) if name in IDS else text


def _is_none(text: str) -> bool:
    """Return whether a time cell has one of the words for none."""
    return text.lower() in NO_MOMENT


def _moment_cell(cells: Cells[str, str], column: str) -> str:
    """Return a time cell; empty if it has one of the words for none."""
    text = _cell(cells, column)
    return "" if _is_none(text) else text


def _present(fields: Cells[str, object]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _amount(name: str, spec: Value, kind: Kind, value: object, *, foreign: bool) -> object:
    """Return a text as a number for numeric fields.

    Plain digits, and texts that are not numbers, stay as they are.
    """
    if kind not in {"span", "number", "cost"}:
        return value
    if isinstance(value, list):
        numbers = [_number(name, spec, kind, text, foreign=foreign) for text in value]
        return _plain(combine(numbers, spec.combine), spec) if numbers and spec.combine else None
    if not isinstance(value, str) or _as_it_stands(name, spec, value):
        return value
    try:
        return _plain(_number(name, spec, kind, value, foreign=foreign), spec)
    except ValueError:
        # What Python might read as a different number, or what stands for one in another unit.
        if kind == "cost" or "_" in value or "," in value or not value.isascii():
            raise
        return value


def _as_it_stands(name: str, spec: Value, text: str) -> bool:
    return bool(
        _IN_DIGITS.fullmatch(text)
        and (spec.unit is None or spec.unit == unit_of(name))
        and spec.scale is None
        and spec.decimal == "."
        and not spec.absolute
    )


def _number(name: str, spec: Value, kind: Kind, text: str, *, foreign: bool) -> float:
    own = unit_of(name)
    if kind == "span" and own is not None:
        return parse_duration(text, spec.unit or own, spec.decimal) / SECONDS[own]
    foreign = foreign or spec.scale is not None
    return parse_number(text, spec.decimal, rupees=kind == "cost", foreign=foreign) * (spec.scale or 1)


def _plain(number: float, spec: Value) -> float:
    number = abs(number) if spec.absolute else number
    return int(number) if number.is_integer() else round(number, 9)


def _needed(name: str, cells: Cells[str, str], column: str) -> str:
    text = _as_field(name, cells, column)
    if not text:
        raise ValueError(f"column {column} is empty")
    return text
