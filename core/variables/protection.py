"""The settings that protect people's data: encryption, sign-in, the audit log, and retention."""

from core.variables.audit_log import AuditLog
from core.variables.calling import CallingRules
from core.variables.encryption import Encryption
from core.variables.retention import Retention
from core.variables.sign_in import SignInSettings


class Protection(SignInSettings, AuditLog, CallingRules, Encryption, Retention):
    """Part of :class:`core.settings.Settings`."""
