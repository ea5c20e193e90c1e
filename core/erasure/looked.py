"""Since when to look for what arrived late: what was recorded since the last look, or everything."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database

from core.storage.collections import ROLLUP_STATE
from core.storage.receipts import Receipts
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

_MARK = "erase_late"
"""A restore drops this row with all others of ROLLUP_STATE."""
OVERLAP = timedelta(minutes=10)
"""How much is looked at again: what was being recorded while the last look was under way."""
WHOLE_EVERY = timedelta(days=1)
"""How often everything is looked at, in case a clock was wrong or another tool has written."""


@dataclass(frozen=True)
class Look:
    """One look: when it began by the server's clock, since when it looks (None: at everything), for what."""

    at: datetime
    since: datetime | None
    whole_at: datetime
    receipts: str


def begin_look(database: Database[Document], receipts: Receipts) -> Look:
    """Return the look that is due: at everything after a new receipt, a restore, or a day.

    Raises:
        PyMongoError: the database does not answer.
    """
    now, known = server_time(database), _fingerprint(receipts)
    row = database[ROLLUP_STATE].find_one({"_id": _MARK})
    # The order in which turns were stored is known only where there is one server.
    if row is None or row.get("receipts") != known or database.client.is_mongos:
        return Look(now, None, now, known)
    at, whole_at = row.get("at"), row.get("whole_at")
    if not isinstance(at, datetime) or not isinstance(whole_at, datetime):  # another tool has changed them
        return Look(now, None, now, known)
    if not now - WHOLE_EVERY < whole_at <= at <= now:
        return Look(now, None, now, known)
    return Look(now, at - OVERLAP, whole_at, known)


def note_look(database: Database[Document], look: Look) -> None:
    """Note that a look has been finished, with all that it found erased.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = {"at": look.at, "whole_at": look.whole_at, "receipts": look.receipts}
    database.get_collection(ROLLUP_STATE, write_concern=DURABLE).replace_one({"_id": _MARK}, row, upsert=True)


def _fingerprint(receipts: Receipts) -> str:
    names = sorted(file.name for file in receipts.folder.glob("*.json"))
    return hashlib.sha256("\n".join([str(receipts.folder), *names]).encode()).hexdigest()
