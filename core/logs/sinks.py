"""Where lines go: a file or stdout, in whole lines; stderr while that cannot be written."""

import os
import select
import stat
import time
from abc import ABC, abstractmethod
from pathlib import Path

_RETRY_SECONDS = 1.0
_STALLED_SECONDS = 5.0


class Sink(ABC):
    """Takes whole lines; while its target fails they go to stderr, and it is tried every second."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._failed_at: float | None = None
        self._reason = ""

    @property
    def failing(self) -> bool:
        """Whether the last write failed."""
        return self._failed_at is not None

    def write(self, lines: bytes) -> str | None:
        """Write lines that each end in a line end; None, or what to report about those that did not arrive.

        In the report ``{}`` stands for their number.
        """
        if self._failed_at and time.monotonic() - self._failed_at < _RETRY_SECONDS:
            return self._fall_back(lines)
        try:
            self._append(lines)
        except OSError as error:
            return self._failed(error, lines)
        self._failed_at = None
        return None

    @abstractmethod
    def _append(self, lines: bytes) -> None:
        """Write to the target.

        Raises:
            OSError: it cannot be written.
        """

    def _failed(self, error: OSError, lines: bytes) -> str:
        first, self._failed_at = self._failed_at is None, time.monotonic()
        self._reason = f"cannot write {self.name}: {error.strerror or error}"
        unwritten = error.rest if isinstance(error, PartlyWrittenError) else lines
        if first:
            notice = f"{self._reason}; log lines go to stderr until it can be written\n"
            unwritten = notice.encode("utf-8", "backslashreplace") + unwritten
        return self._fall_back(unwritten)

    def _fall_back(self, lines: bytes) -> str:
        try:
            write_all(2, lines)
        except OSError:
            # Nowhere is left to say it; the count is reported once the target can be written again.
            return f"dropped {{}} log lines: {self._reason}, nor stderr"
        return f"sent {{}} log lines to stderr: {self._reason}"


class StandardOutput(Sink):
    """The process's stdout, past Python's buffer."""

    def __init__(self) -> None:
        super().__init__("stdout")

    def _append(self, lines: bytes) -> None:
        write_all(1, lines)


class LogFile(Sink):
    """A file that many processes may append to at once; opened at the first line."""

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - as it is named now, links kept
        super().__init__(f"LOG_FILE {self.path}")
        self.mode = mode
        self._descriptor: int | None = None
        self._torn = False

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, lines: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = _open_to_append(self.path, self.mode)
        if self._torn:
            write_all(self._descriptor, b"\n")
            self._torn = False
        try:
            write_all(self._descriptor, lines)
        except PartlyWrittenError as error:
            self._torn = error.torn
            raise


class PartlyWrittenError(OSError):
    """Only a first part was written; ``rest`` begins with the first line that is not whole."""

    def __init__(self, error: OSError, lines: bytes, written: int) -> None:
        super().__init__(*error.args)
        whole = lines.rfind(b"\n", 0, written) + 1
        self.rest = lines[whole:]
        self.torn = whole < written


def write_all(descriptor: int, lines: bytes) -> None:
    """Write everything, normally in the one call that keeps the lines of several processes whole.

    Raises:
        PartlyWrittenError: it cannot be written, or the reader of a pipe took nothing for 5 s.
    """
    written = 0
    while written < len(lines):
        try:
            written += os.write(descriptor, lines[written:] if written else lines)
        except BlockingIOError as error:
            if not select.select([], [descriptor], [], _STALLED_SECONDS)[1]:
                raise PartlyWrittenError(error, lines, written) from error
        except OSError as error:
            raise PartlyWrittenError(error, lines, written) from error


def _open_to_append(path: Path, mode: int) -> int:
    _make_private_folders(path.parent)
    existed = path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        if not existed:
            os.fchmod(descriptor, mode)  # the umask has no say
        _end_torn_line(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_private_folders(folder: Path) -> None:
    """Create a folder and its missing parents, each 0700."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)


def _end_torn_line(path: Path, descriptor: int) -> None:
    """End the line that a killed process cut short, so that the next one stays whole."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size or not os.access(path, os.R_OK):
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            write_all(descriptor, b"\n")


def sink_for(path: Path | None, mode: int = 0o600) -> Sink:
    """The sink of a LOG_FILE; stdout without one."""
    if path is None:
        return StandardOutput()
    return LogFile(Path(os.path.expanduser(path)), mode)  # noqa: PTH111 - never raises without a home
