"""What waits for files of the archive that could not be read, so that it is done once they are back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from pymongo.database import Database

from core.storage.collections import ROLLUP_STATE
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

_WINDOWS = "unread_windows"
MOST_WAITING = timedelta(days=1)
"""How far back calls and reports are looked up again; each look costs as much as there are."""
Work = Literal["unread_reports", "unread_calls"]
"""What looks into the archive for what was recorded lately: reports to merge, calls recorded again."""


def look_from(database: Database[Document], work: Work, usual: datetime) -> datetime:
    """Return since when to look at what was recorded: earlier than usual if files could not be read then.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = database[ROLLUP_STATE].find_one({"_id": work})
    return usual if row is None else min(usual, max(row["since"], server_time(database) - MOST_WAITING))


def note_looked(database: Database[Document], work: Work, since: datetime, *, whole: bool) -> None:
    """Note whether the whole archive could be looked into for what was recorded since then.

    Raises:
        PyMongoError: the database does not answer.
    """
    state = database.get_collection(ROLLUP_STATE, write_concern=DURABLE)
    if not whole:
        state.update_one({"_id": work}, {"$min": {"since": since}}, upsert=True)
    elif state.find_one({"_id": work}, {"_id": 1}):
        state.delete_one({"_id": work})  # what is older than MOST_WAITING is given up


def waiting_windows(database: Database[Document]) -> set[datetime]:
    """Return the windows whose archived calls could not be read when they were to be recomputed.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = database[ROLLUP_STATE].find_one({"_id": _WINDOWS})
    return set() if row is None else set(row["windows"])


def note_windows(
    database: Database[Document], done: Collection[datetime], waiting: Collection[datetime]
) -> None:
    """Take windows that were recomputed off the list, and put others on it.

    Raises:
        PyMongoError: the database does not answer.
    """
    if not done and not waiting:
        return
    left = {"$setDifference": [{"$ifNull": ["$windows", []]}, list(done)]}
    change = {"$set": {"windows": {"$setUnion": [left, list(waiting)]}}}
    state = database.get_collection(ROLLUP_STATE, write_concern=DURABLE)
    state.update_one({"_id": _WINDOWS}, [change], upsert=True)
