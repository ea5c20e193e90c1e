"""Leases: which of several processes does a thing, by the database server's clock.

A holder renews; one that is killed, stopped or cut off loses the lease when it runs out. Each change of
holder raises the ``term``, so that what an earlier holder still writes can be told from the present one's.
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
    """A lease in hand: its term, and how far the server's clock is ahead of this machine's."""

    term: int
    clock_ahead: timedelta


class Lease:
    """A lease of one name; ``seconds`` without a renewal and it is anybody's."""

    def __init__(self, database: Database[Document], name: str, seconds: float) -> None:
        self.seconds = seconds
        self.holder = f"{platform.node()}:{uuid.uuid4().hex[:12]}"
        self._name = name
        self._leases = database.get_collection(LEASES, write_concern=DURABLE)

    def take(self) -> Held | None:
        """Take or renew it; None where another process holds it.

        Raises:
            PyMongoError: the database does not answer.
        """
        mine: Document = {"$eq": ["$holder", self.holder]}
        open_: Document = {"$or": [mine, {"$lte": [{"$ifNull": ["$until", _NEVER]}, "$$NOW"]}]}
        next_term: Document = {"$add": [{"$ifNull": ["$term", 0]}, {"$cond": [mine, 0, 1]}]}
        mine_ms = round(self.seconds * 1000)
        until: Document = {"$add": ["$$NOW", mine_ms]}
        # Taken while the clock was ahead it would last for as long as that was: no lease outlasts its length.
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
        try:
            return self._leases.find_one_and_update(
                {"_id": self._name}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # two took the first one at once
            return None

    def release(self) -> None:
        """Give it up, so that the next need not wait for its end.

        Raises:
            PyMongoError: the database does not answer; it ends by itself.
        """
        self._leases.update_one({"_id": self._name, "holder": self.holder}, {"$set": {"until": _NEVER}})


class LeaseKeeper:
    """Takes a lease as soon as it is free and renews it, in a thread of its own, until it is stopped."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._held: Held | None = None
        self._good_until = 0.0
        self._error: PyMongoError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Try to take it at once, then go on in the background."""
        self._try()
        self._thread.start()

    def held(self) -> Held | None:
        """The lease, if this process surely holds it now.

        Raises:
            PyMongoError: it does not, because the database did not answer the last time.
        """
        if self._held is not None and time.monotonic() < self._good_until:
            return self._held
        if self._error is not None:
            raise self._error
        return None

    def stop(self) -> None:
        """Give the lease up."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._held is not None:
            try:
                self._lease.release()
            except PyMongoError:
                return  # it ends by itself

    def _run(self) -> None:
        while not self._stop.wait(self._lease.seconds / 4):
            self._try()

    def _try(self) -> None:
        asked = time.monotonic()
        try:
            self._held = self._lease.take()
        except PyMongoError as error:
            self._error = error
        else:
            self._error = None
            self._good_until = asked + self._lease.seconds
