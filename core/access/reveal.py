"""Open one sealed value of one call, for somebody who may see it and gives a reason."""

from pymongo.database import Database

from core.access.audit import Action, audit, call_subject
from core.access.permissions import Permission, may
from core.access.roles import Actor
from core.access.transcripts import known_words
from core.errors import UserError
from core.privacy.sensitive import WITHHELD, key_of
from core.storage.archive.archived_rows import find_archived, turns_of
from core.storage.collections import CALLS
from core.storage.restrictions import is_hidden
from core.storage.sealing.contents import TRANSCRIPT, turn_id
from core.storage.sealing.open import open_value, protected_in
from core.types import Document

SHORTEST_REASON = 4
LONGEST_REASON = 256


class NotAllowedError(UserError):
    """The role does not allow it, or no reason was given."""


def reveal(database: Database[Document], actor: Actor, call_id: str, path: str, reason: str) -> object:
    """Return the content of a sealed value; the audit log records who asked, for what and why, beforehand.

    Args:
        database: the store.
        actor: who asks; roles below privileged are refused.
        call_id: the call.
        path: the value: ``metadata.phone``.
        reason: why, in 4 to 256 characters.

    Raises:
        NotAllowedError: the role does not allow it, or there is no reason.
        AuditError: the audit log did not accept the entry.
        UserError: there is no such value, or it cannot be opened: its lead was erased, or a key is missing.
        PyMongoError: the database does not answer.
    """
    reason = _allowed(actor, reason)
    call = _call(database, call_id)
    token = protected_in((call or {}).get("metadata") or {}).get(path)
    if token is None or token == WITHHELD or call is None:
        raise UserError(f"call {call_id} has no sealed value {path}")
    reason = _as_recorded(database, call_id, call, reason)
    audit(database, actor, Action.DECRYPTED, call_subject(call_id), field=path, reason=reason)
    return open_value(database, call_id, path, token)


def reveal_transcript(
    database: Database[Document], actor: Actor, call_id: str, reason: str
) -> dict[int, str]:
    """Return what was said in the first 500 turns of a call, by number.

    Recorded in the audit log like ``reveal``.

    Turns in which nothing was said, or that were recorded without a key, are left out.

    Args:
        database: the store.
        actor: who asks; roles below privileged are refused.
        call_id: the call.
        reason: why, in 4 to 256 characters.

    Raises:
        NotAllowedError: the role does not allow it, or there is no reason.
        AuditError: the audit log did not accept the entry.
        UserError: nothing sealed was said, or it cannot be opened: its lead was erased, or a key is missing.
        PyMongoError: the database does not answer.
    """
    reason = _allowed(actor, reason)
    call = _call(database, call_id)
    rows = turns_of(database, call_id) if call else []
    said = {row["turn"]: row[TRANSCRIPT] for row in rows if key_of(row.get(TRANSCRIPT))}
    if not said or call is None:
        raise UserError(f"call {call_id} has no sealed transcript")
    reason = _as_recorded(database, call_id, call, reason)
    audit(database, actor, Action.DECRYPTED, call_subject(call_id), field=TRANSCRIPT, reason=reason)
    return {
        turn: str(open_value(database, turn_id(call_id, turn), TRANSCRIPT, token))
        for turn, token in said.items()
    }


def _allowed(actor: Actor, reason: str) -> str:
    """Return the reason without space around it."""
    reason = reason.strip()
    if not may(actor.role, Permission.DECRYPT):
        raise NotAllowedError(
            f"the role {actor.role.label} does not show personal values; ask for privileged"
        )
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise NotAllowedError(f"say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters")
    return reason


def _as_recorded(database: Database[Document], call_id: str, call: Document, reason: str) -> str:
    """Return the reason without the words that the call knows to be its lead's: the log outlives them."""
    return known_words(database, call_id, call.get("metadata") or {}).masked(reason)


def _call(database: Database[Document], call_id: str) -> Document | None:
    """Return the call, from the archive if need be; None if nobody may see it."""
    call = database[CALLS].find_one({"_id": call_id}) or next(
        iter(find_archived(database, CALLS, "_id", [call_id])), None
    )
    return None if call is None or is_hidden(database, call) else call
