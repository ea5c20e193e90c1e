"""The entry point: open a file of any format as rows."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from io import BufferedReader

from core.errors import UserError
from core.importing.mapping import FILE, LINE, Source
from core.importing.reading.delimited import csv_lines
from core.importing.reading.files import Opened, Part, open_part
from core.importing.reading.grid import Grid
from core.importing.reading.json_rows import json_rows, record_row
from core.importing.reading.lines import Lines, open_text
from core.importing.reading.parquet import ParquetFile
from core.importing.reading.records import steps_of
from core.importing.reading.rows import MAX_COLUMNS, Row, as_far_as_text, listed
from core.importing.reading.workbook import workbook_lines


class Table:
    """The rows of an open file, and the columns seen in it."""

    def __init__(
        self, opened: Opened, rows: Iterator[Row], columns: Sequence[str], grid: Grid | None
    ) -> None:
        self._opened = opened
        self._rows = rows
        self.columns: dict[str, None] = dict.fromkeys(columns)
        self.grid = grid

    def __iter__(self) -> Iterator[Row]:
        """Yield every row, in file order."""
        known = self.grid is not None
        for row in self._rows:
            if not known and row.cells is not None and len(self.columns) < MAX_COLUMNS:
                self.columns |= dict.fromkeys(row.cells)
            yield row

    def named(self) -> dict[str, None]:
        """Return the columns seen in it, without those wanted by position."""
        places = self.grid.by_place().values() if self.grid else ()
        return {name: None for place, name in enumerate(self.columns) if place not in places}

    def position(self) -> int:
        """Return how many bytes of the file on the disk have been read."""
        return self._opened.position()


@contextmanager
def open_table(
    part: Part,
    source: Source,
    wanted: AbstractSet[str] | None = None,
    needed: AbstractSet[str] | None = None,
) -> Iterator[Table]:
    """Open a file and read its header, if it has one.

    ``wanted`` names the columns to read; None for all. Undecodable bytes in other columns do no harm.
    ``needed`` names those without which the file is refused; None for all wanted ones.

    Raises:
        UserError: the file is not of that kind, or its header lacks a needed column.
        OSError: it cannot be read.
    """
    with open_part(part) as opened:
        form = _form_of(opened, source, part)
        grid: Grid | None = None
        rows: Iterator[Row]
        if form == "parquet":
            file = ParquetFile(part.path)
            rows = (record_row(number, record, wanted) for number, record in file.records(wanted))
            yield Table(opened, rows, file.columns, None)
            return
        if form == "xlsx":
            sheet = workbook_lines(part.path, source.sheet)
            grid = Grid(sheet, source, part.label, wanted, pad=True)
            rows = grid.rows()
        else:
            lines = Lines(open_text(opened.binary, source), part.label, source.encoding)
            if form == "csv":
                grid = Grid(csv_lines(lines, source), source, part.label, wanted)
                lines.take()
                rows = grid.rows()
            else:
                rows = json_rows(lines, source, wanted)
            rows = (as_far_as_text(row, wanted, source.encoding) for row in rows)
        if grid is not None and wanted is not None:
            grid.check(wanted if needed is None else needed)
        yield Table(opened, rows, grid.columns if grid else (), grid)


def _form_of(opened: Opened, source: Source, part: Part) -> str:
    """Return the file's format, as detected or as the mapping says."""
    said = {"jsonl": "json"}.get(source.format or "", source.format)
    if opened.form != "text":
        if said not in {None, opened.form}:
            raise UserError(f"{part.label} is {_NAMES[opened.form]}, not {said}; leave source.format out")
        return opened.form
    if said in {"xlsx", "parquet"}:
        raise UserError(f"{part.label} is not {_NAMES[said]}; leave source.format out")
    if said == "json" and _looks_like_columns(opened.binary, source):
        raise UserError(
            f"{part.label} is no JSON, for which the mapping is made (source.format); "
            "without a mapping one is proposed"
        )
    return said or ("json" if _begins_as_json(opened.binary, source) else "csv")


_NAMES = {"xlsx": "a workbook (.xlsx)", "parquet": "a Parquet file"}


def _looks_like_columns(binary: BufferedReader, source: Source) -> bool:
    """Return whether a text begins with a line of names between delimiters, and without a bracket."""
    first, _, more = binary.peek(512)[:512].decode(source.codec, errors="ignore").strip().partition("\n")
    return bool(more) and not {"{", "["} & set(first) and any(first.count(mark) > 1 for mark in ",;\t|")


def _begins_as_json(binary: BufferedReader, source: Source) -> bool:
    begin = binary.peek(512)[:512].decode(source.codec, errors="ignore")
    return begin.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}


def check_columns(
    parts: Sequence[Part], source: Source, wanted: AbstractSet[str], needed: AbstractSet[str]
) -> None:
    """Refuse a mapping that names a column missing from the files; for JSON, from all objects.

    Raises:
        UserError: naming the column, the file and the columns there are.
        OSError: a file cannot be read.
    """
    missing = needed - {LINE, FILE}
    present: dict[str, None] = {}
    records = False
    for part in parts:
        with open_table(part, source, wanted, needed) as table:
            if table.grid is not None:
                continue
            records = True
            present |= table.columns
            for row in table:
                if not (missing := missing - (row.cells or {}).keys()):
                    break
                if row.cells is not None and len(present) < MAX_COLUMNS:
                    present |= dict.fromkeys(row.cells)
    # Without columns there is nothing to check: the file is empty, or each row will be rejected.
    if records and missing and present:
        shown = listed(name for name in present if not name.endswith(".length"))
        whose = f"{parts[0].label} has" if len(parts) == 1 else f"the {len(parts):,} files have"
        raise UserError(f"{whose} no column {min(missing)!r}; its columns are: {shown}")


def unused_columns(columns: Sequence[str], wanted: AbstractSet[str]) -> list[str]:
    """Return the columns a mapping does not read; nested ones only if no part of them is read."""
    used = set(wanted)
    for name in wanted:
        path = ""
        for step in steps_of(name):
            path = f"{path}.{step}" if path else str(step)
            used.add(path)
            if isinstance(step, int):
                break
    return [name for name in columns if name not in used and not name.endswith(".length")]


def absent_columns(columns: Iterable[str], wanted: AbstractSet[str]) -> list[str]:
    """Return the columns a mapping reads and no file has."""
    return sorted(name for name in wanted - {LINE, FILE, *columns} if not name.startswith("#"))
