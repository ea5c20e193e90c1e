"""Rows of cells below a header: what CSV files and workbooks have in common."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from core.errors import UserError
from core.importing.mapping import FILE, LINE, Source
from core.importing.reading.rows import MAX_COLUMNS, Row, listed

_DELIMITER_LINE = re.compile(r"sep=.{0,3}", re.ASCII)
"""The line Excel wants before the header, and what splitting it by the named delimiter leaves of it."""
_PLACE = re.compile(r"#([1-9]\d{0,4})", re.ASCII)
"""A column by its position: ``#5``."""


def plain_name(name: str) -> str:
    """Return a name in lower case, without spaces and punctuation."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of a row; ``problem`` says what is wrong if they do not match the header."""

    number: int
    cells: list[str] | None
    problem: str = ""
    raw: str = ""


class Grid:
    """A header and the rows below it.

    ``wanted`` names the columns to read; with ``pad`` a row may have fewer cells than the header.

    Raises:
        UserError: there is no header, or it is not one.
    """

    def __init__(
        self,
        lines: Iterator[Line],
        source: Source,
        label: str,
        wanted: AbstractSet[str] | None = None,
        *,
        pad: bool = False,
    ) -> None:
        self._lines = lines
        self._pad = pad
        self._label = label
        self._source = source
        self._wanted = wanted
        header = self._header()
        if source.loose_names:
            asked = {plain_name(name): name for name in wanted or ()}
            header = [asked.get(plain_name(name), name) for name in header]
        self._twice = {name for name, count in Counter(header).items() if count > 1}
        self._header_names = header
        # Columns without a name are known by their position.
        self.columns = [
            name if name and name not in header[:place] else f"#{place + 1}"
            for place, name in enumerate(header)
        ]

    def check(self, needed: AbstractSet[str]) -> None:
        """Refuse needed names that no column has, and wanted names that several columns have.

        Raises:
            UserError: naming the column, and the columns there are.
        """
        for name in sorted((self._wanted or needed) & self._twice):
            places = [f'"#{place}"' for place, other in enumerate(self._header_names, 1) if other == name]
            raise UserError(
                f"{self._label} has the column {name!r} {'twice' if len(places) == 2 else 'several times'}; "  # noqa: PLR2004 (twice)
                f"name it by its place: {' or '.join(places[:5])}"
            )
        missing = {name for name in needed - {LINE, FILE} - {*self.columns} if self._place(name) is None}
        if missing:
            columns = listed(self.columns)
            raise UserError(f"{self._label} has no column {min(missing)!r}; its columns are: {columns}")

    def rows(self) -> Iterator[Row]:
        """Yield every row; cells of columns wanted by position are included under that name as well."""
        columns, width = self.columns, len(self.columns)
        by_place = self.by_place()
        for line in self._lines:
            cells = line.cells
            if cells is None:
                yield Row(line.number, None, line.problem, line.raw, len(line.raw))
            elif not cells:
                continue
            elif len(cells) == width or (self._pad and len(cells) < width):
                cells = cells + [""] * (width - len(cells))
                named = dict(zip(columns, cells, strict=True))
                for name, place in by_place.items():
                    named[name] = cells[place]
                yield Row(line.number, named, raw=line.raw, size=len(line.raw) or sum(map(len, cells)))
            else:
                problem = line.problem or f"has {len(cells)} cells where the header has {width}"
                yield Row(line.number, None, problem, line.raw or repr(cells), len(line.raw))

    def by_place(self) -> dict[str, int]:
        """Return the wanted names such as ``#5``, with the position they mean."""
        return {name: place for name in self._wanted or () if (place := self._place(name)) is not None}

    def _place(self, name: str) -> int | None:
        """Return the position that a name such as ``#5`` means."""
        found = _PLACE.fullmatch(name)
        place = int(found[1]) - 1 if found else None
        return place if place is not None and name not in self.columns and place < len(self.columns) else None

    def _header(self) -> list[str]:
        for _ in range(self._source.skip_lines):
            next(self._lines, None)
        if self._source.columns:
            return list(self._source.columns)
        cells = self._next()
        while not any(cells) or _DELIMITER_LINE.fullmatch(self._source.delimiter.join(cells)):
            cells = self._next()
        header = [" ".join(name.split()) for name in cells]
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in "".join(header)):
            raise UserError(
                f"{self._label} is not {self._source.encoding} text; name a CSV file, or set source.encoding"
            )
        if len(header) > MAX_COLUMNS:
            raise UserError(
                f"{self._label} has {len(header):,} columns, more than {MAX_COLUMNS:,}; "
                "is source.delimiter right?"
            )
        return header

    def _next(self) -> list[str]:
        line = next(self._lines, None)
        if line is None:
            raise UserError(f"{self._label} is empty; its first line must name the columns")
        if line.cells is None:
            raise UserError(f"{self._label}: the first line {line.problem}")
        return line.cells
