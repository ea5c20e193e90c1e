"""What commands write to the audit log: in the name of whoever is logged in on this machine."""

import getpass
import os

from core.access.audit import Action, audit
from core.access.roles import Actor, of_machine
from core.storage.server.connection import get_sync_database


def actor() -> Actor:
    """Whoever runs the command; a container's user may have no name."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"user {os.getuid()}"
    return of_machine(f"{name} at this machine")


def note(action: Action, subject: str = "", **about: object) -> None:
    """Append what a command has just done.

    Raises:
        AuditError: the log does not take it.
    """
    audit(get_sync_database(), actor(), action, subject, **about)
