"""What an erasure keeps of a call so that figures stay right.

Times, outcome and measures, but no identity: words that name the lead are replaced, too.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from pymongo import ReplaceOne
from pymongo.database import Database

from core.erasure.archived import texts
from core.erasure.mentions import Names
from core.models.archives import Archived
from core.models.metrics import SCHEMA_VERSION
from core.privacy.masking import mask_text
from core.storage.archive.archived_rows import find_archived
from core.storage.collections import CALLS, TURNS
from core.storage.receipts import Receipts
from core.storage.recording.records import version_now
from core.storage.recording.versions import SERVER_TIME
from core.storage.server.connection import DURABLE
from core.types import Document

ERASED = "erased-"
"""Prefix of ids that stand for nobody."""
_OF_A_CALL = (
    *("start_time", "end_time", "answered_at", "duration_seconds", "ring_seconds", "talk_seconds"),
    *("status", "direction", "language", "end_reason", "fault", "hangup_by", "attempt", "campaign"),
    *("purpose", "agent", "agent_version", "telephony", "cost", "usage", "silences", "sentiment_score"),
    *("asr_latency_ms", "llm_latency_ms", "tts_latency_ms", "e2e_latency_ms", "total_turns", "user_turns"),
    *("interruptions", "agent_interruptions", "qualification", "qualification_completed"),
    *("qualification_seconds", "handoff_triggered", "handoff_answered_at"),
    *("handoff_wait_seconds", "errors", "error_types", "compliance"),
)
"""Fields that do not identify anybody; new ones are dropped until somebody adds them here."""
_CONSENT = "consent_id"
_OF_A_TURN = (
    *("turn", "start_time", "language", "reply_language", "end_of_turn_delay_ms", "asr_ms", "llm_ttft_ms"),
    *("tts_ttfb_ms", "e2e_ms", "interrupted", "parts", "parts_add_up", "source"),
    *("lead_speech_ms", "agent_speech_ms"),
)
_ERRORS = ("errors", "error_types")
_WORDED = (*_ERRORS, "campaign", "purpose", "agent", "agent_version", "telephony", "usage", "qualification")
"""Fields whose words are the reporter's own, and might name the lead."""
_LONGEST_ERROR, _LONGEST = 160, 16
"""Characters that an error, and any other of them, may surely have; a mask may be longer than the name."""
_READ: Final[dict[Archived, tuple[str, ...]]] = {
    CALLS: (*_OF_A_CALL, "unjoined", "lead_id"),
    TURNS: ("call_id", *_OF_A_TURN),
}
_COUNTED = {"start_time", "status", "direction"}
"""What a call must have to count in any figure."""


def keep_counts(
    database: Database[Document],
    call_ids: Sequence[object],
    leads: Sequence[str] = (),
    also: Sequence[str] = (),
) -> int:
    """Store what is kept of some calls and their turns under other ids; return how many calls.

    The calls may be in the database or the archive. The ids derive from the calls' own by the key of the
    receipts, so a repeat stores nothing twice.

    Args:
        database: the store.
        call_ids: the calls.
        leads: ids of their lead, besides those that the calls have themselves.
        also: further texts that name the lead.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer; the next run continues.
    """
    receipts, lead_id = Receipts(), f"{ERASED}{secrets.token_hex(8)}"
    calls = [row for row in _rows(database, CALLS, "_id", call_ids) if _is_counted(receipts, row)]
    names = {str(row["_id"]): f"{ERASED}{receipts.name_of(str(row['_id']))[:24]}" for row in calls}
    said = Names([*names, *leads, *(row["lead_id"] for row in calls if row.get("lead_id"))], also)
    turns = _rows(database, TURNS, "call_id", [row["_id"] for row in calls])
    numbered = [row for row in turns if "turn" in row and str(row["call_id"]) in names]
    _store(database, CALLS, [_call(row, names[str(row["_id"])], lead_id, said) for row in calls])
    _store(database, TURNS, [_turn(row, names[str(row["call_id"])]) for row in numbered])
    return len(names)


def _is_counted(receipts: Receipts, row: Document) -> bool:
    """Return whether a call is to count: not if it was erased without that, or is a late report on its own.

    Such a report names the call by the source's id, and the call itself counts already.
    """
    if not row.keys() >= _COUNTED:
        return False
    if not receipts.covers_call(row["_id"], row["start_time"]):
        return True
    return receipts.counts_call(row["_id"]) and "unjoined" not in row


def _rows(
    database: Database[Document], collection: Archived, field: str, ids: Sequence[object]
) -> list[Document]:
    """Return what may be kept of the records of some calls, from the database and the archive."""
    # Not whole: what is not kept need not be readable.
    stored = database[collection].find({field: {"$in": list(ids)}}, [field, *_READ[collection]])
    return [*stored, *find_archived(database, collection, field, texts(ids))]


def _store(database: Database[Document], collection: Archived, rows: Sequence[Document]) -> None:
    """Store what is not kept already: a late report knows less of the call than what was kept of it."""
    if not rows:
        return
    there = {row["_id"] for row in _rows(database, collection, "_id", [row["_id"] for row in rows])}
    stored = {"recorded_at": SERVER_TIME, "schema_version": SCHEMA_VERSION, "version": version_now()}
    new = [row | stored for row in rows if row["_id"] not in there]
    if changes := [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in new]:
        database.get_collection(collection, write_concern=DURABLE).bulk_write(changes, ordered=False)


def _call(row: Document, name: str, lead_id: str, names: Names) -> Document:
    kept = {field: _nameless(field, row[field], names) for field in _OF_A_CALL if field in row}
    said = kept.get("compliance")
    if isinstance(said, dict) and said.get(_CONSENT):  # that there was one stays, as it counts; not which
        kept["compliance"] = {**said, _CONSENT: name}
    return {"_id": name, "lead_id": lead_id, **kept}


def _turn(row: Document, call_id: str) -> Document:
    said = {field: row[field] for field in _OF_A_TURN if field in row}
    return {"_id": f"{call_id}:{row['turn']}", "call_id": call_id} | said


def _nameless(field: str, value: Any, names: Names) -> Any:  # noqa: ANN401 (nested data)
    """Return a field's value without the lead's names; of errors, without anything else personal."""
    if field not in _WORDED:
        return value
    if isinstance(value, dict):
        return {key: _nameless(field, item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_nameless(field, item, names) for item in value]
    if not isinstance(value, str):
        return value
    if field in _ERRORS:
        return mask_text(names.without(value))[:_LONGEST_ERROR]
    return names.without(value)[: max(len(value), _LONGEST)]
