"""The audit log: who viewed, exported, changed or erased what. Append-only; each entry seals the last."""

from core.access.audit.append import AuditError, audit, audit_read
from core.access.audit.entries import Action, Entry
from core.access.audit.subjects import call_subject, lead_token

__all__ = ["Action", "AuditError", "Entry", "audit", "audit_read", "call_subject", "lead_token"]
