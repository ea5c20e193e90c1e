"""Answers to operators."""

from datetime import datetime

from pydantic import BaseModel, Field

from core.alerting.board import SilenceLine
from core.api.responses import AlertAnswer
from core.models.rules import AlertRule


class Board(BaseModel):
    """The alerts by state, worst first."""

    active: list[AlertAnswer] = Field(description="They fire, and are told")
    pending: list[AlertAnswer] = Field(description="Bad, but not for long enough yet")
    silenced: list[AlertAnswer] = Field(description="They fire, but a silence or a worse alert mutes them")
    resolved: list[AlertAnswer] = Field(description="Over for at most 7 days, the newest first")


class SilenceAnswer(BaseModel):
    """A silence and its state."""

    id: str
    matchers: dict[str, list[str]] = Field(description="Label → values, one of which an alert has")
    start: datetime
    end: datetime | None
    recurs: str | None = Field(description="Only then, with the zone: mon-fri 22:00-24:00 Asia/Kolkata")
    author: str
    comment: str
    standing: str = Field(description="active; to come; between two of its times; over")

    @classmethod
    def of(cls, line: SilenceLine) -> "SilenceAnswer":
        """Return a line of the board as it is answered."""
        silence = line.silence
        return cls(
            **silence.model_dump(exclude={"recurrence"}),
            recurs=silence.recurrence.words if silence.recurrence else None,
            standing=line.standing,
        )


class SilenceList(BaseModel):
    """Every silence, newest first."""

    count: int
    silences: list[SilenceAnswer]


class RuleList(BaseModel):
    """The rules in force, including disabled ones; shares run from 0 to 1, durations are in minutes."""

    count: int
    rules: list[AlertRule]
    refused: list[str] = Field(description="Rules that cannot be used, and why")
