"""The settings that protect people's data: encryption, sign-in, the audit log, how long what stays."""

from core.variables.audit_log import AuditLog
from core.variables.calling import CallingRules
from core.variables.encryption import Encryption
from core.variables.retention import Retention


class Protection(AuditLog, CallingRules, Encryption, Retention):
    """Part of :class:`core.settings.Settings`."""
