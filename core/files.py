"""Files with data are readable by their owner only, and on the disk before anything relies on them.

Files that people write in TOML are read, or refused in one line.
"""

import errno
import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import Any

from core.errors import UserError

_LARGEST_TOML = 16 << 20
"""Characters of a file that people write; a larger one, such as a file of calls, is named by mistake."""


def private_folder(folder: Path) -> Path:
    """Create a folder, and missing ones above it, for the owner only.

    Raises:
        OSError: it cannot be created.
    """
    for parent in [*reversed(folder.parents), folder]:
        if not parent.is_dir():
            parent.mkdir(mode=0o700, exist_ok=True)
    return folder


def refuse_foreign(path: Path, *, shared: bool = False) -> None:
    """Check that a file or folder with data is this user's, and that nobody else can write to it.

    Args:
        path: the file or folder; if it does not exist, all is well.
        shared: whether it may be root's, like a folder that an administrator created for us.

    Raises:
        PermissionError: it is another user's, or others may write to it; ``strerror`` says which.
    """
    try:
        found = path.stat(follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            found = path.stat()
    except FileNotFoundError:
        return
    if found.st_uid != os.geteuid() and not (shared and found.st_uid == 0):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    others = found.st_mode & (stat.S_IWOTH if shared else stat.S_IWOTH | stat.S_IWGRP)
    if others and found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, "other users may write to it: chmod go-w", str(path))


def create_private(file: Path) -> BufferedWriter:
    """Create a file for the owner only and return it, open for writing.

    Raises:
        OSError: it exists, or cannot be created.
    """
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def new_private(file: Path) -> Iterator[BufferedWriter]:
    """Create a file for the owner only, for a block that writes all of it.

    If the block fails or is interrupted, the file is removed: a part of it would pass for the whole.

    Raises:
        OSError: it exists, or cannot be created or written.
    """
    with create_private(file) as out:
        try:
            yield out
            if not out.closed:
                out.flush()
        except BaseException:
            file.unlink(missing_ok=True)
            raise


def write_durably(file: Path, content: bytes) -> None:
    """Create a file for the owner only with this content; it is on the disk when this returns.

    The entry in its folder may not be there yet after a power cut: for that, sync the folder.

    Raises:
        OSError: the file exists, or the disk does not accept it.
    """
    with create_private(file) as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk.

    Raises:
        OSError: the disk does not accept it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_toml(path: Path, where: str) -> dict[str, Any]:
    """Return the content of a TOML file; ``where`` names it in messages.

    Raises:
        UserError: the file cannot be read, is not TOML, is far too large, or is nested too deeply.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST_TOML + 1)
        if len(text) > _LARGEST_TOML:
            raise UserError(f"{where} is not a TOML file: it is larger than {_LARGEST_TOML >> 20} MB")
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not valid TOML: {error}") from None
    return parse_toml(text, where)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return the content of a text in TOML; ``where`` names it in messages.

    Raises:
        UserError: it is not TOML, or is nested too deeply.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also a number of more digits than Python reads
        raise UserError(f"{where} is not valid TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply") from None
