"""Windows of time to recompute: every change that leaves no trace in ``calls`` is noted here first.

A replaced or deleted call is gone from its old window, and no recorded_at there would show it. So the
window's row is made durable before the change. It is removed only by a recomputation that has read it, and
only once it is older than OVERLAP by the server's clock, so that a change that lands after that read is found
by the next one. A row's ``_id`` is the start of its window, and ``marked_at`` the server's Timestamp of the
last mark.
"""

from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime, timedelta
from typing import overload

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.storage.collections import DIRTY_WINDOWS
from core.storage.server.connection import DURABLE
from core.types import Document

WINDOW = timedelta(minutes=15)
OVERLAP = timedelta(seconds=60)
"""How long after its mark a change may still land."""


def window_of(moment: datetime) -> datetime:
    """Return the start, in UTC, of the 15-minute window that a time (with a zone) falls in."""
    utc = moment.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)


@overload
def mark_dirty(database: Database[Document], windows: Iterable[datetime]) -> object: ...
@overload
def mark_dirty(database: AsyncDatabase[Document], windows: Iterable[datetime]) -> Awaitable[object]: ...
def mark_dirty(
    database: Database[Document] | AsyncDatabase[Document], windows: Iterable[datetime]
) -> object | Awaitable[object]:
    """Have the windows that these times fall in recomputed; durable when it returns, or when it is awaited.

    Call it before the change, and make the change within OVERLAP.

    Raises:
        PyMongoError: the database does not answer.
        ValueError: there is no window.
    """
    now: Document = {"$currentDate": {"marked_at": {"$type": "timestamp"}}}
    starts = sorted({window_of(moment) for moment in windows})
    if not starts:
        raise ValueError("no window to mark")
    rows = [UpdateOne({"_id": start}, now, upsert=True) for start in starts]
    return database.get_collection(DIRTY_WINDOWS, write_concern=DURABLE).bulk_write(rows, ordered=False)
