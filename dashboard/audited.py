"""What the dashboard writes to the audit log: in the name of whoever has the page open."""

from collections.abc import Callable
from contextlib import suppress

from core.access.audit import Action, audit, audit_read
from core.errors import UserError
from core.storage import get_sync_database
from dashboard import visitor


def note(action: Action, subject: str = "", **about: object) -> None:
    """Append what the reader has just done.

    Raises:
        AuditError: it is done, and the log does not take it.
    """
    audit(get_sync_database(), visitor.actor(), action, subject, **about)


def note_read(action: Action, subject: str = "", *, each: bool = False, **about: object) -> None:
    """Note that the reader looks at something, once in 10 minutes unless ``each`` counts.

    Where the database is away the page says so itself.
    """
    with suppress(UserError):
        audit_read(get_sync_database(), visitor.actor(), action, subject, each=each, **about)


def noting(action: Action, subject: str = "", **about: object) -> Callable[[], None]:
    """Return what notes each time that it is called what the reader of this page takes.

    It may be called where nobody knows any more whose page it was.
    """
    who = visitor.actor()

    def note_now() -> None:
        with suppress(UserError):
            audit_read(get_sync_database(), who, action, subject, each=True, **about)

    return note_now
