"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    OFF = "off"  # not configured, or not running; some do without
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``remedy`` says what to do where something is wrong. Without secrets."""

    name: str
    state: State
    text: str
    remedy: str = ""
