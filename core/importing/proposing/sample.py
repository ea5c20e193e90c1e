"""The beginning of a file: its layout, its columns, and some of its rows."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core.errors import UserError
from core.importing.mapping import Source
from core.importing.proposing.forms import form_of_times
from core.importing.reading.delimited import csv_reader
from core.importing.reading.files import Part, open_part
from core.importing.reading.rows import Row, trimmed
from core.importing.reading.table import open_table
from core.importing.reading.workbook import workbook_lines

LOOKED_AT = 1 << 16
"""Bytes read to find out what a file is like."""
MOST_ROWS = 200
_DELIMITERS = (",", ";", "\t", "|", "||", "::", "~")
_SEPARATOR_LINE = re.compile(r"sep=.{0,3}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[\d.,:/ -]*\d[\d.,:/ -]*", re.ASCII)
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Sample:
    """Rows from the beginning, and the ``[source]`` they were read with."""

    part: Part
    source: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def cells(self, column: str) -> list[str]:
        """Return the cells of a column that are not empty."""
        return [cell for cell in self.all_cells(column) if cell]

    def all_cells(self, column: str) -> list[str]:
        """Return the cells of a column, one per row."""
        return [trimmed((row.cells or {}).get(column, "")) for row in self.rows]


def take_sample(part: Part) -> Sample:
    """Read the beginning of a file.

    Raises:
        UserError: it cannot be read, or has no recognisable columns.
    """
    try:
        source = _detected(part)
        with open_table(part, Source(**source)) as table:
            rows = [row for row in islice(table, MOST_ROWS) if row.cells is not None]
            columns = [name for name in table.columns if not name.endswith(".length")]
    except OSError as error:
        raise UserError(f"{part.label} cannot be read: {error.strerror}") from None
    if not rows:
        raise UserError(f"{part.label} has no rows from which a mapping could be proposed")
    return Sample(part, source, tuple(columns), tuple(rows))


def _detected(part: Part) -> dict[str, Any]:
    """Return what ``[source]`` must say about a file, where that differs from the default."""
    with open_part(part) as opened:
        if opened.form != "text":
            return _titled(part) if opened.form == "xlsx" else {}
        head = opened.binary.read(LOOKED_AT)
    encoding = _encoding(head)
    source: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    if text.lstrip()[:1] in {"{", "["}:
        return source
    lines = text.splitlines(keepends=True)
    whole = lines[:-1] if len(head) == LOOKED_AT and len(lines) > 1 else lines
    return source | _layout(whole[:200], part)


def _titled(part: Part) -> dict[str, Any]:
    """Return how many rows of a sheet are a title above the header, which is as wide as most rows."""
    with closing(workbook_lines(part.path, None)) as lines:
        rows = [line.cells or [] for line in islice(lines, MOST_ROWS)]
    widths = Counter(len(row) for row in rows if len(row) > 1).most_common(1)
    if not widths:
        return {}
    first = next(place for place, row in enumerate(rows) if len(row) >= widths[0][0])
    return {"skip_lines": first} if any(rows[:first]) and _is_header(rows[first]) else {}


def _encoding(head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or error.reason != "unexpected end of data":
            return "cp1252"
    return "utf-8"


def _layout(lines: Sequence[str], part: Part) -> dict[str, Any]:
    """Return delimiter, lines before the header, and names if there is no header."""
    escape = {"escape": "\\"} if any('\\"' in line for line in lines) else {}
    read = {mark: list(_rows(lines, mark, escape)) for mark in _DELIMITERS}
    usual = {mark: Counter(len(row) for row in rows if row).most_common(1) for mark, rows in read.items()}
    scores = {
        mark: (count * width, len(mark))
        for mark, found in usual.items()
        for width, count in found
        if width > 1
    }
    if not scores:
        raise UserError(f"no columns found in {part.label}; is it a table of calls?")
    delimiter = max(scores, key=lambda mark: scores[mark])
    if all(line.count("|") == 2 * line.count("||") for line in lines) and "||" in scores:
        delimiter = "||"
    rows, width = read[delimiter], usual[delimiter][0][0]
    first = next(place for place, row in enumerate(rows) if len(row) == width)
    found: dict[str, Any] = {} if delimiter == "," else {"delimiter": delimiter}
    found |= escape
    if first and not _SEPARATOR_LINE.fullmatch(lines[0].strip()):
        found["skip_lines"] = first
    if not _is_header(rows[first]):
        names = _shorter_header(rows, first, width)
        found["columns"] = [*names, *(f"column {place}" for place in range(len(names) + 1, width + 1))]
    return found


def _shorter_header(rows: Sequence[Sequence[str]], first: int, width: int) -> list[str]:
    """Return the names above rows that end with delimiters their header lacks; empty if they do not."""
    names = [" ".join(name.split()) for name in rows[first - 1]] if first else []
    whole = all(names) and len(names) == len({*names}) and len(names) * 2 > width
    ends = (row[len(names) :] for row in rows[first:] if len(row) == width)
    return names if whole and _is_header(names) and not any(map(any, ends)) else []


def _rows(lines: Sequence[str], delimiter: str, escape: dict[str, str]) -> Iterator[list[str]]:
    reader = csv_reader(iter(lines), Source(delimiter=delimiter, **escape))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue


def _is_header(cells: Sequence[str]) -> bool:
    """Return whether a row names columns: no cell is a number or a time, and hardly any is empty."""
    named = [cell.strip() for cell in cells if cell.strip()]
    if len(named) * 2 < len(cells):
        return False
    return not any(_NUMBER.fullmatch(cell) or form_of_times([cell]) for cell in named)
