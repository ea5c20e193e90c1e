"""Leases: decide which of several processes does a job, by the database server's clock.

The holder renews its lease; a process that is killed, stopped or cut off loses it when it runs out. Each
change of holder raises the ``term``, so that a late write by an earlier holder can be recognised.
"""

import platform
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from core.clock import utc_now
from core.storage.collections import LEASES
from core.storage.server.connection import DURABLE
from core.types import Document

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Held:
    """A lease this process holds: its term, and how far the server's clock is ahead of this machine's."""

    term: int
    clock_ahead: timedelta


class Lease:
    """A named lease; ``seconds`` after its last renewal anyone may take it.

    Only the server's clock ($$NOW) decides, so machines whose clocks disagree cannot both hold it. Taking and
    renewing are one atomic update, which is what makes this safe without any other coordination.
    """

    def __init__(self, database: Database[Document], name: str, seconds: float) -> None:
        self.seconds = seconds
        self.holder = f"{platform.node()}:{uuid.uuid4().hex[:12]}"
        self._name = name
        self._leases = database.get_collection(LEASES, write_concern=DURABLE)

    def take(self) -> Held | None:
        """Take or renew the lease; None if another process holds it.

        Everything is computed inside the update by the server: whether the lease is free, its new end, and
        the term, which rises by one when the holder changes and stays the same on renewal.

        Raises:
            PyMongoError: the database does not answer; whether the lease was taken is then unknown.
        """
        mine: Document = {"$eq": ["$holder", self.holder]}
        open_: Document = {"$or": [mine, {"$lte": [{"$ifNull": ["$until", _NEVER]}, "$$NOW"]}]}
        next_term: Document = {"$add": [{"$ifNull": ["$term", 0]}, {"$cond": [mine, 0, 1]}]}
        mine_ms = round(self.seconds * 1000)
        until: Document = {"$add": ["$$NOW", mine_ms]}
        # If the server's clock was ahead when the lease was taken and has since been set back, `until` would
        # lie far in the future. Cap it: no lease may outlast its own length, counted from any attempt to take
        # it.
        at_most: Document = {"$min": ["$until", {"$add": ["$$NOW", {"$ifNull": ["$ms", mine_ms]}]}]}
        change: Document = {
            "term": {"$cond": [open_, next_term, "$term"]},
            "until": {"$cond": [open_, until, at_most]},
            "ms": {"$cond": [open_, mine_ms, "$ms"]},
            "holder": {"$cond": [open_, self.holder, "$holder"]},
            "seen_at": "$$NOW",
        }
        asked = utc_now()
        row: Any = self._update([{"$set": change}])
        if row is None or row["holder"] != self.holder:
            return None
        return Held(row["term"], row["seen_at"] - (asked + (utc_now() - asked) / 2))

    def _update(self, change: list[Document]) -> Document | None:
        """Apply the change and return the row after it.

        None if another process created the row at the same moment.
        """
        try:
            return self._leases.find_one_and_update(
                {"_id": self._name}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # two processes created the first row at once
            return None

    def release(self) -> None:
        """Give up the lease, so that the next process need not wait for it to run out.

        Raises:
            PyMongoError: the database does not answer; the lease will run out by itself.
        """
        self._leases.update_one({"_id": self._name, "holder": self.holder}, {"$set": {"until": _NEVER}})


class LeaseKeeper:
    """Takes a lease as soon as it is free and renews it on its own thread, until stopped.

    It tries every quarter of the lease, so a renewal may fail three times before the lease is lost.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._held: Held | None = None
        self._good_until = 0.0
        self._error: PyMongoError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Try to take it at once, then keep trying in the background."""
        self._try()
        self._thread.start()

    def held(self) -> Held | None:
        """Return the lease if this process certainly holds it now; None if it does not.

        Certainty is measured on this machine's monotonic clock from before the request was sent, so the
        answer turns to None before the server would give the lease to another process.

        Raises:
            PyMongoError: it is not held because the database did not answer the last time.
        """
        if self._held is not None and time.monotonic() < self._good_until:
            return self._held
        if self._error is not None:
            raise self._error
        return None

    def stop(self) -> None:
        """Stop renewing and give the lease up; if the database does not answer, it runs out by itself."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._held is not None:
            try:
                self._lease.release()
            except PyMongoError:
                return  # it runs out by itself

    def _run(self) -> None:
        while not self._stop.wait(self._lease.seconds / 4):
            self._try()

    def _try(self) -> None:
        """Take or renew the lease once, and remember until when that is certain.

        After an error the previous certainty stands until it expires: a single failed renewal loses nothing.
        Whatever it is, too little memory or too many threads, it must not be the last try.
        """
        # Taken before the request: the server starts counting later than this, so we err on the safe side.
        asked = time.monotonic()
        try:
            self._held = self._lease.take()
        except PyMongoError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 (the driver lets some through)
            self._error = PyMongoError(type(error).__name__)
        else:
            self._error = None
            self._good_until = asked + self._lease.seconds
