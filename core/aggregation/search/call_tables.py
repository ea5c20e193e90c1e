"""Calls as a table for other programs, always with the same columns; as Parquet or CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from core.models.calls.fields import CALL_FIELDS, CallField, Kind
from core.models.definitions import COST_PARTS
from core.models.metrics import CallMetrics

pq: Any = parquet  # untyped
_TYPES: dict[Kind, pa.DataType] = {
    "moment": pa.timestamp("ms", tz="UTC"),
    "text": pa.string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "errors": pa.list_(pa.string()),
    "json": pa.string(),
}
_FORMULAS = frozenset(
    "=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}"
    "\N{FULLWIDTH COMMERCIAL AT}"
)


def _columns(one: CallField) -> dict[str, pa.DataType]:
    if one.kind == "cost":
        return {f"cost_{part}": pa.float64() for part in (*COST_PARTS, "total")}
    return {"call_id" if one.name == "_id" else one.name: _TYPES[one.kind]}


SCHEMA = pa.schema([column for one in CALL_FIELDS for column in _columns(one).items()])
"""Costs by part and in total, in rupees; errors as their types; nested values as JSON text."""


def to_table(calls: Sequence[CallMetrics]) -> pa.Table:
    """Return calls as a table with the columns of SCHEMA."""
    return pa.Table.from_pylist([_row(call) for call in calls], schema=SCHEMA)


def to_parquet(calls: Sequence[CallMetrics]) -> bytes:
    """Return calls as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(to_table(calls), sink, compression="zstd")
    return sink.getvalue()


def to_csv(calls: Sequence[CallMetrics]) -> str:
    """Return calls as CSV (RFC 4180); texts that a spreadsheet would take for formulas are neutralised."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(SCHEMA.names)
    for call in calls:
        row = _row(call)
        writer.writerow(_written(row.get(name)) for name in SCHEMA.names)
    return text.getvalue()


def harmless(value: object) -> object:
    """Return a value for a CSV; a text that a spreadsheet would take for a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    plain = f"'{value}" if value[:1] in _FORMULAS else value
    # Python's writer does not quote a carriage return, and readers begin a new row there.
    return plain.replace("\r\n", "\n").replace("\r", "\n")


def _row(call: CallMetrics) -> dict[str, Any]:
    row: dict[str, Any] = {"call_id": call.call_id}
    for one in CALL_FIELDS[1:]:
        value = getattr(call, one.name)
        if one.kind == "errors":
            row[one.name] = [error.type for error in call.errors]
        elif one.kind == "json":
            row[one.name] = _as_json(call, one.name) if value else None
        elif one.kind == "cost":
            row |= _costs(call)
        else:
            row[one.name] = value
    return row


def _costs(call: CallMetrics) -> dict[str, float]:
    given = call.cost.model_dump(include={*COST_PARTS}, exclude_none=True) if call.cost else {}
    return {f"cost_{part}": value for part, value in given.items()} | (
        {"cost_total": sum(given.values())} if given else {}
    )


def _as_json(call: CallMetrics, name: str) -> str:
    return orjson.dumps(call.model_dump(mode="json", include={name})[name]).decode()


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return str(value).lower()
    return harmless("; ".join(value) if isinstance(value, list) else value)
