"""Reading the lines of a LOG_FILE: filtered, followed, as text for a terminal."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from core.clock import parse_moment, utc_now
from core.errors import UserError
from core.logs.event import LINE_FIELDS
from core.settings import get_settings

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
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Wanted:
    """Which lines to show; None means any."""

    call_id: str | None = None
    level: str | None = None
    since: datetime | None = None
    component: str | None = None

    def takes(self, line: Line) -> bool:
        """Whether a line is one of them."""
        if self.call_id is not None and line.get("call_id") != self.call_id:
            return False
        if self.component is not None and line.get("component") != self.component:
            return False
        if self.level is not None and _rank(line.get("level")) < _rank(self.level):
            return False
        return self.since is None or _moment(line) >= self.since


def parse_since(text: str) -> datetime:
    """A moment, or how long ago: ``2024-10-24T15:30``, ``15m``, ``2h``, ``3d``.

    Raises:
        UserError: it is neither.
    """
    if text[:-1].isascii() and text[:-1].isdecimal() and text[-1] in _UNITS:
        try:
            return utc_now() - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        except OverflowError:
            raise UserError(f"{text} is too long ago") from None
    return parse_moment(text)


def parse_level(text: str) -> str:
    """The name of a level, in any case.

    Raises:
        UserError: there is none of that name.
    """
    if text.upper() not in LEVELS:
        raise UserError(f"{text} is no level; use one of {', '.join(LEVELS)}")
    return text.upper()


def read_lines(path: Path, wanted: Wanted, *, follow: bool = False) -> Iterator[Line]:
    """The wanted lines of a file, oldest first; those that are no JSON object (cut by a kill) are left out.

    Args:
        path: the file.
        wanted: which lines.
        follow: wait for more at its end, for ever, also after it is rotated.

    Raises:
        UserError: the file cannot be read.
    """
    for raw in _raw_lines(path, follow=follow):
        line = _parsed(raw)
        if line is not None and wanted.takes(line):
            yield line


def shown(line: Line) -> Text:
    """A line for people: local time, level, component, message, fields; a traceback below."""
    level = str(line.get("level", "?"))
    text = Text()
    text.append(_clock(line), "dim").append(f" {level:<8}", _STYLES.get(level, ""))
    text.append(f" {line.get('component', '')} ", "cyan").append(_safe(line.get("message", "")), "bold")
    for key, value in line.items():
        if key not in LINE_FIELDS:
            text.append(f" {_safe(key)}=", "dim").append(_safe(value))
    if isinstance(source := line.get("source"), dict):
        text.append(f"  {source.get('file')}:{source.get('line')}", "dim")
    if isinstance(error := line.get("exception"), dict):
        text.append("\n").append(_safe(error.get("traceback", "")).rstrip(), "red")
    if isinstance(stack := line.get("stack"), str):
        text.append("\n").append(_safe(stack), "dim")
    return text


def _raw_lines(path: Path, *, follow: bool) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    rest = b""
    while True:
        with file:
            while True:
                for piece in file:
                    rest += piece
                    if rest.endswith(b"\n"):
                        yield rest
                        rest = b""
                if not follow:
                    return
                time.sleep(_POLL_SECONDS)
                if _is_another(path, file.fileno()) and not file.peek(1):
                    break
        rest = b""
        file = path.open("rb")


def _is_another(path: Path, descriptor: int) -> bool:
    """Whether the name belongs to another file by now, or this one was cut to begin anew."""
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
    # A level of somebody's own is shown rather than hidden.
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def _moment(line: Line) -> datetime:
    try:
        return datetime.fromisoformat(line["timestamp"])
    except (KeyError, ValueError, TypeError):
        return utc_now()


def _clock(line: Line) -> str:
    local = _moment(line).astimezone(get_settings().tz)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def _safe(value: object) -> str:
    """Text without control characters: a line must not steer the terminal that shows it."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)
