"""The four roles, each of which may do what those before it may, and who acts."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from core.errors import UserError


class Role(IntEnum):
    """What somebody may do; a higher role may all that a lower one may."""

    VIEWER = 1
    """Sees figures and calls, no personal data."""
    OPERATOR = 2
    """Acknowledges, silences, changes rules."""
    PRIVILEGED = 3
    """Decrypts one value, with a reason; exports; erases."""
    ADMIN = 4
    """Manages users and keys, reads the audit log."""

    @property
    def label(self) -> str:
        """The role as people and settings write it: ``viewer``."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Self:
        """Read a role as people write it.

        Raises:
            UserError: there is none of that name.
        """
        for role in cls:
            if role.label == label.strip().lower():
                return role
        raise UserError(f"{label!r} is no role; use {', '.join(role.label for role in cls)}")


@dataclass(frozen=True)
class Actor:
    """Who does something: a user, the key of a program, or whoever sits at this machine."""

    name: str
    role: Role


def of_machine(name: str = "this machine") -> Actor:
    """Whoever reaches a program that only serves its own machine and user: may all."""
    return Actor(name, Role.ADMIN)
