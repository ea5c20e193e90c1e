"""Time zones by name, for settings, mappings and silences."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # an unknown zone raises KeyError
        raise ValueError("is not an IANA time zone; for example Asia/Kolkata") from error
    return value


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The name of an IANA time zone."""
