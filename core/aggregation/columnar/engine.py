"""DuckDB in this process, over the files of the copy and nothing else: bounded, and closed to the outside."""

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from core.aggregation.columnar.copy import Source
from core.errors import UserError

THREADS = 2
MEMORY = "512MB"
"""For all questions at once, what is kept of the files included; what needs more is refused."""
LONGEST_SECONDS = 20.0
FRESH = "fresh"
_CLOSED = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    "SET parquet_metadata_cache = true",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""In this order: after the last one nothing can be set any more, by no question."""


class TooLargeError(UserError):
    """A question takes more memory or time than it may."""


class SourceGoneError(Exception):
    """Files of a source have been replaced since it was opened: open it again."""


def ask(source: Source, query: str, values: Mapping[str, object]) -> pa.Table:
    """Return the answer to a query over ``read_parquet($files)`` and the table ``fresh``.

    Args:
        source: the calls; its files are bound as ``$files``.
        query: SQL that holds no foreign text.
        values: what its other parameters stand for.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it takes more memory or time than it may.
    """
    cursor = _connection(source.folder).cursor()
    cursor.register(FRESH, source.fresh)
    watch = threading.Timer(LONGEST_SECONDS, cursor.interrupt)
    watch.start()
    try:
        return cursor.sql(query, params=dict(values)).to_arrow_table()
    except duckdb.IOException as error:
        raise SourceGoneError(str(error)) from None
    except duckdb.InterruptException:
        raise TooLargeError(
            f"This takes longer than {LONGEST_SECONDS:.0f} s: choose a shorter period"
        ) from None
    except duckdb.OutOfMemoryException:
        raise TooLargeError(f"This takes more than {MEMORY} of memory: choose a shorter period") from None
    finally:
        watch.cancel()
        cursor.close()


@lru_cache(maxsize=8)
def _connection(folder: Path) -> duckdb.DuckDBPyConnection:
    """The one database of a folder, in memory; what is read of its files stays there within MEMORY."""
    made = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY})
    made.execute("SET allowed_directories = $folders", {"folders": [str(folder)] if folder.name else []})
    for closing in _CLOSED:
        made.execute(closing)
    return made
