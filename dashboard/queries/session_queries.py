"""Reads of sessions; not cached, so that signing out takes effect at once."""

import logging

import pymongo

from core.access.sessions import Session, end_session, find_session
from core.logging_config import get_logger, log_security_event
from core.storage import get_sync_database

logger = get_logger("security")
LOOK_SECONDS = 1.0
"""Timeout, because every part of a page asks; then the database counts as down."""


def session(token: str, *, clicked: bool) -> Session | None:
    """Return a token's session while it is valid; a click extends it.

    Raises:
        PyMongoError: the database did not answer within LOOK_SECONDS.
    """
    database = get_sync_database()
    with pymongo.timeout(LOOK_SECONDS):
        return find_session(database, token, clicked=clicked)


def sign_out(token: str) -> None:
    """End the session of a token."""
    name = end_session(get_sync_database(), token)
    if name is not None:
        log_security_event(logger, "signed_out", logging.INFO, user=name)
