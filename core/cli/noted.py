"""Audit entries of commands, under the name of the user logged in on this machine."""

import getpass
import os

from core.access.audit import Action, audit
from core.access.roles import Actor, of_machine
from core.storage.server.connection import get_sync_database


def actor() -> Actor:
    """Return the user who runs the command; in a container it may have no name."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"user {os.getuid()}"
    return of_machine(f"{name} at this machine")


def note(action: Action, subject: str = "", **about: object) -> None:
    """Add an audit entry for what a command has just done.

    Raises:
        AuditError: the audit log cannot be written.
    """
    audit(get_sync_database(), actor(), action, subject, **about)
