"""The result of a check."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is."""

    OK = "ok"
    OFF = "off"  # not configured or not running, which may be intended
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``remedy`` says what to do if something is wrong. Contains no secrets."""

    name: str
    state: State
    text: str
    remedy: str = ""
