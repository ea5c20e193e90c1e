"""An entry of the audit log: its content, its canonical form, and the seal that chains it to others."""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from core.privacy.masking import mask_text
from core.settings import get_settings
from core.types import Document

NO_KEY = ""
"""``key`` of an entry that was sealed without one."""
MOST_LETTERS, MOST_FACTS = 256, 12
"""Longest text, in characters; most facts beside the subject."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1
Fact = str | int | float | bool | None


class Action(StrEnum):
    """What somebody did."""

    VIEWED_CALL = "viewed_call"
    VIEWED_LEAD = "viewed_lead"
    LISTED_CALLS = "listed_calls"
    SEARCHED = "searched"
    EXPORTED = "exported"
    DECRYPTED = "decrypted"
    VIEWED_AUDIT = "viewed_audit"
    ACKNOWLEDGED = "acknowledged"
    WITHDREW = "withdrew_acknowledgement"
    CLOSED = "closed"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    SENT_AGAIN = "sent_again"
    RULE_CHANGED = "rule_changed"
    RULE_DELETED = "rule_deleted"
    VIEW_SAVED = "view_saved"
    VIEW_DELETED = "view_deleted"
    TESTED_CHANNEL = "tested_channel"
    IMPORTED = "imported"
    REPLAYED = "replayed"
    ERASED = "erased"
    RESTRICTED = "restricted"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    USER_CHANGED = "user_changed"
    KEY_CHANGED = "key_changed"
    PRUNED = "pruned"


READS = (
    *(Action.VIEWED_CALL, Action.VIEWED_LEAD, Action.LISTED_CALLS, Action.SEARCHED),
    *(Action.EXPORTED, Action.DECRYPTED),
)
"""Actions by which somebody gets to see what is stored of leads."""


class Entry(BaseModel):
    """One entry: ``n`` counts without gaps, and ``previous`` is the hash of the entry before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: StrictInt = Field(ge=1)
    at: datetime = Field(description="By the database server's clock, in UTC")
    actor: StrictStr
    role: StrictStr
    action: StrictStr
    subject: StrictStr = Field(description="What it was done to: an id or a token, nothing personal")
    about: dict[str, Any] = Field(description="Further facts, few and masked")
    previous: StrictStr
    key: StrictStr = Field(description="Which of AUDIT_KEY sealed it, by its id")
    hash: StrictStr = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return the entry of a stored document.

        Raises:
            ValidationError: it is not an entry.
        """
        fields = dict(row)
        return cls(n=fields.pop("_id", None), **fields)

    def to_row(self) -> Document:
        """Return the document to store."""
        row = self.model_dump()
        return {"_id": row.pop("n"), **row}

    def sealed(self) -> Self:
        """Return the entry with its hash, under the key it names."""
        return self.model_copy(update={"hash": seal(self)})

    @property
    def head(self) -> str:
        """Return the entry's number and hash, by which it is known outside the database: ``17:9f86d0…``."""
        return f"{self.n}:{self.hash}"


class UnknownKeyError(Exception):
    """An entry is sealed with a key that is not in AUDIT_KEY."""


def keys() -> dict[str, bytes]:
    """Return the keys of AUDIT_KEY by their ids, the one that seals new entries first."""
    given = [key.get_secret_value().encode() for key in get_settings().audit_key]
    return {hashlib.sha256(b"audit key:" + key).hexdigest()[:8]: key for key in given}


def seal(entry: Entry) -> str:
    """Return the hash of an entry: HMAC-SHA-256 with its key, or SHA-256 without one.

    It covers everything but the hash itself, the previous entry's hash included. Without a key the chain
    shows mistakes but not an attacker, who could recompute all of it.

    Raises:
        UnknownKeyError: the key is not in AUDIT_KEY.
    """
    said = canonical(entry)
    if entry.key == NO_KEY:
        return hashlib.sha256(said).hexdigest()
    try:
        return hmac.new(keys()[entry.key], said, hashlib.sha256).hexdigest()
    except KeyError:
        raise UnknownKeyError(entry.key) from None


def canonical(entry: Entry) -> bytes:
    """Return the one form that is hashed: compact JSON, fields in this order, names of facts sorted.

    It must never change: the seals of all existing entries depend on every byte.
    """
    moment = (entry.at - _EPOCH) // timedelta(milliseconds=1)
    parts = [entry.n, moment, entry.actor, entry.role, entry.action, entry.subject, entry.about]
    return orjson.dumps([*parts, entry.previous, entry.key], option=orjson.OPT_SORT_KEYS)


def bounded(text: str) -> str:
    """Return a text as an entry may hold it: masked, on one line, 256 characters at most."""
    line = " ".join(mask_text(text.encode(errors="replace").decode()).split())
    return line if len(line) <= MOST_LETTERS else f"{line[: MOST_LETTERS - 1]}…"


def facts(about: Mapping[str, object]) -> dict[str, Fact]:
    """Return the facts as an entry may hold them, 12 at most; those that are None are left out."""
    given = [(name, value) for name, value in about.items() if value is not None]
    return {name: _fact(value) for name, value in given[:MOST_FACTS]}


def _fact(value: object) -> Fact:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return bounded(", ".join(map(str, value)))
    return bounded(str(value))
