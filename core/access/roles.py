"""The four roles, each including those before it, and the actor who has one."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from core.errors import UserError


class Role(IntEnum):
    """What somebody may do; a higher role includes all lower ones."""

    VIEWER = 1
    """Sees figures and calls, but no personal data."""
    OPERATOR = 2
    """Acknowledges, silences, changes rules."""
    PRIVILEGED = 3
    """Decrypts single values with a reason; exports; erases."""
    ADMIN = 4
    """Manages users and keys, reads the audit log."""

    @property
    def label(self) -> str:
        """Return the role as people and settings write it: ``viewer``."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Self:
        """Parse a role as people write it.

        Raises:
            UserError: there is no such role.
        """
        for role in cls:
            if role.label == label.strip().lower():
                return role
        raise UserError(f"{label!r} is not a role; use {', '.join(role.label for role in cls)}")


@dataclass(frozen=True)
class Actor:
    """Who does something: a user, a program's key, or whoever sits at this machine."""

    name: str
    role: Role


def of_machine(name: str = "this machine") -> Actor:
    """Return the actor for a program that serves only its own machine and user: it may do everything."""
    return Actor(name, Role.ADMIN)


SCHEDULER = Actor("scheduler", Role.ADMIN)
"""Whoever does what the clock sets off."""
