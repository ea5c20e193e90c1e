"""Records as a table of the archive, without those that cannot be a row of it: these are set apart."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from core.models.archives import Archived
from core.storage.archive.archived_rows import SCHEMAS, to_row
from core.types import Document

_UNFIT = (pa.ArrowException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_COMPARED_AT_ONCE = 1_000


class Apart(NamedTuple):
    """A record that cannot be a row, and the kind of problem."""

    record: Document
    reason: str


class Fitting(NamedTuple):
    """The records that fit, in the order of the table's rows, and those that do not."""

    table: pa.Table
    records: list[Document]
    apart: list[Apart]


def fitting(records: Sequence[Document], collection: Archived) -> Fitting:
    """Return records as a table; halves down to the ones that fail, so that one of them stops no other."""
    try:
        return Fitting(_table(records, collection), list(records), [])
    except _UNFIT as error:
        if len(records) == 1:
            return Fitting(_table([], collection), [], [Apart(records[0], type(error).__name__)])
    middle = len(records) // 2
    first, second = fitting(records[:middle], collection), fitting(records[middle:], collection)
    table = pa.concat_tables([first.table, second.table])
    return Fitting(table, first.records + second.records, first.apart + second.apart)


def _table(records: Sequence[Document], collection: Archived) -> pa.Table:
    table = pa.Table.from_pylist(list(map(to_row, records)), SCHEMAS[collection])
    if table["version"].null_count:  # nobody could tell which of two is the later
        raise LookupError("version")
    return table


def are_equal(one: pa.Table, other: pa.Table) -> bool:
    """Return whether two tables have the same rows; a value that is no number equals itself here."""
    if len(one) != len(other):
        return False
    starts = range(0, len(one), _COMPARED_AT_ONCE)
    return all(
        _are_alike(one.slice(at, _COMPARED_AT_ONCE), other.slice(at, _COMPARED_AT_ONCE)) for at in starts
    )


def _are_alike(one: pa.Table, other: pa.Table) -> bool:
    # Written out, one NaN is like another.
    return one.equals(other) or (
        one.schema == other.schema and str(one.to_pylist()) == str(other.to_pylist())
    )
