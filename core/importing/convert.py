"""One row of a file → one call."""

import re
from collections.abc import Mapping as Cells
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from core.errors import problem
from core.importing.amounts import SECONDS, Unit, parse_duration, parse_number
from core.importing.mapping import LINE, EndTime, Mapping, Scalar, StartTime, Value, fill
from core.importing.reader import Row
from core.importing.times import (
    NO_MOMENT,
    RollingYear,
    clock_after,
    parse_clock,
    parse_day,
    parse_moment,
    parse_month,
)
from core.models.metrics import CallMetrics
from core.settings import get_settings

SPANS: dict[str, Unit] = {
    **dict.fromkeys(("duration_seconds", "qualification_seconds"), "seconds"),
    **dict.fromkeys(("asr_latency_ms", "llm_latency_ms", "tts_latency_ms", "e2e_latency_ms"), "milliseconds"),
}
"""Fields that are spans of time, with the unit that the call has them in."""
NUMBERS = ("sentiment_score", "total_turns", "user_turns", "interruptions", "attempt")
_IN_DIGITS = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


class RowRejectedError(Exception):
    """The row is no call; the text says why in one line."""


@dataclass(frozen=True)
class Converted:
    """A call, and whether a time that cannot be right was left out of it."""

    call: CallMetrics
    repaired: bool


