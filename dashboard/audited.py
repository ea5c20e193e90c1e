"""Entries the dashboard writes to the audit log, in the name of the page's reader."""

from collections.abc import Callable
from contextlib import suppress

from core.access.audit import Action, audit, audit_read
from core.errors import UserError
from core.storage import get_sync_database
from dashboard import visitor


def note(action: Action, subject: str = "", **about: object) -> None:
    """Log what the reader has just done.

    Raises:
        AuditError: it was done, but could not be logged.
    """
    audit(get_sync_database(), visitor.actor(), action, subject, **about)


def note_read(action: Action, subject: str = "", **about: object) -> None:
    """Log that the reader views something, at most once in 10 minutes.

    Errors are ignored: the page itself reports that the database is down.
    """
    with suppress(UserError):
        audit_read(get_sync_database(), visitor.actor(), action, subject, each=False, **about)


def noting(action: Action, subject: str = "", **about: object) -> Callable[[], None]:
    """Return a function that logs, each time it is called, what this page's reader takes.

    It also works where the page's reader is no longer known, such as in a download.
    """
    who = visitor.actor()

    def note_now() -> None:
        with suppress(UserError):
            audit_read(get_sync_database(), who, action, subject, each=True, **about)

    return note_now
