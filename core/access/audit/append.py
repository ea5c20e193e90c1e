"""Appending to the audit log: any number of processes at once, no number twice and none left out."""

import logging
import random
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from core.access.audit.anchor import keep_head
from core.access.audit.entries import NO_KEY, Action, Entry, bounded, facts, keys
from core.access.roles import Actor
from core.clock import to_utc
from core.errors import UserError
from core.logging_config import get_logger, log_security_event
from core.storage.collections import AUDIT
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

logger = get_logger("security")
WAIT_SECONDS = 10.0
"""Longest that a change waits to be written down."""
READ_WAIT_SECONDS = 1.0
"""The same of a reading: the page comes first."""
ONCE_WITHIN = timedelta(minutes=10)
"""Who looks at the same thing again so soon is noted once."""
MOST_REMEMBERED = 10_000
_CROWDED = "too many write to the audit log at once"
_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.1
_one_at_a_time = threading.Lock()
"""Threads of a process need not find out from the database that another was faster."""
_read: dict[tuple[str, ...], float] = {}


class AuditError(UserError):
    """What was done could not be written to the audit log; the text says so."""


def audit(
    database: Database[Document], actor: Actor, action: Action, subject: str = "", **about: object
) -> Entry:
    """Append an entry; it is durable when this returns. Call it right after what it tells of.

    Args:
        database: the store.
        actor: who did it.
        action: what was done.
        subject: to what: an id; of a lead :func:`lead_token`, of a call :func:`call_subject`.
        **about: a few further facts, no text that people wrote; masked, and cut at 256 characters.

    Raises:
        AuditError: it was done, and the log does not take it.
    """
    try:
        with pymongo.timeout(WAIT_SECONDS):
            return _append(database, actor, action, subject, about, WAIT_SECONDS)
    except (PyMongoError, TimeoutError) as error:
        log_security_event(
            logger, "audit_failed", logging.ERROR, action=action, by=actor.name, reason=type(error).__name__
        )
        raise AuditError(
            f"done ({action.replace('_', ' ')}), but the audit log did not take it: {type(error).__name__}"
        ) from error


def audit_read(
    database: Database[Document],
    actor: Actor,
    action: Action,
    subject: str = "",
    *,
    each: bool = False,
    **about: object,
) -> None:
    """Note that somebody looked at something, once in 10 minutes for each process unless ``each`` counts.

    Where the log does not take it within a second, that is logged and the reading goes on.
    """
    now, who = time.monotonic(), (database.name, actor.name, str(action), subject, repr(about))
    last = _read.get(who)
    if not each and last is not None and now - last < ONCE_WITHIN.total_seconds():
        return
    try:
        with pymongo.timeout(READ_WAIT_SECONDS):
            _append(database, actor, action, subject, about, READ_WAIT_SECONDS)
    except (PyMongoError, TimeoutError) as error:
        reason = type(error).__name__
        log_security_event(logger, "audit_failed", action=action, by=actor.name, reason=reason)
        return
    if len(_read) >= MOST_REMEMBERED:
        _read.clear()  # some are noted once more
    _read[who] = now


def forget_reads() -> None:
    """Note the next reading of anything, however short ago the last was."""
    _read.clear()


def _append(
    database: Database[Document],
    actor: Actor,
    action: Action,
    subject: str,
    about: dict[str, object],
    seconds: float,
) -> Entry:
    said: dict[str, Any] = {
        "actor": bounded(actor.name),
        "role": actor.role.label,
        "action": str(action),
        "subject": bounded(subject),
        "about": facts(about),
        "key": next(iter(keys()), NO_KEY),
    }
    log = database.get_collection(AUDIT, write_concern=DURABLE)
    deadline, pause = time.monotonic() + seconds, _PAUSE_SECONDS
    while True:
        if not _one_at_a_time.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError(_CROWDED)
        try:
            n, previous, now = _newest(database)
            entry = Entry(n=n + 1, at=now, previous=previous, **said).sealed()
            log.insert_one(entry.to_row())
            break
        except DuplicateKeyError:
            pass  # another process was faster
        finally:
            _one_at_a_time.release()
        if time.monotonic() >= deadline:
            raise TimeoutError(_CROWDED)
        time.sleep(random.uniform(0, pause))  # noqa: S311 (no secret)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    keep_head(entry.n, entry.hash)
    log_security_event(
        logger,
        "audit",
        logging.INFO,
        action=entry.action,
        by=entry.actor,
        role=entry.role,
        subject=entry.subject,
        head=entry.head,
    )
    return entry


def _newest(database: Database[Document]) -> tuple[int, str, datetime]:
    """Number and hash of the newest entry, and the server's time, in one question."""
    pipeline: list[Document] = [
        {"$match": {"_id": {"$gte": 0}}},  # what is no number somebody else put there
        {"$sort": {"_id": -1}},
        {"$limit": 1},
        {"$project": {"hash": 1, "now": "$$NOW"}},
    ]
    for row in database[AUDIT].aggregate(pipeline):
        return int(row["_id"]), str(row.get("hash", "")), to_utc(row["now"])
    return 0, "", to_utc(server_time(database))
