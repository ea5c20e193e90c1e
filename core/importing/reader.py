"""Rows of a CSV, TSV or JSONL file, one at a time, with their line numbers."""

import csv
import gzip
import io
import json
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from core.errors import UserError
from core.importing.json_rows import calls_in, documents, is_lines
from core.importing.mapping import LINE, Source
from core.types import dotted

if TYPE_CHECKING:
    import _csv

_DELIMITER_LINE = re.compile(r"sep=.?", re.ASCII)
"""What Excel wants before the header, and what is left of it by the delimiter that it names."""
MAX_COLUMNS = 10_000
MOST_LISTED = 100
MOST_ITEMS = 20
"""Items of a list that can be named by their place."""
MAX_LINE = 1_000_000
"""Characters; a longer line means that this is not the kind of file the mapping says."""


PACKED = {
    b"PK\x03\x04": "a zip archive or a workbook (.xlsx): unpack it, or save the sheet as CSV",
    b"PAR1": "a Parquet file: write it as CSV or JSON first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "compressed with xz: unpack it first",
    b"\xd0\xcf\x11\xe0": "a workbook of old (.xls): save the sheet as CSV",
    b"SQLite": "an SQLite database: write a table as CSV first",
}
"""How files begin that are no text, and what they are."""
_GZIP = b"\x1f\x8b"


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
        if self.number == 0:
            line = line.removeprefix("\ufeff")  # where the encoding does not take the mark off itself
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


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked where gzip packed it.

    Raises:
        UserError: it is of another form that is no text; it names the form and what to do.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(8)
        for magic, form in PACKED.items():
            if begin.startswith(magic):
                raise UserError(f"{path} is {form}")
        file.seek(0)
        if not begin.startswith(_GZIP):
            yield file
            return
        with gzip.open(file) as unpacked:
            try:
                yield unpacked  # type: ignore[misc]
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise UserError(f"{path} is damaged: it cannot be unpacked to its end") from None


def open_text(binary: IO[bytes], source: Source) -> IO[str]:
    """The file as text; bytes that are none become surrogates, so that only their row is lost."""
    return io.TextIOWrapper(binary, encoding=source.codec, errors="surrogateescape", newline="")


def read_rows(
    text: IO[str], source: Source, path: Path, wanted: AbstractSet[str] | None = None
) -> Iterator[Row]:
    """Every row in file order; blank lines are skipped.

    A row with bytes that are no text is refused, unless they are in no column of ``wanted``.

    Raises:
        UserError: the file is not such text at all.
    """
    lines = _Lines(text, path, source.encoding)
    csv_ = source.format == "csv"
    rows = _csv_rows(lines, source, path) if csv_ else _json_rows(lines, source, path)
    for row in rows:
        yield row if _is_text(row.raw) else _as_far_as_text(row, f"is not {source.encoding} text", wanted)


def check_columns(path: Path, source: Source, wanted: set[str]) -> None:
    """Refuse a mapping that names a column the file doesn't have; of JSONL, that no row has.

    Raises:
        UserError: naming the column, the file and the columns there are.
    """
    missing = wanted - {LINE}
    present: dict[str, None] = {}
    twice: list[str] = []
    with open_binary(path) as binary, open_text(binary, source) as text:
        if source.format == "csv":
            reader = csv_reader(_Lines(text, path, source.encoding), source)
            header = _header(reader, path, source)
            present = dict.fromkeys(header)
            twice = sorted(name for name, n in Counter(header).items() if n > 1 and name in wanted)
        else:
            for row in read_rows(text, source, path):
                present |= dict.fromkeys(row.cells or ())
                if missing <= present.keys():
                    return
            if not present:
                return  # nothing to go by: an empty file, or each row is going to be refused
    if twice:
        raise UserError(f"{path} has the column {twice[0]!r} twice; rename one")
    missing -= present.keys()
    if missing:
        raise UserError(f"{path} has no column {min(missing)!r}; its columns are: {_listed(present)}")


