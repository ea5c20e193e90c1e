"""Single calls of a period, for lists."""

from datetime import datetime

from pymongo.database import Database

from core.aggregation.calls import CallFilters, calls_query
from core.models.metrics import CallMetrics
from core.storage.calls import from_document
from core.storage.connection import Document


def count_calls(
    database: Database[Document], start: datetime, end: datetime, *, filters: CallFilters | None = None
) -> int:
    """How many calls started in [start, end)."""
    return database["calls"].count_documents(calls_query(start, end, "start_time", filters))


def find_calls(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    filters: CallFilters | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[CallMetrics]:
    """Calls that started in [start, end), the newest first."""
    query = calls_query(start, end, "start_time", filters)
    cursor = database["calls"].find(query).sort([("start_time", -1), ("_id", 1)]).skip(offset).limit(limit)
    return [from_document(document) for document in cursor]
