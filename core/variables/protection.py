"""The settings that protect people's data: encryption, sign-in, the audit log, how long what stays."""

from pydantic import BaseModel


class Protection(BaseModel):
    """Part of :class:`core.settings.Settings`."""
