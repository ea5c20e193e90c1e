"""Where lines go, in whole lines; to stderr while that target fails."""

import errno
import os
import select
import sys
import time
from abc import ABC, abstractmethod
from typing import Literal

_RETRY_SECONDS = 1.0
_STALLED_SECONDS = 5.0
_STDOUT, _STDERR = 1, 2
_CLOSED = {
    number for number, stream in ((_STDOUT, sys.__stdout__), (_STDERR, sys.__stderr__)) if stream is None
}
"""What the program was started without: by now another file of its own may have the number."""
StandardName = Literal["stdout", "stderr"]


class Sink(ABC):
    """Writes whole lines; while its target fails they go to stderr, and it is tried again every second."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._failed_at: float | None = None
        self._reason = ""

    @property
    def failing(self) -> bool:
        """Return whether the last write failed."""
        return self._failed_at is not None

    def write(self, lines: bytes) -> str | None:
        """Write lines, each with its line end; return None, or what to report about those that were lost.

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
            write_standard(_STDERR, lines)
        except OSError:
            # There is nowhere left to report it; the count is logged once the target works again.
            return f"dropped {{}} log lines: {self._reason}, nor stderr"
        return f"sent {{}} log lines to stderr: {self._reason}"


class Standard(Sink):
    """The process's stdout or stderr, bypassing Python's buffer."""

    def __init__(self, name: StandardName) -> None:
        super().__init__(name)
        self._descriptor = _STDOUT if name == "stdout" else _STDERR

    def _append(self, lines: bytes) -> None:
        write_standard(self._descriptor, lines)


class Both:
    """A sink, and a second one that gets a copy; only the first one decides whether lines arrived."""

    def __init__(self, first: Sink, second: Sink) -> None:
        self.name = f"{first.name} and {second.name}"
        self.first, self._second = first, second

    @property
    def failing(self) -> bool:
        """Return whether the last write to the first one failed."""
        return self.first.failing

    def write(self, lines: bytes) -> str | None:
        """Write to both, even if one fails."""
        report = self.first.write(lines)
        self._second.write(lines)
        return report


class PartlyWrittenError(OSError):
    """Only the beginning was written; ``rest`` starts with the first line that is not complete."""

    def __init__(self, error: OSError, lines: bytes, written: int) -> None:
        super().__init__(*error.args)
        whole = lines.rfind(b"\n", 0, written) + 1
        self.rest = lines[whole:]
        self.torn = whole < written


def write_standard(descriptor: int, lines: bytes) -> None:
    """Write to stdout or stderr, if the program was started with it.

    Raises:
        OSError: it was not, or it cannot be written.
    """
    if descriptor in _CLOSED:
        raise OSError(errno.EBADF, "it was closed when the program began")
    write_all(descriptor, lines)


def write_all(descriptor: int, lines: bytes) -> None:
    """Write everything, normally in one system call, which keeps the lines of several processes whole.

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
