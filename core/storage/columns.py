"""Stored documents as columns, in batches that leave the process's other threads their turn."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pymongo.collection import Collection
from pymongoarrow.api import Schema, find_arrow_all

from core.types import Document

pc: Any = compute  # its functions are generated at run time, so type checkers do not know them
AT_ONCE = 2_000
"""Documents of a batch. Each is converted without a pause, for which every other thread waits: 10 ms; of the
server's 16 MB it would be 100 ms, and the whole would take no less."""


def find_columns(
    collection: Collection[Document],
    query: Mapping[str, Any],
    columns: Mapping[str, Any],
    **options: Any,  # noqa: ANN401 (those of find)
) -> pa.Table:
    """Return the documents of a query as a table; an infinite number, which no record has, is unknown.

    Args:
        collection: where to look.
        query: which documents.
        columns: the fields that are wanted, and the type of each.
        **options: of ``Collection.find``, as ``projection`` and ``limit``.

    Raises:
        TypeError: a value is of another type than its column; so are ValueError, OverflowError and
            ArrowException.
        PyMongoError: the database does not answer.
    """
    table = find_arrow_all(collection, query, schema=Schema(columns), batch_size=AT_ONCE, **options)
    for at, column in enumerate(table.columns):
        if pa.types.is_floating(column.type) and pc.any(pc.is_inf(column)).as_py():
            finite = pc.if_else(pc.is_inf(column), None, column)
            table = table.set_column(at, table.column_names[at], finite)
    return table


def find_frame(
    collection: Collection[Document],
    query: Mapping[str, Any],
    columns: Mapping[str, Any],
    **options: Any,  # noqa: ANN401 (those of find)
) -> pd.DataFrame:
    """Return what :func:`find_columns` does as a frame, without holding all of it twice."""
    table = find_columns(collection, query, columns, **options)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame
