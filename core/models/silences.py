"""Silences: which alerts are muted, when, and by whom."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.models.metrics import UtcDatetime
from core.models.recurrence import Recurrence
from core.types import has_in_order

SILENCE_SCHEMA_VERSION = 1
MATCHERS = (
    *("rule", "severity", "direction", "language", "status", "campaign", "service", "operation", "about"),
)
"""``about`` is the rule that an alert ``rule_error`` is about; other alerts lack it."""
_STAR = re.compile(r"(?<!\\)\*")
Value = Annotated[str, Field(max_length=512)]
Values = Annotated[list[Value], Field(min_length=1, max_length=100)]


class Silence(BaseModel):
    """Mutes the alerts with these labels in [``start``, ``end``).

    A recurring one mutes only within its hours, and without an ``end`` indefinitely. Recipients of a firing
    message are still told when the alert resolves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    matchers: dict[str, Values] = Field(
        min_length=1, description="Label → values, one of which it has; * stands for any text, \\* for itself"
    )
    start: UtcDatetime
    end: UtcDatetime | None = None
    recurrence: Recurrence | None = None
    author: str = Field(min_length=1, max_length=128)
    comment: str = Field(min_length=1, max_length=1_000)

    @field_validator("matchers")
    @classmethod
    def _known_labels(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if unknown := sorted(set(value) - set(MATCHERS)):
            raise ValueError(f"{unknown[0]!r} is not a label; use {', '.join(MATCHERS)}")
        return value

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end is None and self.recurrence is None:
            raise ValueError("end: a silence that does not recur needs one")
        if self.end is not None and self.end <= self.start:
            raise ValueError("end: must be after start")
        return self

    @property
    def words(self) -> str:
        """Return which alerts it is about: ``rule error_rate, campaign diwali or none``."""
        return ", ".join(
            f"{label} {' or '.join(value or 'none' for value in values)}"
            for label, values in self.matchers.items()
        )

    def active(self, now: datetime) -> bool:
        """Return whether it is active at a given time."""
        if now < self.start or (self.end is not None and now >= self.end):
            return False
        return self.recurrence is None or self.recurrence.covers(now)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is matched; a label it lacks counts as empty."""
        return all(
            any(_like(pattern, labels.get(label, "")) for pattern in patterns)
            for label, patterns in self.matchers.items()
        )


def exactly(text: str) -> str:
    """Return the pattern that only this text matches."""
    return text.replace("*", r"\*")


def _like(pattern: str, text: str) -> bool:
    r"""Return whether a text matches a pattern; ``\*`` in it is a star."""
    return has_in_order([piece.replace(r"\*", "*") for piece in _STAR.split(pattern)], text)
