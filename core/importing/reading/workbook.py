"""Read the rows of a workbook (.xlsx) with openpyxl, which only users of workbooks need."""

import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.importing.reading.files import FREE_BYTES, MOST_RATIO
from core.importing.reading.grid import Line
from core.importing.reading.records import text_of
from core.importing.reading.rows import MAX_COLUMNS

MAX_STRINGS = 200_000_000
"""Most bytes of text in all cells; a workbook stores them in one place, and they are read at once."""


def workbook_lines(path: Path, sheet: str | None) -> Generator[Line, None, None]:
    """Yield the rows of a sheet, of the first one if none is named.

    Raises:
        UserError: openpyxl is missing, the workbook is damaged or too large, or has no such sheet.
    """
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 (an extra: only workbooks need it)
    except ImportError:
        raise UserError(
            f'{path} is a workbook, and reading one needs openpyxl: pip install "openpyxl>=3.1" '
            "(the extra xlsx); or save the sheet as CSV"
        ) from None
    _check_size(path)
    with path.open("rb") as file:  # openpyxl checks the extension of a name, but not of an open file
        try:
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            names = [one.title for one in book.worksheets]
            if sheet is not None and sheet not in names:
                raise UserError(f"{path} has no sheet {sheet!r}; its sheets are: {', '.join(names)}")
            if not names:
                raise UserError(f"{path} has no sheet with cells")
            rows: Any = book[sheet or names[0]]
            rows.reset_dimensions()  # some programs write wrong dimensions, which would hide cells
            for number, cells in enumerate(rows.iter_rows(values_only=True, max_col=MAX_COLUMNS), start=1):
                yield Line(number, _trimmed(cells))
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 (a damaged workbook raises whatever it comes across)
            raise UserError(f"{path} cannot be read as a workbook: {type(error).__name__}") from None


def _trimmed(cells: tuple[Any, ...]) -> list[str]:
    """Return the cells of a row up to the last non-empty one."""
    texts = [text_of(cell) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            grown = info.file_size > max(FREE_BYTES, info.compress_size * MOST_RATIO)
            if grown or (info.filename.endswith("sharedStrings.xml") and info.file_size > MAX_STRINGS):
                raise UserError(
                    f"{path} unpacks to {info.file_size:,} bytes of {info.filename}; save the sheet as CSV"
                )