class Converter:
    """Converts the rows of one file, in file order (a rolling year depends on it)."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._zone = ZoneInfo(mapping.source.timezone or get_settings().timezone)
        first_year = mapping.start_time.first_year
        self._rolling = RollingYear(first_year) if first_year is not None else None

    def convert(self, row: Row) -> Converted:
        """The call of a row.

        Raises:
            RowRejectedError: the row is dropped by the mapping, or is not a valid call.
        """
        if row.cells is None:
            raise RowRejectedError(row.problem)
        cells = {LINE: str(row.line), **row.cells}
        start = self._start(cells)  # before the drop rules: a rolling year has to see every row's month
        self._drop(cells)
        end, repaired = self._end(cells, start)
        fields = {"start_time": start, "end_time": end, **_values(self._mapping.fields, cells)}
        costs = _values(self._mapping.cost, cells, "cost.")
        tables = {
            "cost": _present(costs),
            "metadata": _present(_values(self._mapping.metadata, cells)),
        }
        try:
            return Converted(CallMetrics.model_validate(_present(fields) | tables), repaired)
        except ValidationError as error:
            raise RowRejectedError(self._describe(error)) from None

    def _describe(self, error: ValidationError) -> str:
        """The first problem: the field, what is wrong, and the cell with its column."""
        first = error.errors()[0]
        loc = [str(part) for part in first["loc"]]
        name = ".".join(loc[:2]) if loc[:1] == ["cost"] else loc[0] if loc else ""
        spec = self._mapping.cost.get(loc[1]) if name.startswith("cost.") else self._mapping.fields.get(name)
        where = f" (column {spec.column})" if spec and spec.column and name.startswith("cost.") else ""
        given = f", not {first['input']!r}{where}" if isinstance(first["input"], str) else ""
        return f"{name}: {problem(first)}{given}" if name else problem(first)

    def _drop(self, cells: Cells[str, str]) -> None:
        for rule in self._mapping.drop:
            text = _cell(cells, rule.column)
            if text in rule.equals:
                raise RowRejectedError(f"{rule.column} is {text}: {rule.reason}")

    def _start(self, cells: Cells[str, str]) -> datetime | None:
        spec = self._mapping.start_time
        try:
            if spec.column is not None:
                text = _moment_cell(cells, spec.column)
                return parse_moment(text, spec.format, self._zone_of(spec, cells)) if text else None
            clock = spec.at if spec.time is None else parse_clock(_cell(cells, spec.time))
            return datetime.combine(self._day(spec, cells), clock or time(), self._zone_of(spec, cells))
        except (ValueError, OverflowError) as error:
            raise RowRejectedError(f"start_time: {error}") from None

    def _zone_of(self, spec: StartTime | EndTime, cells: Cells[str, str]) -> ZoneInfo:
        """The zone that a column names, else that of the file."""
        name = _cell(cells, spec.zone) if spec.zone else ""
        if not name:
            return self._zone
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # an unknown zone is a KeyError
            raise ValueError(f"{name!r} is not an IANA time zone such as Asia/Kolkata") from None

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
        """The latest of the end times, and whether one before the start was ignored."""
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
    # A key that this row of a JSONL file lacks is empty; that a column exists at all is checked before.
    return cells.get(column, "").strip()


def _moment_cell(cells: Cells[str, str], column: str) -> str:
    """A cell with a time; empty where it has one of the words for none."""
    text = _cell(cells, column)
    return "" if text.lower() in NO_MOMENT else text


def _present(fields: Cells[str, object]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _values(specs: Cells[str, Value], cells: Cells[str, str], prefix: str = "") -> dict[str, object]:
    values = {}
    for name, spec in specs.items():
        try:
            value = _value(spec, cells)
            values[name] = _amount(prefix + name, spec, value) if isinstance(value, str) else value
        except ValueError as error:
            raise RowRejectedError(f"{prefix}{name}: {error}") from None
    return values


def _amount(name: str, spec: Value, text: str) -> object:
    """What a text says where the field is a number; what is in digits, or is none, stays as it is."""
    own, rupees = SPANS.get(name), name.startswith("cost.")
    if own is None and not rupees and name not in NUMBERS:
        return text
    unit = spec.unit or own
    if _IN_DIGITS.fullmatch(text) and unit == own and spec.decimal == "." and not spec.absolute:
        return text
    try:
        if unit is not None and own is not None:
            number = parse_duration(text, unit, spec.decimal) / SECONDS[own]
        else:
            number = parse_number(text, spec.decimal, rupees=rupees)
    except ValueError:
        if "_" in text or "," in text or not text.isascii():  # what Python may take for another number
            raise
        return text
    number = abs(number) if spec.absolute else number
    return int(number) if number.is_integer() else round(number, 9)


def _value(spec: Value, cells: Cells[str, str]) -> object:
    """What a field gets; None for nothing."""
    if spec.template is not None:
        return fill(spec.template, lambda name: _needed(cells, name))
    if spec.column is None:
        return spec.constant
    text = _cell(cells, spec.column)
    if text in spec.null:
        return None
    value = _treated(spec, spec.column, text)
    return value[: spec.cut] if spec.cut is not None and isinstance(value, str) else value


def _treated(spec: Value, column: str, text: str) -> object:
    if spec.values is not None:
        mapped = _mapped(spec, spec.values, column, text)
        return None if mapped == "" else mapped
    if not text:
        return None
    if spec.equals:
        return text in spec.equals or (spec.ignore_case and text.casefold() in map(str.casefold, spec.equals))
    if spec.split is not None:
        return [part.strip() for part in text.split(spec.split) if part.strip()]
    return text


def _mapped(spec: Value, values: Cells[str, Scalar], column: str, text: str) -> Scalar:
    mapped = values.get(text)
    if mapped is None and text and (spec.ignore_case or spec.contains):
        mapped = _loosely(spec, values, text.casefold())
    if mapped is None:
        mapped = values.get("*") if text else ""
    if mapped is None:
        raise ValueError(f"{column} {text!r} is not one of {', '.join(values)}")
    return mapped


def _loosely(spec: Value, values: Cells[str, Scalar], text: str) -> Scalar | None:
    """The value of the first key that the text is, or contains, capital letters or not."""
    for key, value in values.items():
        wanted = key.casefold()
        if key not in {"*", ""} and (wanted in text if spec.contains else wanted == text):
            return value
    return None


def _needed(cells: Cells[str, str], name: str) -> str:
    text = _cell(cells, name)
    if not text:
        raise ValueError(f"column {name} is empty")
    return text
