"""Delete old entries, oldest first, so that the rest still verifies.

An entry records up to which number the log is cut, before the first one goes. If the process is killed in
between, the next run finishes the job.
"""

from datetime import datetime, timedelta

from pymongo.database import Database

from core.access.audit.append import audit
from core.access.audit.entries import Action
from core.access.roles import SCHEDULER
from core.clock import to_utc
from core.settings import get_settings
from core.storage.collections import AUDIT
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

AT_ONCE = 5_000


def prune(database: Database[Document], now: datetime | None = None) -> int:
    """Delete the entries older than AUDIT_DAYS, up to the first that is not; return how many were deleted.

    The cut is recorded as an entry before anything is deleted, so that verification can tell pruning from
    tampering.

    Raises:
        AuditError: the log did not accept the entry about it; nothing was deleted.
        PyMongoError: the database does not answer; the next run continues.
    """
    log = database[AUDIT]
    before = (now or to_utc(server_time(database))) - timedelta(days=get_settings().audit_days)
    deleted = _finish(database)
    first_kept = log.find_one({"at": {"$gte": before}}, {"_id": 1}, sort=[("_id", 1)], hint=[("_id", 1)])
    newest = log.find_one({}, {"_id": 1}, sort=[("_id", -1)])
    if newest is None:
        return deleted
    through = first_kept["_id"] - 1 if first_kept else newest["_id"]
    if log.find_one({"_id": {"$lte": through}}, {"_id": 1}) is None:
        return deleted
    audit(database, SCHEDULER, Action.PRUNED, through=through, older_than_days=get_settings().audit_days)
    return deleted + _delete(database, through)


def _finish(database: Database[Document]) -> int:
    """Delete what a killed run had announced."""
    return _delete(database, pruned_through(database))


def pruned_through(database: Database[Document]) -> int:
    """Return the number up to which old entries were deleted; 0 if none were.

    Raises:
        PyMongoError: the database does not answer.
    """
    query, newest = {"action": Action.PRUNED}, [("at", -1), ("_id", -1)]
    last = database[AUDIT].find_one(query, {"about": 1}, sort=newest)
    through = last["about"].get("through") if last and isinstance(last.get("about"), dict) else 0
    return through if isinstance(through, int) else 0


def _delete(database: Database[Document], through: int) -> int:
    """Delete the entries up to a number, in order, so that there is never a gap in what is left."""
    log, deleted = database.get_collection(AUDIT, write_concern=DURABLE), 0
    while rows := list(log.find({"_id": {"$lte": through}}, {"_id": 1}).sort("_id", 1).limit(AT_ONCE)):
        deleted += log.delete_many({"_id": {"$lte": rows[-1]["_id"]}}).deleted_count
    return deleted
