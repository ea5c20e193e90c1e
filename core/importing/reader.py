"""Rows of a CSV, TSV or JSONL file, one at a time, with their line numbers."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from core.errors import UserError
from core.importing.mapping import LINE, Source
from core.types import dotted

if TYPE_CHECKING:
    import _csv

MAX_LINE = 1_000_000
"""Characters; a longer line means that this is not the kind of file the mapping says."""


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file; ``cells`` is None where ``problem`` says why it has none."""

    line: int
    cells: dict[str, str] | None
    problem: str = ""
    raw: str = ""


class _Lines:
    """The lines of a text, with a count and the lines of the row that is being read."""

    def __init__(self, text: IO[str], path: Path, encoding: str) -> None:
        self._text = text
        self._path = path
        self._encoding = encoding
        self.number = 0
        self.row: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            line = self._text.readline(MAX_LINE)
        except UnicodeError:
            raise UserError(f"{self._path} is not {self._encoding} text; set source.encoding") from None
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE:
            raise UserError(f"{self._path} has no end to line {self.number}; is source.format right?")
        self.row.append(line)
        return line

    def take(self) -> str:
        """The lines read since the last call."""
        taken = "".join(self.row)
        self.row.clear()
        return taken


def open_text(binary: IO[bytes], source: Source) -> IO[str]:
    """The file as text; bytes that are none become surrogates, so that only their row is lost."""
    return io.TextIOWrapper(binary, encoding=source.codec, errors="surrogateescape", newline="")


def read_rows(text: IO[str], source: Source, path: Path) -> Iterator[Row]:
    """Every row in file order; blank lines are skipped.

    Raises:
        UserError: the file is not such text at all.
    """
    lines = _Lines(text, path, source.encoding)
    rows = _csv_rows(lines, source, path) if source.format == "csv" else _json_rows(lines)
    for row in rows:
        yield (row if _is_text(row.raw) else _refused(row, f"is not {source.encoding} text"))


def check_columns(path: Path, source: Source, wanted: set[str]) -> None:
    """Refuse a mapping that names a column the file doesn't have; of JSONL, that no row has.

    Raises:
        UserError: naming the column, the file and the columns there are.
    """
    missing = wanted - {LINE}
    present: dict[str, None] = {}
    with path.open("rb") as binary, open_text(binary, source) as text:
        if source.format == "csv":
            reader = csv_reader(_Lines(text, path, source.encoding), source)
            present = dict.fromkeys(_header(reader, path, source.encoding))
        else:
            for row in read_rows(text, source, path):
                present |= dict.fromkeys(row.cells or ())
                if missing <= present.keys():
                    return
            if not present:
                return  # nothing to go by: an empty file, or each row is going to be refused
    missing -= present.keys()
    if missing:
        raise UserError(f"{path} has no column {min(missing)!r}; its columns are: {', '.join(present)}")


def csv_reader(lines: Iterator[str], source: Source) -> "_csv.Reader":
    """The rows of CSV text, as lists of cells."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=source.delimiter, quoting=quoting, strict=True)


def _refused(row: Row, reason: str) -> Row:
    return Row(row.line, None, reason, row.raw.encode(errors="backslashreplace").decode())


def _is_text(raw: str) -> bool:
    if raw.isascii():
        return True
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(lines: _Lines, source: Source, path: Path) -> Iterator[Row]:
    reader = csv_reader(lines, source)
    header = _header(reader, path, source.encoding)
    lines.take()
    while True:
        first = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(first, None, _quoting_problem(error, first, lines.number), lines.take())
            continue
        raw = lines.take()
        if not cells:
            continue
        if len(cells) == len(header):
            yield Row(first, dict(zip(header, cells, strict=True)), raw=raw)
        else:
            yield Row(first, None, f"has {len(cells)} cells where the header has {len(header)}", raw)


def _quoting_problem(error: csv.Error, first: int, last: int) -> str:
    where = f" (lines {first} to {last}: is a quote left open?)" if last > first else ""
    return f"is not valid CSV: {error}{where}"


def _header(reader: Iterator[list[str]], path: Path, encoding: str) -> list[str]:
    try:
        header = [" ".join(name.split()) for name in next(reader)]
    except StopIteration:
        raise UserError(f"{path} is empty; its first line must name the columns") from None
    except csv.Error as error:
        raise UserError(f"{path}: the first line is not valid CSV: {error}") from None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in "".join(header)):
        raise UserError(f"{path} is not {encoding} text; name a CSV file, or set source.encoding")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(f"{path} has the column {twice[0]!r} twice; rename one")
    return header


def _json_rows(lines: _Lines) -> Iterator[Row]:
    for line in lines:
        raw = lines.take()
        if line.strip():
            yield _json_row(lines.number, raw)


def _json_row(number: int, raw: str) -> Row:
    try:
        record = json.loads(raw, parse_int=str, parse_float=str, parse_constant=str)
        if not isinstance(record, dict):
            return Row(number, None, "is not a JSON object", raw)
        cells = _cells(record)
    except json.JSONDecodeError as error:
        return Row(number, None, f"is not valid JSON: {error.msg}", raw)
    except RecursionError:
        return Row(number, None, "is nested too deeply", raw)
    # An escape such as \ud800 is no text, though the line that holds it is.
    half = not _is_text("".join(cells.values()))
    return Row(number, None, "holds half a character", raw) if half else Row(number, cells, raw=raw)


def _cells(record: dict[str, Any]) -> dict[str, str]:
    """Nested objects as ``outer.inner``, lists as their items joined by commas."""
    return {
        name: ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
        for name, value in dotted(record)
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
