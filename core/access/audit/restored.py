"""Record a restore in the audit log, and which entries were lost by it, if any."""

from pymongo.database import Database

from core.access.audit.anchor import keep_head, read_head
from core.access.audit.append import audit
from core.access.audit.entries import Action
from core.access.roles import Actor
from core.storage.collections import AUDIT
from core.types import Document


def note_restore(database: Database[Document], actor: Actor, subject: str, **about: object) -> None:
    """Append that a backup was restored.

    A store that lost its own log now has the backup's, which ends earlier. The entry says which ones are
    gone, and from here on the log is compared with this entry.

    Raises:
        AuditError: the log did not accept the entry.
    """
    before = read_head()
    newest = database[AUDIT].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    there = database[AUDIT].find_one({"_id": before.n}, {"hash": 1}) if before else None
    is_lost = before is not None and (there is None or there.get("hash") != before.hash)
    if before is not None and is_lost:
        about |= {"lost_after": newest["_id"] if newest else 0, "lost_to": before.n}
    entry = audit(database, actor, Action.RESTORED, subject, **about)
    if is_lost:
        keep_head(entry.n, entry.hash, anew=True)
