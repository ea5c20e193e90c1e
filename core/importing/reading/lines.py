"""Read the lines of a text, limited in length and counted."""

import io
from collections import deque
from typing import IO

from core.errors import UserError
from core.importing.mapping import Source

MAX_LINE = 1_000_000
"""Most characters in a line of CSV. If the first one is longer, the file is not of the kind that the mapping
says; a later one is rejected alone."""
MAX_ROW = 4_000_000
"""Most characters in a row, whose cells may span many lines."""


class TooLongLineError(ValueError):
    """A line is longer than MAX_LINE; the lines after it can be read."""


def open_text(binary: IO[bytes], source: Source) -> IO[str]:
    """Open a file as text; invalid bytes become surrogates, so that only their row is lost."""
    return io.TextIOWrapper(binary, encoding=source.codec, errors="surrogateescape", newline="")


class Lines:
    """The lines of a text, counted, with those of the current row kept."""

    def __init__(self, text: IO[str], label: str, encoding: str) -> None:
        self.text = text
        self.label = label
        self.encoding = encoding
        self.number = 0
        self.longest = MAX_LINE
        self._row: list[str] = []
        self._again: deque[str] = deque()
        self._size = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self.read(self.longest)
        if not line:
            raise StopIteration
        if len(line) == self.longest and not line.endswith("\n"):
            if self.number == 1:
                raise UserError(f"{self.label} has no end to line {self.number}; is source.format right?")
            self._skip_line()
            raise TooLongLineError(f"is a line of more than {self.longest:,} characters")
        return line

    def _skip_line(self) -> None:
        """Pass over the rest of a line, without keeping it."""
        while (rest := self.text.readline(self.longest)) and not rest.endswith("\n"):
            pass

    def read(self, most: int) -> str:
        """Return the next line, or the beginning of one longer than ``most``; empty at the end."""
        try:
            line = self._again.popleft() if self._again else self.text.readline(most)
        except UnicodeError:
            raise UserError(f"{self.label} is not {self.encoding} text; set source.encoding") from None
        if not line:
            return line
        if self.number == 0:
            line = line.removeprefix("\ufeff")  # for encodings that leave the byte order mark in place
        self.number += 1
        self._row.append(line)
        self._size += len(line)
        if self._size > MAX_ROW and self._size > self.longest:
            raise UserError(
                f"{self.label} has a row of more than {MAX_ROW:,} characters, to line {self.number}"
            )
        return line

    def row(self) -> list[str]:
        """Return the lines of the current row."""
        return self._row

    def go_back(self) -> str:
        """Return the first line of the current row; the others are read again."""
        first, *others = self._row
        self._again.extendleft(reversed(others))
        self.number -= len(others)
        self._row.clear()
        self._size = 0
        return first

    def take(self) -> str:
        """Return the lines read since the last call."""
        taken = self._row[0] if len(self._row) == 1 else "".join(self._row)
        self._row.clear()
        self._size = 0
        return taken
