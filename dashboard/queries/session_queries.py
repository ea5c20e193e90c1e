"""Reads of sessions; not cached: who is signed out is signed out at once."""

import logging

from core.access.sessions import Session, end_session, find_session
from core.logging_config import get_logger, log_security_event
from core.storage import get_sync_database

logger = get_logger("security")


def session(token: str, *, clicked: bool) -> Session | None:
    """The session of a token, as long as it holds; a click keeps it."""
    return find_session(get_sync_database(), token, clicked=clicked)


def sign_out(token: str) -> None:
    """End the session of a token."""
    name = end_session(get_sync_database(), token)
    if name is not None:
        log_security_event(logger, "signed_out", logging.INFO, user=name)
