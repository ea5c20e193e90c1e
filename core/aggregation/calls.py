"""Stored calls as a pandas frame."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongoarrow.api import Schema, find_pandas_all

from core.storage.connection import Document

TimeField = Literal["start_time", "end_time"]

_SCHEMA: dict[str, pa.DataType] = {
    "_id": pa.string(),
    "start_time": pa.timestamp("ms", tz="UTC"),
    "end_time": pa.timestamp("ms", tz="UTC"),
    "duration_seconds": pa.float64(),
    "status": pa.string(),
    "direction": pa.string(),
    "language": pa.string(),
    "asr_latency_ms": pa.float64(),
    "tts_latency_ms": pa.float64(),
    "sentiment_score": pa.float64(),
    "qualification_completed": pa.bool_(),
    "handoff_triggered": pa.bool_(),
    "has_error": pa.bool_(),
}
_PROJECTION: Document = dict.fromkeys(_SCHEMA, 1) | {
    "has_error": {"$gt": [{"$size": {"$ifNull": ["$errors", "$error_types", []]}}, 0]}
}


@dataclass(frozen=True)
class CallFilters:
    """Which calls to look at; None lets all pass."""

    direction: str | None = None
    language: str | None = None
    status: str | None = None

    def query(self) -> Document:
        """The filters as a MongoDB query."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def calls_query(start: datetime, end: datetime, by: TimeField, filters: CallFilters | None) -> Document:
    """The calls of the half-open period [start, end)."""
    return {by: {"$gte": start, "$lt": end}} | (filters.query() if filters else {})


def frame_of(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A frame of the documents that MongoDB returned, in the columns and types of ``load_calls``."""
    rows = [[document.get(name) for name in _SCHEMA] for document in documents]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_SCHEMA)
    arrays = [pa.array(column, type=dtype) for column, dtype in zip(columns, _SCHEMA.values(), strict=True)]
    return _named(pa.table(arrays, names=list(_SCHEMA)).to_pandas())


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    flags = ["qualification_completed", "handoff_triggered", "has_error"]
    frame[flags] = frame[flags].fillna(value=False).astype(bool)
    return frame.rename(columns={"_id": "call_id"})


def load_calls(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    by: TimeField = "start_time",
    filters: CallFilters | None = None,
) -> pd.DataFrame:
    """Calls of [start, end), one row each, times in UTC; ``by`` says which time has to lie there."""
    frame = find_pandas_all(
        database["calls"],
        calls_query(start, end, by, filters),
        schema=Schema(_SCHEMA),
        projection=_PROJECTION,
    )
    return _named(frame)


async def load_calls_async(
    database: AsyncDatabase[Document],
    start: datetime,
    end: datetime,
    *,
    by: TimeField = "start_time",
    filters: CallFilters | None = None,
) -> pd.DataFrame:
    """The same for asyncio code; for the short periods of alerts and single days."""
    cursor = database["calls"].find(calls_query(start, end, by, filters), _PROJECTION)
    return frame_of(await cursor.to_list())
