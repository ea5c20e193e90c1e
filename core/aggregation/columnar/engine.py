"""DuckDB in this process, over the files of the copy only: limited in memory, and closed to the outside."""

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
"""For all queries together, including cached files; a query that needs more is refused."""
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
"""The order matters: after the last one no query can change any setting."""


class TooLargeError(UserError):
    """A query needs more memory or time than it may use."""


class SourceGoneError(Exception):
    """Files of a source have been replaced since it was opened; open it again."""


def ask(source: Source, query: str, values: Mapping[str, object]) -> pa.Table:
    """Return the result of a query over ``read_parquet($files)`` and the table ``fresh``.

    Args:
        source: the calls; its files are bound as ``$files``.
        query: SQL without foreign text.
        values: values of its other parameters.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it needs more memory or time than it may use.
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
    """Return a folder's one in-memory database; file contents are cached there within MEMORY."""
    made = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY})
    made.execute("SET allowed_directories = $folders", {"folders": [str(folder)] if folder.name else []})
    for closing in _CLOSED:
        made.execute(closing)
    return made
