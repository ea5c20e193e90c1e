"""A scratch embedded server for benchmarks, whose caches can be emptied."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.settings import get_settings
from core.storage.server.connection import close_all


@contextlib.contextmanager
def scratch_store() -> Iterator[Path]:
    """Yield the DATA_DIR of an embedded server that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ.pop("MONGODB_URI", None)
        get_settings.cache_clear()
        try:
            yield Path(folder)
        finally:
            close_all(wait_seconds=10)


def chill(folder: Path) -> None:
    """Stop the server and evict its files from memory, so that the next query starts cold."""
    close_all(wait_seconds=10)
    for file in folder.rglob("*.wt"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
