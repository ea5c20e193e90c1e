"""LOG_FILE: many processes append to it at once, and whichever notices first rotates it."""

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from core.files import private_folder
from core.logs.sinks.rotation import Rotation
from core.logs.sinks.sink import Both, PartlyWrittenError, Sink, Standard, StandardName, write_all

_TORN_SECONDS = 0.05
"""A line that has had no end for this long is no longer being written."""
_ROOT = 0


class LogFile(Sink):
    """A file of whole lines, opened at the first one, and opened again once it was renamed or deleted."""

    def __init__(self, path: Path, mode: int = 0o600, rotation: Rotation | None = None) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 (as it is named now, links kept)
        super().__init__(f"LOG_FILE {self.path}")
        self.mode = mode
        self._rotation = rotation
        self._descriptor: int | None = None
        self._opened: os.stat_result | None = None
        self._torn = False

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor is not None and self._is_ours(self._descriptor):
            os.close(self._descriptor)
        self._descriptor = None

    def _is_ours(self, descriptor: int) -> bool:
        """Return whether the file is still open under its number.

        A program that becomes a daemon closes all it has open, and the number may be another file's by now.
        """
        try:
            return self._opened is not None and os.path.samestat(os.fstat(descriptor), self._opened)
        except OSError:
            return False

    def _append(self, lines: bytes) -> None:
        descriptor = self._current()
        if self._rotation and self._rotation.is_due(self.path, os.fstat(descriptor).st_size, len(lines)):
            self._rotation.rotate(self.path, descriptor)
            descriptor = self._current()
        if self._torn:
            write_all(descriptor, b"\n")
            self._torn = False
        try:
            write_all(descriptor, lines)
        except PartlyWrittenError as error:
            self._torn = error.torn
            raise

    def _current(self) -> int:
        """Return the file that has the name now: another process may have rotated it."""
        if self._descriptor is not None and not (
            self._is_ours(self._descriptor) and is_named(self.path, self._descriptor)
        ):
            self.close()
        if self._descriptor is None:
            self._descriptor = _open_to_append(self.path, self.mode)
            self._opened = os.fstat(self._descriptor)
            self._torn = False
        return self._descriptor


def is_named(path: Path, descriptor: int) -> bool:
    """Return whether the open file still has that name."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _open_to_append(path: Path, mode: int) -> int:
    private_folder(path.parent)
    descriptor = _create(path, mode)
    if descriptor is None:
        # Checked before opening as well: opening another user's named pipe would block.
        _refuse_others(path, path.lstat())
        no_link = os.O_NOFOLLOW if is_shared(path.parent) else 0
        # A named pipe that nobody reads, or not fast enough, must not hold up the thread for good.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | no_link
        descriptor = os.open(path, flags, mode)
        try:
            _refuse_others(path, os.fstat(descriptor))
            _end_torn_line(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def is_shared(folder: Path) -> bool:
    """Return whether users other than this one and root may put files into a folder; its group is trusted."""
    status = folder.stat()
    return bool(status.st_mode & stat.S_IWOTH) or status.st_uid not in {os.geteuid(), _ROOT}


def _refuse_others(path: Path, status: os.stat_result) -> None:
    """Refuse a file that somebody else put into a shared folder under the log's name."""
    if reason := foreign(path.parent, status):
        raise PermissionError(errno.EPERM, reason, str(path))


def foreign(folder: Path, status: os.stat_result) -> str | None:
    """Return why a file in a shared folder is not accepted as our log; None if it is."""
    if not is_shared(folder):
        return None
    if stat.S_ISLNK(status.st_mode):
        return "it is a link in a folder that others can write"
    whole = folder.stat()
    # A folder's owner may do anything with its files; in one that everyone can write to, the owner is just
    # one of many.
    owners = {os.geteuid(), _ROOT} | (set() if whole.st_mode & stat.S_IWOTH else {whole.st_uid})
    if status.st_uid not in owners:
        return "it is another user's file in a folder that others can write"
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        return "it has a second name, in a folder that others can write"
    return None


def _create(path: Path, mode: int) -> int | None:
    """Create a file with exactly that mode, whatever the umask; None if one exists already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return None
    with suppress(OSError):
        os.fchmod(descriptor, mode)
    return descriptor


def _end_torn_line(path: Path, descriptor: int) -> None:
    """End the line that a killed process left unfinished, so that the next one stays whole."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
        return
    with path.open("rb") as file:
        size = _size_within_a_line(file.fileno())
        if size is None:
            return
        time.sleep(_TORN_SECONDS)
        # a different size means that others are writing right now
        if _size_within_a_line(file.fileno()) == size:
            write_all(descriptor, b"\n")


def _size_within_a_line(descriptor: int) -> int | None:
    """Return the size of a file whose last line has no end."""
    size = os.fstat(descriptor).st_size
    return size if size and os.pread(descriptor, 1, size - 1) != b"\n" else None


def sink_for(
    path: Path | None,
    mode: int = 0o600,
    rotation: Rotation | None = None,
    standard: StandardName = "stdout",
    *,
    both: bool = False,
) -> Sink | Both:
    """Return the sink for a LOG_FILE; with ``both`` also stdout or stderr, and without a file only that."""
    if path is None:
        return Standard(standard)
    file = LogFile(Path(os.path.expanduser(path)), mode, rotation)  # noqa: PTH111 (never raises without a home)
    return Both(file, Standard(standard)) if both else file
