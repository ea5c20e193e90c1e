"""Keep the newest entry's number and hash outside the database, so that cutting off the log's end shows.

``DATA_DIR/audit/DATABASE/head``, with mode 0600. Each machine that writes entries keeps its own last one.
"""

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.access.audit.subjects import audit_folder
from core.errors import UserError
from core.files import private_folder
from core.logging_config import get_logger, log_security_event

logger = get_logger("security")
_HEAD = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})")
_NAME = "head"


@dataclass(frozen=True)
class Head:
    """An entry that existed: its number and hash, and where that is recorded."""

    n: int
    hash: str
    where: str

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Parse ``17:9f86d0…``.

        Raises:
            UserError: it is something else.
        """
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise UserError(f"{where} has no head of the audit log; that is a number, a colon and 64 digits")
        return cls(int(found[1]), found[2], where)


def head_file() -> Path:
    """Return the path of this machine's file."""
    return audit_folder() / _NAME


def read_head() -> Head | None:
    """Return the last entry this machine wrote; None if it wrote none.

    Raises:
        UserError: the file exists and cannot be read.
    """
    file = head_file()
    try:
        return Head.parse(file.read_text(encoding="ascii"), str(file))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from None


def keep_head(n: int, digest: str, *, anew: bool = False) -> None:
    """Record an entry as the newest, unless a later one is recorded; with ``anew`` always, after a restore.

    A failure is logged and not raised: the entry itself is safe in the database.
    """
    try:
        folder = private_folder(audit_folder())
        lock = os.open(folder / f"{_NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if anew or n > _kept(folder / _NAME):
                _replace(folder / _NAME, f"{n}:{digest}\n")
        finally:
            os.close(lock)
    except OSError as error:
        log_security_event(logger, "audit_head_not_kept", reason=error.strerror)


def _kept(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii").partition(":")[0])
    except (FileNotFoundError, UnicodeError, ValueError):
        return 0


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{_NAME}.new")  # one at a time, under the lock
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as content:
        content.write(text)
    draft.replace(file)
