"""Read the cells of CSV and similar files."""

import csv
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from core.importing.mapping import Source
from core.importing.reading.grid import Line
from core.importing.reading.lines import Lines, TooLongLineError

if TYPE_CHECKING:
    import _csv

_MOST_KEPT = 10_000
"""Characters of a line that is too long that the file of rejected rows gets."""
_LOOKED_AT = 3
"""Lines below one with an open quote that are looked at: are they rows?"""
_SEPARATOR = "\x1f"
"""Replaces delimiters of several characters, which Python's reader does not support."""


def csv_lines(lines: Lines, source: Source) -> Iterator[Line]:
    """Yield every row; a blank line is one without cells."""
    reader = csv_reader(lines, source)
    long = source.delimiter if len(source.delimiter) > 1 else None
    width = 0
    while True:
        first = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except TooLongLineError as error:
            yield Line(first, None, str(error), lines.take()[:_MOST_KEPT])
            continue
        except csv.Error as error:
            if _swallows_rows(lines.row(), width, source):
                yield Line(first, None, "is not valid CSV: a quote is left open", lines.go_back())
                continue
            yield _mended(error, first, lines.number, lines.take(), source)
            continue
        raw = lines.take()
        if long:
            cells = [cell.replace(_SEPARATOR, long) for cell in cells]
        width = len(cells) or width
        yield Line(first, cells, raw=raw)


def _swallows_rows(row: Sequence[str], width: int, source: Source) -> bool:
    """Return whether the lines after the first are rows of their own, rather than the rest of a cell."""
    return width > 0 and any(_cells_in(line, source) == width for line in row[1 : 1 + _LOOKED_AT])


def _cells_in(line: str, source: Source) -> int | None:
    """Return the number of cells of a line by itself, also if the last one goes on below; None for none."""
    try:
        return len(next(csv_reader(iter([line]), source, strict=False)))
    except (csv.Error, StopIteration):
        return None


def csv_reader(lines: Iterator[str], source: Source, *, strict: bool = True) -> "_csv.Reader":
    """Return the rows of CSV text, as lists of cells."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE
    delimiter = source.delimiter
    if len(delimiter) > 1:
        # Unlike a generator, it goes on after a line that is too long.
        lines = map(lambda line: line.replace(source.delimiter, _SEPARATOR), lines)  # noqa: C417 (likewise)
        delimiter = _SEPARATOR
    # A space before a quote is not part of the cell, which is trimmed anyway.
    return csv.reader(
        lines,
        delimiter=delimiter,
        quoting=quoting,
        escapechar=source.escape,
        strict=strict,
        skipinitialspace=source.quoted,
    )


def _mended(error: csv.Error, first: int, last: int, raw: str, source: Source) -> Line:
    """Return a row with quotes inside its quoted cells, if it is clear which ones end a cell.

    Else the problem.
    """
    if last > first:
        where = f" (lines {first} to {last}: is a quote left open?)"
        return Line(first, None, f"is not valid CSV: {error}{where}", raw)
    if '\\"' in raw and source.escape is None:
        return Line(first, None, r"is not valid CSV: a quote behind a backslash; set escape = '\'", raw)
    problem = f"is not valid CSV: {error}"
    return Line(first, loose_cells(raw.rstrip("\r\n"), source.delimiter), problem, raw)


def loose_cells(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row in which a quote ends a cell only before a delimiter, or at the end.

    None if a quote is left open.
    """
    cells, at = [], 0
    while True:
        while delimiter != " " and text.startswith(" ", at):
            at += 1
        quoted = text.startswith('"', at)
        end = text.find(f'"{delimiter}', at + 1) if quoted else text.find(delimiter, at)
        if end < 0:
            break
        cells.append(text[at + 1 : end].replace('""', '"') if quoted else text[at:end])
        at = end + len(delimiter) + quoted
    if not quoted:
        return [*cells, text[at:]]
    if len(text) < at + 2 or not text.endswith('"'):
        return None
    return [*cells, text[at + 1 : -1].replace('""', '"')]
