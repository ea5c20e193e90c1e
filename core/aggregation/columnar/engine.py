"""DuckDB in this process, over the files of the copy only: limited in memory, and closed to the outside."""

import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from core.aggregation.columnar.copy import Source
from core.errors import UserError

THREADS = 2
MEMORY = "512MB"
"""For all queries together, including cached files; a query that needs more is refused."""
LONGEST_SECONDS = 20.0
FRESH = "fresh"
_NAME = re.compile(r"\d{4}-\d{2}\.\d+")
_KNOWN = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'held'"
_loading = threading.Lock()
_held: dict[Path, str] = {}
"""The files that are in memory, each with the name of its table."""
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


class Rows(NamedTuple):
    """The result of a query: few rows, for which Arrow would cost more than it saves."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        """Return the values of a column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def named(self) -> list[dict[str, Any]]:
        """Return each row with its columns' names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class TooLargeError(UserError):
    """A query needs more memory or time than it may use."""


class SourceGoneError(Exception):
    """Files of a source have been replaced since it was opened; open it again."""


def ask(source: Source, query: str, values: Mapping[str, object]) -> Rows:
    """Return the result of a query over the tables of :func:`table_of` and the table ``fresh``.

    Args:
        source: the calls; those that no file has yet are ``fresh``.
        query: SQL without foreign text.
        values: values of its other parameters.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it needs more memory or time than it may use.
    """
    cursor = _connection(source.folder).cursor()
    if len(source.fresh) or not source.files:
        cursor.register(FRESH, source.fresh)
    watch = threading.Timer(LONGEST_SECONDS, cursor.interrupt)
    watch.start()
    try:
        cursor.execute(query, dict(values))
        return Rows(tuple(column[0] for column in cursor.description), cursor.fetchall())
    except (duckdb.IOException, duckdb.CatalogException) as error:
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


def table_of(file: Path) -> str:
    """Return what stands for a file in a statement: a table in memory, read from it once.

    Decoding Parquet costs more than most questions. Where memory is short it is read each time after all.

    Raises:
        SourceGoneError: the file has been replaced.
    """
    if file in _held:
        return _held[file]
    name = file.stem
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no file of the copy")
    held, month = _connection(file.parent).cursor(), name.partition(".")[0]
    try:
        with _loading:
            known = {row[0] for row in held.execute(_KNOWN).fetchall()}
            for old in known - {name}:
                if old.startswith(month):
                    held.execute(f'DROP TABLE held."{old}"')
            if name not in known:
                query = f'CREATE TABLE held."{name}" AS SELECT * FROM read_parquet($file)'  # noqa: S608 (checked)
                held.execute(query, {"file": str(file)})
                held.execute("CHECKPOINT held")
    except duckdb.OutOfMemoryException:
        path = str(file).replace("'", "''")  # DATA_DIR may have any name
        return f"read_parquet('{path}')"
    except duckdb.IOException as error:
        raise SourceGoneError(str(error)) from None
    finally:
        held.close()
    for one in [known for known in _held if known.parent == file.parent and known.name.startswith(month)]:
        _held.pop(one, None)
    _held[file] = f'held."{name}"'
    return _held[file]


@lru_cache(maxsize=8)
def _connection(folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a folder's one in-memory database; file contents are cached there within MEMORY."""
    made = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY})
    made.execute("SET allowed_directories = $folders", {"folders": [str(folder)] if folder.name else []})
    made.execute("ATTACH ':memory:' AS held (COMPRESS)")
    for closing in _CLOSED:
        made.execute(closing)
    return made
