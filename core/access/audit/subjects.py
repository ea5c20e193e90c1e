"""How an entry names a call or a lead: never by what tells who a person is.

A lead is named by a keyed hash, so that an erasure leaves nothing of it here and the chain stays whole.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from core.access.audit.entries import bounded, keys
from core.files import create_private, private_folder
from core.logging_config import get_logger, log_security_event
from core.settings import get_settings

logger = get_logger("security")
_KEY_BYTES = 32
_DIGITS = 16


def lead_token(lead_id: str) -> str:
    """Return what stands for a lead's id, or for a text that somebody looked for: ``lead:1a2b…``.

    The same lead has the same token as long as the first AUDIT_KEY stays (without one: this DATA_DIR).
    """
    return f"lead:{_token(_first_key(), lead_id)}"


def lead_tokens(lead_id: str) -> list[str]:
    """Return what may stand for a lead: its token under each of AUDIT_KEY."""
    every = list(keys().values()) or [_own_key()]
    return [f"lead:{_token(key, lead_id)}" for key in every]


def call_subject(call_id: str) -> str:
    """Return a call's id, or a token of it where that looks like a number of a person."""
    return call_id if bounded(call_id) == call_id else f"call:{_token(_first_key(), call_id)}"


def _token(key: bytes, text: str) -> str:
    said = b"audit subject:" + text.encode(errors="replace")
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:_DIGITS]


def _first_key() -> bytes:
    return next(iter(keys().values()), None) or _own_key()


def audit_folder() -> Path:
    """Where this machine keeps what belongs to the audit log of the database, outside of it."""
    settings = get_settings()
    return settings.data_dir / "audit" / settings.mongodb_database


def _own_key() -> bytes:
    """A key of this DATA_DIR, made at first use; none where the disk does not take it, which is logged."""
    file = audit_folder() / "key"
    try:
        with contextlib.suppress(FileNotFoundError):
            return file.read_bytes()
        draft = private_folder(file.parent) / f"key.{secrets.token_hex(8)}"
        with create_private(draft) as content:
            content.write(secrets.token_bytes(_KEY_BYTES))
            content.flush()
            os.fsync(content.fileno())
        # Whoever comes first makes it; it is whole as soon as it is there.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
        return file.read_bytes()
    except OSError as error:
        log_security_event(logger, "audit_key_not_kept", reason=error.strerror)
        return b""
