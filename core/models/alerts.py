"""Alerts: what fires, since when, and what is known about it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ALERT_SCHEMA_VERSION = 1
ACKNOWLEDGED_HOURS = 4
"""How long an acknowledgement lasts unless somebody says otherwise."""


class Severity(StrEnum):
    """How bad an alert is, in ascending order."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return its rank; 0 is the mildest."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class AlertState(StrEnum):
    """The state of an alert."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Acknowledgement(BaseModel):
    """Somebody has acknowledged it: no reminders until it ends, gets worse, or ``until``."""

    model_config = ConfigDict(frozen=True)

    author: str = Field(min_length=1, max_length=128)
    at: datetime
    until: datetime
    comment: str = Field(default="", max_length=1_000)


class Alert(BaseModel):
    """One alert: a rule that fires, or one that the agent sent itself."""

    id: str = Field(description="Fingerprint: the same alert keeps it while it comes and goes")
    alert_type: str = Field(description="Id of the rule, or the type the sender gave")
    name: str
    severity: Severity
    state: AlertState
    labels: dict[str, str] = Field(default_factory=dict, description="Which calls: language, campaign …")
    message: str
    current_value: float | None = None
    worst_value: float | None = Field(default=None, description="The worst value while it fired")
    threshold_value: float | None = None
    unit: str = Field(default="", description="Unit of the two values: %, ms, s or nothing")
    samples: int | None = Field(default=None, description="Calls the value was computed from")
    started_at: datetime = Field(description="Since when it fires; since when it is bad while pending")
    updated_at: datetime
    looks_from: datetime | None = Field(default=None, description="Start of the window of the figures")
    outcome: str | None = Field(default=None, description="Status of the calls in question: failed")
    resolved_at: datetime | None = None
    acknowledged: Acknowledgement | None = None
    silenced_by: list[str] = Field(default_factory=list, description="Ids of the silences that mute it")
    inhibited_by: list[str] = Field(default_factory=list, description="Ids of the alerts that mute it")
    flapping: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    channels: dict[str, bool] = Field(default_factory=dict, description="Channel → delivered")

    @property
    def muted(self) -> bool:
        """Return whether a silence or a worse alert keeps it from being sent."""
        return bool(self.silenced_by or self.inhibited_by)

    def held(self, at: datetime) -> bool:
        """Return whether somebody has acknowledged it, and that has not expired at a given time."""
        return self.acknowledged is not None and at < self.acknowledged.until


class NotificationEvent(StrEnum):
    """Why something is sent."""

    FIRING = "firing"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    ACKNOWLEDGED = "acknowledged"
    REPORT = "report"


class Trend(BaseModel):
    """A value before a message, one per window, newest last; None means too few calls."""

    model_config = ConfigDict(frozen=True)

    values: list[float | None]
    minutes: int = Field(description="How long each window is")
    until: datetime = Field(description="End of the newest")


MemberState = Literal["firing", "resolved", "muted"]


class Notification(BaseModel):
    """What one channel is to be sent about one group of alerts.

    The same decision made twice has the same ``key``. Once it is confirmed sent, ``members`` and
    ``severities`` are kept for (``group_key``, ``channel``), and the next decision is based on them.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    group_key: str
    channel: str
    event: NotificationEvent
    severity: Severity
    at: datetime
    alerts: list[Alert] = Field(description="What the message is about: the news first, then what goes on")
    news: int = Field(description="How many of ``alerts`` are news")
    unanswered: list[str] = Field(
        default_factory=list, description="Ids of alerts of the news that nobody has acknowledged in time"
    )
    installation: str = Field(default="", description="Which installation speaks; part of a pager's key")
    members: dict[str, MemberState]
    severities: dict[str, Severity]
    trends: dict[str, Trend] = Field(default_factory=dict, description="By alert, where there is one")
    told_at: dict[str, datetime] = Field(
        default_factory=dict, description="When those were told that a reminder leaves out for now"
    )
