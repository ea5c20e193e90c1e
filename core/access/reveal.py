"""Opening one sealed value of one call, for somebody who may, and says why."""

from pymongo.database import Database

from core.access.audit import Action, audit, call_subject
from core.access.permissions import Permission, may
from core.access.roles import Actor
from core.errors import UserError
from core.privacy.sensitive import WITHHELD
from core.storage.archive.archived_rows import find_archived
from core.storage.collections import CALLS
from core.storage.restrictions import is_hidden
from core.storage.sealing.open import open_value, protected_in
from core.types import Document

SHORTEST_REASON = 4
LONGEST_REASON = 256


class NotAllowedError(UserError):
    """Whoever asks may not see it, or did not say why."""


def reveal(database: Database[Document], actor: Actor, call_id: str, path: str, reason: str) -> object:
    """Return what a sealed value of a call says; who asked for which, and why, is in the audit log first.

    Args:
        database: the store.
        actor: who asks; a role below privileged is refused.
        call_id: of which call.
        path: which value: ``metadata.phone``.
        reason: why, in 4 to 256 characters.

    Raises:
        NotAllowedError: the role does not allow it, or there is no reason.
        AuditError: the audit log does not take it.
        UserError: there is no such value, or it cannot be opened: its lead was erased, a key is missing.
        PyMongoError: the database does not answer.
    """
    reason = reason.strip()
    if not may(actor.role, Permission.DECRYPT):
        raise NotAllowedError(
            f"the role {actor.role.label} does not show personal values; ask for privileged"
        )
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise NotAllowedError(f"say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters")
    call = database[CALLS].find_one({"_id": call_id}) or next(
        iter(find_archived(database, CALLS, "_id", [call_id])), None
    )
    token = protected_in((call or {}).get("metadata") or {}).get(path)
    if token is None or token == WITHHELD or is_hidden(database, call or {}):
        raise UserError(f"call {call_id} has no sealed value {path}")
    audit(database, actor, Action.DECRYPTED, call_subject(call_id), field=path, reason=reason)
    return open_value(database, call_id, path, token)
