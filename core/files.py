"""Files with data are for their owner alone, and on the disk before anything relies on them."""

import os
from io import BufferedWriter
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for the owner alone.

    Raises:
        OSError: it cannot be made.
    """
    for parent in [*reversed(folder.parents), folder]:
        if not parent.is_dir():
            parent.mkdir(mode=0o700, exist_ok=True)
    return folder


def create_private(file: Path) -> BufferedWriter:
    """A new file for the owner alone, open for writing.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk.

    Raises:
        OSError: the disk does not take it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
