"""The settings of the audit log: what seals it, and how long it is kept."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from core.variables.kinds import SecretCommaList

SHORTEST_SEAL = 22
"""Length of a random 128-bit key in base64."""


def _long_enough(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(len(key.get_secret_value()) < SHORTEST_SEAL for key in keys):
        raise ValueError(f"must be keys of {SHORTEST_SEAL} characters or more, separated by commas")
    return keys


class AuditLog(BaseModel):
    """Part of :class:`core.variables.protection.Protection`."""

    audit_key: Annotated[SecretCommaList, AfterValidator(_long_enough)] = Field(
        default=(),
        description="Key (22 characters or more) that seals the audit log; others only verify; docs/audit.md",
    )
    audit_days: int = Field(
        default=365, ge=180, le=3650, description="Days to keep audit log entries (at least 180)"
    )
