"""Name a call or a lead in an entry, without anything that reveals who a person is.

A lead is named by a keyed hash: an erasure then leaves nothing of the lead here, and the chain stays whole.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from core.access.audit.entries import bounded, keys
from core.files import private_folder, write_durably
from core.logging_config import get_logger, log_security_event
from core.privacy.sensitive import person_of, phone_of
from core.settings import get_settings

logger = get_logger("security")
_KEY_BYTES = 32
_DIGITS = 16


def lead_token(lead_id: str) -> str:
    """Return the token for a lead's id, or for a text that somebody searched for: ``lead:1a2b…``.

    A lead keeps its token for as long as the first AUDIT_KEY stays (without one, this DATA_DIR). A phone has
    the same one in all its spellings.
    """
    return f"lead:{_token(_first_key(), person_of(lead_id))}"


def lead_tokens(lead_id: str) -> list[str]:
    """Return all tokens a lead may have: for each key of AUDIT_KEY, of a phone also as it is written.

    Earlier entries have it so, and those from before BLIND_INDEX_KEY was set.
    """
    every = list(keys().values()) or [_own_key()]
    spelt = dict.fromkeys((person_of(lead_id), phone_of(lead_id) or lead_id, lead_id))
    return [f"lead:{_token(key, text)}" for key in every for text in spelt]


def call_subject(call_id: str) -> str:
    """Return a call's id, or a token of it if it looks like a person's number."""
    return call_id if bounded(call_id) == call_id else f"call:{_token(_first_key(), call_id)}"


def _token(key: bytes, text: str) -> str:
    said = b"audit subject:" + text.encode(errors="replace")
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:_DIGITS]


def _first_key() -> bytes:
    return next(iter(keys().values()), None) or _own_key()


def audit_folder() -> Path:
    """Return the folder, outside the database, for what this machine keeps about the database's audit log."""
    settings = get_settings()
    return settings.data_dir / "audit" / settings.mongodb_database


def _own_key() -> bytes:
    """Return this DATA_DIR's own key, made at first use.

    Empty if the disk does not accept it, which is logged.
    """
    file = audit_folder() / "key"
    try:
        with contextlib.suppress(FileNotFoundError):
            return file.read_bytes()
        draft = private_folder(file.parent) / f"key.{secrets.token_hex(8)}"
        write_durably(draft, secrets.token_bytes(_KEY_BYTES))
        # The first process creates it; it is complete as soon as it exists.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
        return file.read_bytes()
    except OSError as error:
        log_security_event(logger, "audit_key_not_kept", reason=error.strerror)
        return b""
