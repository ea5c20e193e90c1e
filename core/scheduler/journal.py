"""The `scheduler_jobs` collection: the slot in which each job last succeeded, and since when it fails."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.clock import utc_now
from core.errors import UserError
from core.storage.collections import SCHEDULER_JOBS, is_half_restored
from core.storage.recording.versions import CLOCKS_DIFFER
from core.storage.server.connection import DURABLE
from core.types import Document

if TYPE_CHECKING:
    from pymongo.collection import Collection

ROLL_UPS = "roll_ups"
"""The job that keeps the roll-ups up to date."""


@dataclass(frozen=True)
class Failure:
    """A failing job: since when by the server's clock, how often in a row, and the latest reason."""

    since: datetime
    times: int
    reason: str


class HalfRestoredError(UserError):
    """A restore into this store has not finished: what is there says nothing about the calls."""

    def __init__(self) -> None:
        super().__init__("a restore has not finished; if none is running, run it again")


class Journal:
    """What is stored about the jobs of one database."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._rows: Collection[Document] = database.get_collection(SCHEDULER_JOBS, write_concern=DURABLE)

    def last_slot(self, job: str, now: datetime) -> int | None:
        """Return the slot in which a job last succeeded; None if it never did, or only in the future.

        What was noted while the server's clock was ahead must not hold the job back until that time comes.
        """
        row = self._rows.find_one({"_id": job}) or {}
        slot, at = row.get("slot"), row.get("at")
        if not isinstance(slot, int):  # another tool may have put something else there
            return None
        return None if isinstance(at, datetime) and at > now + CLOCKS_DIFFER else slot

    def succeeded_at(self, job: str) -> datetime | None:
        """Return when a job last succeeded, by the server's clock; None if it never did."""
        at = (self._rows.find_one({"_id": job}, {"at": 1}) or {}).get("at")
        return at if isinstance(at, datetime) else None

    def refuse_half_a_store(self) -> None:
        """Check that no restore is in progress, nor was stopped halfway.

        Raises:
            HalfRestoredError: one is. Alerts would fire or end for no reason, and roll-ups lack calls.
        """
        if is_half_restored(self._database):
            raise HalfRestoredError

    def succeeded(self, job: str, slot: int, term: int) -> bool:
        """Record a slot; return False if one of a later term is recorded."""
        done: Document = {"slot": slot, "term": term, "holder_at": utc_now()}
        change: Document = {"$set": done, "$currentDate": {"at": True}, "$unset": {"failing": 1}}
        try:
            self._rows.update_one({"_id": job, "term": {"$lte": term}}, change, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    def forget(self, job: str) -> None:
        """Delete the row of a job; call it only while holding the lease."""
        self._rows.delete_one({"_id": job})

    def failed(self, job: str, reason: str) -> None:
        """Count a failure; the next success clears it."""
        failing: Document = {
            "since": {"$ifNull": ["$failing.since", "$$NOW"]},
            "times": {"$add": [{"$ifNull": ["$failing.times", 0]}, 1]},
            "reason": {"$literal": reason},
        }
        change: list[Document] = [{"$set": {"failing": failing, "term": {"$ifNull": ["$term", 0]}}}]
        self._rows.update_one({"_id": job}, change, upsert=True)

    def failing(self, job: str) -> Failure | None:
        """Return since when a job has been failing; None if it last succeeded, or never ran."""
        row = self._rows.find_one({"_id": job, "failing": {"$exists": True}})
        return Failure(**row["failing"]) if row else None
