"""How messages look in the channels that have colours."""

from enum import StrEnum


class Tone(StrEnum):
    """How good or bad the news is; the later, the worse, but for what is over."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    RESOLVED = "resolved"


COLOURS = {Tone.INFO: "#5b7083", Tone.WARNING: "#b26a00", Tone.CRITICAL: "#b3261e", Tone.RESOLVED: "#1b7f4d"}
