"""What each role may do: the one table, for the pages of the dashboard and for the API."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.access.roles import Role


class Permission(StrEnum):
    """Something not everybody may do, in words that follow "may not"."""

    READ = "see figures and calls"
    SEE_PERSONAL = "see lead ids, metadata, recordings and log lines"
    ACKNOWLEDGE = "acknowledge alerts"
    CLOSE = "close alerts"
    SILENCE = "silence alerts"
    CHANGE_RULES = "change rules"
    SAVE_VIEWS = "save views"
    TEST_CHANNELS = "test channels"
    SEND_AGAIN = "send messages again"
    RECOMPUTE = "compute days anew"
    EXPORT_CALLS = "export lists of calls"
    DECRYPT = "open encrypted values"
    SEE_AUDIT = "read the audit log"


LEAST: Final = MappingProxyType(
    {
        Permission.READ: Role.VIEWER,
        Permission.SEE_PERSONAL: Role.OPERATOR,
        Permission.ACKNOWLEDGE: Role.OPERATOR,
        Permission.CLOSE: Role.OPERATOR,
        Permission.SILENCE: Role.OPERATOR,
        Permission.CHANGE_RULES: Role.OPERATOR,
        Permission.SAVE_VIEWS: Role.OPERATOR,
        Permission.TEST_CHANNELS: Role.OPERATOR,
        Permission.SEND_AGAIN: Role.OPERATOR,
        Permission.RECOMPUTE: Role.OPERATOR,
        Permission.EXPORT_CALLS: Role.PRIVILEGED,
        Permission.DECRYPT: Role.PRIVILEGED,
        Permission.SEE_AUDIT: Role.ADMIN,
    }
)
"""The lowest role that may do it."""


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role may do something."""
    return role >= LEAST[permission]


def allowed(role: Role) -> frozenset[Permission]:
    """Return everything a role may do."""
    return frozenset(permission for permission in Permission if may(role, permission))
