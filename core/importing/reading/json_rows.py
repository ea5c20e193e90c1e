"""Rows of JSON: one object per line, or any other layout."""

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

from core.errors import UserError
from core.importing.mapping import Source
from core.importing.reading.json_stream import CONTAINERS, MAX_VALUE, JsonStream, is_lines
from core.importing.reading.lines import MAX_LINE, Lines, TooLongLineError
from core.importing.reading.records import TooManyCellsError, cells_of
from core.importing.reading.rows import Row

_LOOKED_AT = 2
"""Lines read to detect the layout."""


def json_rows(lines: Lines, source: Source, wanted: AbstractSet[str] | None) -> Iterator[Row]:
    """Yield every object as a row.

    Raises:
        UserError: from some point on, it is not JSON.
    """
    head: list[str] = []
    filled: list[tuple[int, str]] = []
    cut = False
    while len(filled) < _LOOKED_AT and not cut and (line := lines.read(MAX_LINE)):
        head.append(line)
        cut = not line.endswith("\n") and len(line) == MAX_LINE
        if line.strip():
            filled.append((lines.number, line))
    lines.take()
    if not cut and is_lines(*(line for _, line in filled)):
        lines.longest = MAX_VALUE
        for number, found in chain(filled, _filled(lines)):
            yield from _line_rows(number, found, source, wanted)
        return
    stream = JsonStream("".join(head), lambda size: _read(lines, size), lines.label, source.records)
    for number, value in stream.calls():
        yield record_row(number, value, wanted)


def _read(lines: Lines, size: int) -> str:
    try:
        return lines.text.read(size)
    except UnicodeError:
        raise UserError(f"{lines.label} is not {lines.encoding} text; set source.encoding") from None


def _filled(lines: Lines) -> Iterator[tuple[int, str | TooLongLineError]]:
    while True:
        found: str | TooLongLineError
        try:
            found = next(lines)
        except StopIteration:
            return
        except TooLongLineError as error:
            found = error
        lines.take()
        if isinstance(found, TooLongLineError) or found.strip():
            yield lines.number, found


def _line_rows(
    number: int, raw: str | TooLongLineError, source: Source, wanted: AbstractSet[str] | None
) -> Iterator[Row]:
    if isinstance(raw, TooLongLineError):
        yield Row(number, None, str(raw), "", 0)
        return
    try:
        value = json.loads(raw, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        yield Row(number, None, f"is not valid JSON: {error.msg}", raw, len(raw))
    except RecursionError:
        yield Row(number, None, "is nested too deeply", raw, len(raw))
    else:
        for call in _calls_in(value, source.records):
            yield record_row(number, call, wanted)


def _calls_in(value: object, records: str | None) -> list[Any]:
    """Return the calls that an object on one line holds in a list, or the object itself."""
    paths = [records.split(".")] if records else [[name] for name in CONTAINERS]
    for path in paths:
        found: Any = value
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, list) and (records or (found and isinstance(found[0], dict))):
            return found
    return [value]


def record_row(number: int, record: object, wanted: AbstractSet[str] | None) -> Row:
    """Return the row of one object."""
    if not isinstance(record, dict):
        return _refused(number, "is not a JSON object", record)
    try:
        cells = cells_of(record, wanted)
    except TooManyCellsError as error:
        return _refused(number, str(error), record)
    except RecursionError:
        return _refused(number, "is nested too deeply", record)
    return Row(number, cells, size=sum(map(len, cells.values())))


def _refused(number: int, problem: str, record: object) -> Row:
    try:
        raw = json.dumps(record, default=str)
    except RecursionError:
        raw = ""
    return Row(number, None, problem, raw, len(raw))
