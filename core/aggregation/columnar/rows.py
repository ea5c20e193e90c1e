"""Turn calls, stored or archived, into rows of the columnar copy."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import orjson
import pyarrow as pa
from pymongo.database import Database

from core.aggregation.columnar.fields import (
    COSTS,
    COUNTS,
    FLAGS,
    LONGEST_TEXT,
    METADATA,
    NUMBERS,
    TEXTS,
    metadata_keys,
    schema,
)
from core.aggregation.rollups.foreign_values import HAS_ERROR, read_past
from core.privacy.masking import mask_text
from core.storage.archive.archived_rows import archived, pc
from core.storage.collections import CALLS
from core.storage.columns import find_columns
from core.types import Document, Period

_NESTED = {"provider": "telephony.provider", "number_series": "telephony.number_series"}
_CHECKED = ("direction", "language", "campaign", "status", "end_reason", "fault")
"""Texts that roll-ups read too; a call with a foreign value there is left out of both."""
_WRITTEN = ("string", "bool", "int", "long", "double", "decimal")
"""BSON types that are shown as text."""
_MOST = 2**31 - 1
_ATTEMPT = "attempt"
_ALIAS = "metadata_"
"""Replaces dots, which would make nested documents of MongoDB's results."""


def calls_of(database: Database[Document], periods: Sequence[Period], zone: tzinfo) -> pa.Table:
    """Return the calls that started in any of the half-open periods, in the copy's columns.

    Archived calls are included.

    Raises:
        ArchiveUnreadableError: a file of the archive is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    if not periods:
        return schema().empty_table()
    starts: list[Document] = [{"start_time": {"$gte": start, "$lt": end}} for start, end in periods]
    stored = _stored(database, {"$or": starts})
    old = _archived(database, periods)
    if len(old):
        # A killed archive run leaves calls in both places.
        there = pc.is_in(old["_id"], value_set=stored["_id"].combine_chunks())
        stored = pa.concat_tables([stored, old.filter(pc.invert(there))])
    return _finished(stored, zone)


def _columns() -> dict[str, pa.DataType]:
    """Return what is read of a call, under temporary names."""
    return {
        "_id": pa.string(),
        "start_time": pa.timestamp("ms", tz="UTC"),
        **dict.fromkeys((*sorted(TEXTS), *map(_alias, metadata_keys())), pa.string()),
        **dict.fromkeys((*NUMBERS, *COSTS), pa.float64()),
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys(FLAGS, pa.bool_()),
    }


def _alias(key: str) -> str:
    return f"{_ALIAS}{metadata_keys().index(key)}"


def _stored(database: Database[Document], query: Document) -> pa.Table:
    def as_text(path: str) -> Document:
        text = {"$convert": {"input": f"${path}", "to": "string", "onError": None, "onNull": None}}
        # A date beyond the year 9999 is an error that ``onError`` does not catch.
        return {"$cond": [{"$in": [{"$type": f"${path}"}, list(_WRITTEN)]}, text, None]}

    projection: Document = {
        **dict.fromkeys(_columns(), 1),
        **{name: as_text(_NESTED.get(name, name)) for name in TEXTS if name not in _CHECKED},
        **{_alias(key): as_text(METADATA + key) for key in metadata_keys()},
        **{name: f"$cost.{name.removeprefix('cost_')}" for name in COSTS},
        "has_error": HAS_ERROR,
    }
    return read_past(
        lambda sound: find_columns(database[CALLS], sound, _columns(), projection=projection),
        database[CALLS],
        query,
    ).calls


def _archived(database: Database[Document], periods: Sequence[Period]) -> pa.Table:
    plain = [
        name for name in _columns() if name in {*TEXTS, *NUMBERS, *COUNTS, *FLAGS} - {*_NESTED, "has_error"}
    ]
    rows = archived(
        database, CALLS, periods, ["_id", "start_time", *plain, "errors", "cost", "telephony", "metadata"]
    )
    if not len(rows):
        return rows
    told = _unpacked(rows["telephony"])
    known = _unpacked(rows["metadata"]) if metadata_keys() else []
    made: dict[str, Any] = {
        **{name: _texts(told, name) for name in _NESTED},
        **{_alias(key): _texts(known, key) for key in metadata_keys()},
        **{name: pc.struct_field(rows["cost"], name.removeprefix("cost_")) for name in COSTS},
        "has_error": pc.greater(pc.fill_null(pc.list_value_length(rows["errors"]), 0), 0),
    }
    columns = {name: made.get(name, rows[name] if name in rows.column_names else None) for name in _columns()}
    return pa.table(columns).cast(pa.schema(_columns()))


def _unpacked(texts: pa.ChunkedArray) -> list[Document]:
    return [orjson.loads(text) if text else {} for text in texts.to_pylist()]


def _texts(rows: Sequence[Document], name: str) -> pa.Array:
    values = (row.get(name) if isinstance(row, dict) else None for row in rows)
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: object) -> str | None:
    """Return a value as MongoDB's ``$convert`` writes it; nested values give nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _finished(rows: pa.Table, zone: tzinfo) -> pa.Table:
    """Add the derived columns, and drop the ids; numbers that no call can have become unknown."""
    rows = _with_numbers(rows)
    local = pc.local_timestamp(rows["start_time"].cast(pa.timestamp("ms", tz=str(zone))))
    known = pc.is_valid(rows[COSTS[0]])
    total = pc.fill_null(rows[COSTS[0]], 0.0)
    for name in COSTS[1:]:
        known = pc.or_(known, pc.is_valid(rows[name]))
        total = pc.add(total, pc.fill_null(rows[name], 0.0))
    made: dict[str, Any] = {
        "day": local.cast(pa.date32()),
        "hour": pc.hour(local),
        "weekday": pc.day_of_week(local),
        "cost": pc.if_else(known, total, None),
        **{METADATA + key: _harmless(rows[_alias(key)]) for key in metadata_keys()},
    }
    wanted = schema()
    return pa.table({name: made[name] if name in made else rows[name] for name in wanted.names}).cast(wanted)


def _with_numbers(rows: pa.Table) -> pa.Table:
    """Return rows without attempts beyond 32 bits or infinite measures, which other tools may write.

    Other counts are as large as can be, since they are only compared, or counted up to a limit.
    """
    for at, name in enumerate(rows.column_names):
        if name in COUNTS:
            column = rows[name]
            fits = pc.min_element_wise(
                pc.max_element_wise(column, -_MOST, skip_nulls=False), _MOST, skip_nulls=False
            )
            known = pc.or_(pc.equal(fits, column), name != _ATTEMPT)
            rows = rows.set_column(at, name, pc.if_else(known, fits, None))
        elif name in {*NUMBERS, *COSTS}:
            rows = rows.set_column(at, name, pc.if_else(pc.is_finite(rows[name]), rows[name], None))
    return rows


def _harmless(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return metadata values, shortened, and masked if one is personal although its key does not say so."""
    coded = texts.combine_chunks().dictionary_encode()
    words = [mask_text(text)[:LONGEST_TEXT] for text in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(words, pa.string()).take(coded.indices)])
