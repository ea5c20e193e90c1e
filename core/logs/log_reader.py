"""Read the lines of a LOG_FILE: filter, follow, and format them for a terminal."""

import gzip
import io
import logging
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from core.clock import parse_moment, utc_now
from core.errors import UserError
from core.logs.event import LINE_FIELDS
from core.settings import get_settings
from core.types import printable
from core.variables.kinds import level_number

Line = dict[str, Any]
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_STYLES = {
    "DEBUG": "dim",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "bold red",
    "CRITICAL": "bold white on red",
}
_POLL_SECONDS = 0.2
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_GZIP_MARK = b"\x1f\x8b"
_LONGEST_LINE = 16_000_000


@dataclass(frozen=True)
class Wanted:
    """Which lines to show; None means any."""

    call_id: str | None = None
    level: str | None = None
    since: datetime | None = None
    component: str | None = None

    def takes(self, line: Line) -> bool:
        """Return whether a line is wanted."""
        if self.call_id is not None and line.get("call_id") != self.call_id:
            return False
        if self.component is not None and line.get("component") != self.component:
            return False
        if self.level is not None and _rank(line.get("level")) < _rank(self.level):
            return False
        return self.since is None or _moment(line) >= self.since


def parse_since(text: str) -> datetime:
    """Return a time given as such or as an age: ``2024-10-24T15:30``, ``15m``, ``2h``, ``3d``, ``1w``.

    Raises:
        UserError: it is neither.
    """
    if text[:-1].isascii() and text[:-1].isdecimal() and text[-1] in _UNITS:
        try:
            return utc_now() - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        except OverflowError:
            raise UserError(f"{text} is too long ago") from None
    try:
        return parse_moment(text)
    except UserError as error:
        raise UserError(f"{error}, or an age such as 15m, 2h or 3d") from None


def parse_level(text: str) -> str:
    """Return a level's name, given in any form LOG_LEVEL accepts: ``warn`` and ``30`` are WARNING.

    Raises:
        UserError: there is no such level.
    """
    number = level_number(text)
    if number is None:
        raise UserError(f"{text} is not a level; use one of {', '.join(LEVELS)}")
    return next((name for name in LEVELS if getattr(logging, name) >= number), LEVELS[-1])


@dataclass
class Tally:
    """How many lines of a file there were, and what became of them."""

    wanted: int = 0
    unwanted: int = 0
    odd: int = 0


def read_lines(path: Path, wanted: Wanted, tally: Tally, *, follow: bool) -> Iterator[Line]:
    """Yield the wanted lines of a file, oldest first; skip lines that are not JSON objects (cut by a kill).

    Args:
        path: the file; it may be compressed with gzip, as logrotate does.
        wanted: which lines.
        tally: counts how many lines there were.
        follow: wait for the file, and for more lines at its end, for ever and across rotations.

    Raises:
        UserError: the file cannot be read.
    """
    for raw in _raw_lines(path, follow=follow):
        line = _parsed(raw)
        if line is None:
            tally.odd += bool(raw.strip())
        elif wanted.takes(line):
            tally.wanted += 1
            yield line
        else:
            tally.unwanted += 1


def shown(line: Line) -> Text:
    """Return a line for people: local time, level, component, message, fields; a traceback below."""
    level = _in_line(line.get("level", "?"))
    text = Text()
    text.append(_clock(line), "dim").append(f" {level:<8}", _STYLES.get(level, ""))
    text.append(f" {_in_line(line.get('component', ''))} ", "cyan").append(
        _in_line(line.get("message", "")), "bold"
    )
    for key, value in line.items():
        if key not in LINE_FIELDS:
            text.append(f" {_in_line(key)}=", "dim").append(_in_line(value))
    if isinstance(source := line.get("source"), dict):
        text.append(f"  {_in_line(source.get('file'))}:{_in_line(source.get('line'))}", "dim")
    if isinstance(error := line.get("exception"), dict):
        text.append("\n").append(_below(error.get("traceback", "")), "red")
    if isinstance(stack := line.get("stack"), str):
        text.append("\n").append(_below(stack), "dim")
    return text


def _raw_lines(path: Path, *, follow: bool) -> Iterator[bytes]:
    while True:
        with _opened(path, follow=follow) as file:
            if file.peek(2)[:2] == _GZIP_MARK:
                yield from _unpacked(path, file)
                return
            rest = b""
            while True:
                for piece in iter(lambda: file.readline(_LONGEST_LINE), b""):
                    rest += piece
                    if rest.endswith(b"\n") or len(rest) >= _LONGEST_LINE:
                        yield rest
                        rest = b""
                if not follow:
                    if rest:
                        yield rest
                    return
                time.sleep(_POLL_SECONDS)
                if _is_another(path, file.fileno()) and not file.peek(1):
                    break


def _opened(path: Path, *, follow: bool) -> io.BufferedReader:
    while True:
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            if not follow:
                raise UserError(f"{path} cannot be read: {error.strerror}") from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _unpacked(path: Path, file: io.BufferedReader) -> Iterator[bytes]:
    with gzip.open(file) as lines:
        try:
            yield from iter(lambda: lines.readline(_LONGEST_LINE), b"")
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} cannot be unpacked to its end: {error}") from None


def _is_another(path: Path, descriptor: int) -> bool:
    """Return whether the name belongs to another file by now, or this one was truncated."""
    try:
        named = path.stat()
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return not os.path.samestat(named, opened) or opened.st_size < os.lseek(descriptor, 0, os.SEEK_CUR)


def _parsed(raw: bytes) -> Line | None:
    try:
        line = orjson.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _rank(level: object) -> int:
    # Show custom levels rather than hide them.
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def _moment(line: Line) -> datetime:
    """Return when a line was written; without a zone it is read in TIMEZONE, and without a time it is now."""
    try:
        moment = datetime.fromisoformat(line["timestamp"])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=get_settings().tz)
        return moment.astimezone(UTC)
    except (KeyError, ValueError, TypeError, OverflowError):
        return utc_now()


def _clock(line: Line) -> str:
    try:
        local = _moment(line).astimezone(get_settings().tz)
    except OverflowError:  # in the first or last hours of the calendar
        local = _moment(line)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def _in_line(value: object) -> str:
    """Return text without control characters or line ends: no message may pass for a line of its own."""
    return _safe(value).replace("\n", "\\n").replace("\t", "\\t")


def _below(value: object) -> str:
    """Return text of several lines, indented, so that none of them can pass for a line of the log."""
    rows = _safe(value).rstrip().split("\n")
    return "\n".join(row if row[:1].isspace() else f"  {row}" for row in rows)


def _safe(value: object) -> str:
    """Return text without control characters: a line must not control the terminal that shows it."""
    return printable(value if isinstance(value, str) else orjson.dumps(value, default=str).decode())
