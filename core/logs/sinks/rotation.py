"""When and how LOG_FILE is set aside for a new one while many processes write to it."""

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from core.logs.sinks.sink import write_standard

_RETRY_SECONDS = 60.0
_GUARD_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
"""In a folder that others can write to, it might be a link of theirs."""


@dataclass
class Rotation:
    """``agent.log`` becomes ``agent.log.1``, which becomes ``agent.log.2``, and so on.

    ``keep`` of them are kept.

    A line that another process writes during the rotation lands at the end of ``agent.log.1``.
    """

    keep: int
    max_bytes: int | None = None
    hours: int | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    _not_before: float = 0.0

    def is_due(self, path: Path, size: int, more: int) -> bool:
        """Return whether ``more`` bytes should go to a new file."""
        if not size or time.monotonic() < self._not_before:
            return False
        if self.max_bytes and size + more > self.max_bytes:
            return True
        return bool(self.hours) and self._period(time.time()) != self._period(_began(path))

    def rotate(self, path: Path, descriptor: int) -> None:
        """Set the open file aside if it still has the name.

        If another process is doing so, leave it to that one.

        If it fails, stderr says so, lines continue to go to the same file, and it is tried again in a minute.
        """
        try:
            guard = os.open(_guard_of(path), _GUARD_FLAGS, 0o600)
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._shift(path, descriptor)
            finally:
                os.close(guard)
        except BlockingIOError:
            return
        except OSError as error:
            self._not_before = time.monotonic() + _RETRY_SECONDS
            with suppress(OSError):
                notice = f"cannot rotate LOG_FILE {path}: {error.strerror}\n"
                write_standard(2, notice.encode(errors="replace"))

    def _shift(self, path: Path, descriptor: int) -> None:
        try:
            if not os.path.samestat(path.stat(), os.fstat(descriptor)):
                return
        except FileNotFoundError:
            return
        for number in range(self.keep, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            with suppress(FileNotFoundError):
                newer.replace(older)
        os.utime(_guard_of(path), follow_symlinks=False)

    def _period(self, moment: float) -> int:
        """Return which span of LOG_ROTATE_HOURS a time falls in, counted in local time."""
        local = datetime.fromtimestamp(moment, self.zone)
        return (local.toordinal() * 24 + local.hour) // (self.hours or 1)


def _guard_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _began(path: Path) -> float:
    """Return when the file was begun: at the last rotation, or as early as its timestamps show."""
    try:
        return _guard_of(path).stat().st_mtime
    except OSError:
        with suppress(OSError):
            os.close(os.open(_guard_of(path), _GUARD_FLAGS, 0o600))
            status = path.stat()
            began = min(status.st_ctime, status.st_mtime)
            os.utime(_guard_of(path), (began, began), follow_symlinks=False)
        return time.time()
