"""Pages of calls, each continuing where the one before ended, whatever is recorded in between."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search.call_search import (
    LONGEST_QUERY_MS,
    TICK,
    CallFacets,
    find_documents,
    list_query,
)
from core.clock import FIRST_YEAR, LAST_YEAR
from core.models.metrics import CallMetrics
from core.storage.calls import readable
from core.storage.collections import CALLS
from core.storage.restrictions import visible
from core.types import Document

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Position:
    """A place in the list of calls: right after the call with this start and id."""

    start: datetime
    call_id: str

    def __str__(self) -> str:
        text = f"{(self.start - _EPOCH) // timedelta(milliseconds=1)}:{self.call_id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse what ``str`` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            moment, colon, call_id = base64.b64decode(padded, b"-_", validate=True).decode().partition(":")
            start = _EPOCH + timedelta(milliseconds=int(moment))
        except (binascii.Error, UnicodeError, ValueError, OverflowError):
            raise ValueError("is not a cursor; use the one from the previous page") from None
        if not colon or not call_id or not FIRST_YEAR <= start.year <= LAST_YEAR:
            raise ValueError("is not a cursor; use the one from the previous page")
        return cls(start, call_id)


@dataclass(frozen=True)
class Page:
    """Calls, newest first, and where the next page begins; None if there is none."""

    calls: list[CallMetrics]
    next: Position | None


def find_page(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    filters: CallFilters,
    facets: CallFacets,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
) -> Page:
    """Return a page of the calls that started in [start, end), newest first, equal starts by id.

    With ``after`` it continues right there: no call is repeated, and none that existed all along is skipped.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s for a step.
    """
    if after is None or after.start >= end:
        found = find_documents(
            database, start, end, filters=filters, facets=facets, limit=limit + 1, offset=offset
        )
    elif after.start < start:
        found = []
    else:
        found = _same_start(database, after, filters, facets, limit + 1)
        if len(found) <= limit:
            rest = limit + 1 - len(found)
            found += find_documents(database, start, after.start, filters=filters, facets=facets, limit=rest)
    kept = found[:limit]
    last = Position(kept[-1]["start_time"], str(kept[-1]["_id"])) if len(found) > limit else None
    return Page(readable(kept), last)


def _same_start(
    database: Database[Document], after: Position, filters: CallFilters, facets: CallFacets, limit: int
) -> list[Document]:
    """Return the calls with the same start, to the millisecond, as the previous page's last one, after it."""
    query = list_query(after.start, after.start + TICK, filters, facets)
    later = visible(database, {"$and": [query, {"_id": {"$gt": after.call_id}}]})
    cursor = database[CALLS].find(later).sort("_id", 1).limit(limit)
    return list(cursor.allow_disk_use(True).max_time_ms(LONGEST_QUERY_MS))