def _listed(columns: Iterable[str]) -> str:
    """Names of columns for a message: what cannot be seen is spelt out, and a long list cut."""
    shown = ["".join(map(_visible, name)) for name in islice(columns, MOST_LISTED + 1)]
    return ", ".join([*shown[:MOST_LISTED], *(["…"] if len(shown) > MOST_LISTED else [])])


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def csv_reader(lines: Iterator[str], source: Source) -> "_csv.Reader":
    """The rows of CSV text, as lists of cells."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE
    # A space before a quote is none of the cell's, which is trimmed anyway.
    return csv.reader(
        lines, delimiter=source.delimiter, quoting=quoting, strict=True, skipinitialspace=source.quoted
    )


def _as_far_as_text(row: Row, reason: str, wanted: AbstractSet[str] | None) -> Row:
    """The row without cells that are no text where nobody asks for them; else refused."""
    raw = row.raw.encode(errors="backslashreplace").decode()
    if row.cells is None or wanted is None:
        return Row(row.line, None, row.problem or reason, raw)
    cells = {name: cell for name, cell in row.cells.items() if _is_text(cell)}
    if any(name in wanted for name in row.cells.keys() - cells.keys()):
        return Row(row.line, None, reason, raw)
    return Row(row.line, cells, raw=raw)


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
    header = _header(reader, path, source)
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


def _next_filled(reader: "_csv.Reader") -> list[str]:
    """The next row that is not blank."""
    return next(cells for cells in reader if cells)


def _header(reader: "_csv.Reader", path: Path, source: Source) -> list[str]:
    """The names of the columns; the reader is at the first row of calls then."""
    try:
        for _ in range(source.skip_lines):
            next(reader)
        if source.columns:
            return list(source.columns)
        cells = _next_filled(reader)
        if _DELIMITER_LINE.fullmatch(source.delimiter.join(cells)):
            cells = _next_filled(reader)
        header = [" ".join(name.split()) for name in cells]
    except StopIteration:
        raise UserError(f"{path} is empty; its first line must name the columns") from None
    except csv.Error as error:
        raise UserError(f"{path}: the first line is not valid CSV: {error}") from None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in "".join(header)):
        raise UserError(f"{path} is not {source.encoding} text; name a CSV file, or set source.encoding")
    if len(header) > MAX_COLUMNS:
        raise UserError(
            f"{path} has {len(header):,} columns, more than {MAX_COLUMNS:,}; is source.delimiter right?"
        )
    return header


def _json_rows(lines: _Lines, source: Source, path: Path) -> Iterator[Row]:
    head, filled = [], []
    for line in lines:
        head.append(line)
        if line.strip():
            filled.append((lines.number, line))
        if len(filled) == 2:  # noqa: PLR2004 (as many as tell the layout)
            break
    lines.take()
    if is_lines(*(line for _, line in filled)):
        for number, line in chain(filled, _filled(lines)):
            yield from _json_line(number, line, source)
    else:
        for number, value in documents(chain(head, lines), path):
            lines.row.clear()
            yield from _json_values(number, value, json.dumps(value), source)


def _filled(lines: _Lines) -> Iterator[tuple[int, str]]:
    for line in lines:
        lines.row.clear()
        if line.strip():
            yield lines.number, line


def _json_line(number: int, raw: str, source: Source) -> Iterator[Row]:
    try:
        record = json.loads(raw, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        yield Row(number, None, f"is not valid JSON: {error.msg}", raw)
    except RecursionError:
        yield Row(number, None, "is nested too deeply", raw)
    else:
        yield from _json_values(number, record, raw, source)


def _json_values(number: int, value: object, raw: str, source: Source) -> Iterator[Row]:
    """The call that a value is, or the calls in it."""
    if (calls := calls_in(value, source.records)) is None:
        yield _json_row(number, value, raw)
        return
    for call in calls:
        yield _json_row(number, call, json.dumps(call))


def _json_row(number: int, record: object, raw: str) -> Row:
    if not isinstance(record, dict):
        return Row(number, None, "is not a JSON object", raw)
    try:
        cells = _cells(record)
    except RecursionError:
        return Row(number, None, "is nested too deeply", raw)
    # An escape such as \ud800 is no text, though the line that holds it is.
    half = not _is_text("".join(cells.values()))
    return Row(number, None, "holds half a character", raw) if half else Row(number, cells, raw=raw)


def _cells(record: dict[str, Any]) -> dict[str, str]:
    """Nested objects as ``outer.inner``, lists as their items joined by commas, and by place."""
    cells: dict[str, str] = {}
    for name, value in dotted(record):
        if not isinstance(value, list):
            cells[name] = _text(value)
            continue
        cells[name] = ",".join(map(_text, value))
        cells[f"{name}.length"] = str(len(value))
        for place, item in enumerate(value[:MOST_ITEMS]):
            if isinstance(item, dict):
                cells |= {f"{name}[{place}].{inner}": _text(one) for inner, one in dotted(item)}
            else:
                cells[f"{name}[{place}]"] = _text(item)
    return cells


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
