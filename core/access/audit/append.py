"""Append to the audit log, from any number of processes at once, without gaps or duplicate numbers."""

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
"""Longest time a change waits for its entry."""
READ_WAIT_SECONDS = 1.0
"""Longest time a read waits for its entry: showing the page comes first."""
ONCE_WITHIN = timedelta(minutes=10)
"""Looking at the same thing again within this time is not recorded again."""
MOST_REMEMBERED = 10_000
_CROWDED = "too many write to the audit log at once"
_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.1
_one_at_a_time = threading.Lock()
"""Spares threads of one process from racing each other in the database."""
_read: dict[tuple[str, ...], float] = {}


class AuditError(UserError):
    """Something was done that could not be recorded in the audit log; the text says so."""


def audit(
    database: Database[Document], actor: Actor, action: Action, subject: str = "", **about: object
) -> Entry:
    """Append an entry; it is durable when this returns. Call it right after the action it describes.

    Args:
        database: the store.
        actor: who did it.
        action: what was done.
        subject: to what, as an id; for a lead use :func:`lead_token`, for a call :func:`call_subject`.
        **about: a few further facts, but no text that people wrote; masked, and cut at 256 characters.

    Raises:
        AuditError: the action was done, but the log did not accept the entry within 10 s.
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
    """Record that somebody looked at something.

    Repeats within 10 minutes are left out unless ``each`` is set.

    If the log does not accept it within 1 s, that is logged, and the read goes ahead: a busy database must
    not lock people out of their own data.
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
        _read.clear()  # a few reads will be recorded twice
    _read[who] = now


def forget_reads() -> None:
    """Record the next read of anything, however recent the last one was."""
    _read.clear()


def _append(
    database: Database[Document],
    actor: Actor,
    action: Action,
    subject: str,
    about: dict[str, object],
    seconds: float,
) -> Entry:
    """Append an entry as number ``n + 1`` of the newest one, and retry if another process was faster.

    The number is the document's ``_id``, so the database itself rejects a second entry with the same one;
    there is no counter that could get out of step. Retries wait a random time that doubles, up to 0.1 s.

    Raises:
        TimeoutError: it did not succeed within ``seconds``.
        PyMongoError: the database does not answer.
    """
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
    """Return number and hash of the newest entry, and the server's time, in one query."""
    pipeline: list[Document] = [
        {"$match": {"_id": {"$gte": 0}}},  # ids that are not numbers were put there by somebody else
        {"$sort": {"_id": -1}},
        {"$limit": 1},
        {"$project": {"hash": 1, "now": "$$NOW"}},
    ]
    for row in database[AUDIT].aggregate(pipeline):
        return int(row["_id"]), str(row.get("hash", "")), to_utc(row["now"])
    return 0, "", to_utc(server_time(database))
