"""The processes that record: one row each, renewed every minute, with what waits in it and what it lost.

A process that ends normally, or on SIGTERM, removes its row. The row of a killed one stays, silent, for a
day.
"""

import os
import platform
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pymongo
from pydantic import BaseModel, ConfigDict, Field
from pymongo.database import Database

from core.logging_config import get_logger, log_backlog
from core.sigterm import before_sigterm
from core.storage.collections import PROCESSES
from core.storage.readable import each_readable
from core.storage.recording.spool import spool_status
from core.storage.sealing.contents import withheld_values
from core.storage.server.connection import before_close
from core.threads import at_child_end, fork_safe_lock, start_daemon
from core.types import Document

FIRST_SECONDS = 5.0
"""Delay after the first record: a script that stores one call and ends is not worth a row."""
BEAT_SECONDS = 60.0
SILENT_AFTER = timedelta(minutes=3)
"""Age of the last heartbeat after which a process counts as silent; it may miss two."""
_WAIT_SECONDS = 5.0
_END_SECONDS = 1.0
_MOST_SHOWN = 200

logger = get_logger("database")
Key = tuple[int, str]
Open = Callable[[], Database[Document]]


class ProcessHealth(BaseModel):
    """A process that records, as it last described itself. ``seen_at`` is by the server's clock."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str
    pid: int
    component: str = Field(description="The program's name")
    records_waiting: int = Field(description="Records that its bulk writes have not reached yet")
    spooled: int = Field(description="Records in the spool of its DATA_DIR")
    dead: int = Field(description="Records there that the database will never take")
    lost: int = Field(description="Records that neither took, since that DATA_DIR was made")
    withheld: int = Field(default=0, description="Personal values it left out, for want of a key")
    log_waiting: int = Field(description="Log lines that are yet to be written or sent")
    log_dropped: int = Field(description="Log lines that it dropped since it began")
    seen_at: datetime

    def is_silent(self, now: datetime) -> bool:
        """Return whether it missed its heartbeats.

        One in the future was sent while the server's clock was ahead.
        """
        return abs(now - self.seen_at) > SILENT_AFTER


def processes(database: Database[Document]) -> list[ProcessHealth]:
    """Return the processes of the last day, most recently seen first.

    One that another version describes in a way that this one cannot read is logged and left out.
    """
    rows = database[PROCESSES].find().sort("seen_at", -1).limit(_MOST_SHOWN)
    return list(each_readable(rows, ProcessHealth.model_validate, PROCESSES))


class Beats:
    """This process's heartbeats, on a thread of its own, so that no call ever waits for one."""

    def __init__(self, records_waiting: Callable[[], int]) -> None:
        self._records_waiting = records_waiting
        self._guard = fork_safe_lock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        before_close(self.end)

    def _begin(self) -> None:
        """Start without a thread; the one of a forked child's parent stays with the parent."""
        self._databases: dict[Key, Open] = {}
        self._speaking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._over, self._signed_off = threading.Event(), threading.Event()
        self._id = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def keep(self, key: Key, open_: Open) -> None:
        """Send heartbeats to a database from now on; does nothing if that is so already."""
        if key in self._databases:
            return
        with self._guard:
            self._databases[key] = open_
            if self._thread is None:
                self._thread = start_daemon("process-health", self._run)
                before_sigterm(self._end_at_once)
                at_child_end(self.end)

    def beat(self) -> None:
        """Send a heartbeat to each database; one that is unavailable gets the next."""
        for key, open_ in list(self._databases.items()):
            try:
                with self._speaking:
                    if key in self._databases:
                        self._say(open_())
            except Exception as error:  # noqa: BLE001 (it says only how we are, and must not end the thread)
                logger.debug("Process health not stored", extra={"reason": type(error).__name__})

    def forget(self) -> None:
        """Stop sending heartbeats to any database."""
        self._databases = {}

    def end(self) -> None:
        """Remove this process's rows, because it is ending and not silent."""
        databases = list(self._databases.values())
        self.forget()
        # A heartbeat in flight would bring the row back, so wait for it first.
        waited = self._speaking.acquire(timeout=_END_SECONDS)
        for open_ in databases:
            try:
                with pymongo.timeout(_END_SECONDS):
                    open_()[PROCESSES].delete_one({"_id": self._id})
            except Exception as error:  # noqa: BLE001 (the row goes by itself within a day)
                logger.debug("Process not signed off", extra={"reason": type(error).__name__})
        if waited:
            self._speaking.release()

    def _end_at_once(self) -> None:
        """Run :meth:`end` on the thread: code interrupted by the signal may hold the driver's locks."""
        if self._thread is not None:
            self._over.set()
            self._signed_off.wait(_END_SECONDS)

    def _run(self) -> None:
        pause = FIRST_SECONDS
        while not self._over.wait(pause):
            self.beat()
            pause = BEAT_SECONDS
        self.end()
        self._signed_off.set()

    def _say(self, database: Database[Document]) -> None:
        spool, log = spool_status(database.name), log_backlog()
        said = {
            "host": platform.node(),
            "pid": os.getpid(),
            "component": _component(),
            "records_waiting": self._records_waiting(),
            "spooled": spool.waiting,
            "dead": spool.dead,
            "lost": spool.lost,
            "withheld": withheld_values(),
            "log_waiting": log.waiting,
            "log_dropped": log.dropped,
        }
        with pymongo.timeout(_WAIT_SECONDS):
            change = {"$set": said, "$currentDate": {"seen_at": True}}
            database[PROCESSES].update_one({"_id": self._id}, change, upsert=True)


def _component() -> str:
    program = Path(sys.argv[0] or "python")
    return program.parent.name if program.name == "__main__.py" else program.stem
