"""The outbox: messages to send, one document per alert, transition, channel and recipient."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from core.models.alerts import Notification

OUTBOX_SCHEMA_VERSION = 1


class OutboxState(StrEnum):
    """What became of a message."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    SUPERSEDED = "superseded"


WAITING = (OutboxState.QUEUED, OutboxState.SENDING)


class ReportPicture(BaseModel):
    """A picture in a report, with the name by which its HTML refers to it."""

    name: str
    png: bytes = Field(repr=False)
    words: str


class ReportText(BaseModel):
    """A report as it was written: it says what was true then, whenever it arrives."""

    title: str
    text: str
    brief: str
    html: str = Field(repr=False)
    link: str
    tone: str
    pictures: list[ReportPicture] = Field(default_factory=list)


class OutboxRow(BaseModel):
    """One message for one recipient. All its times are the database server's."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(alias="_id", description="The key: putting the same message in twice makes one row")
    schema_version: int = OUTBOX_SCHEMA_VERSION
    channel: str
    recipient: str = Field(description="Identity of the address, without secrets")
    label: str = Field(description="The recipient as it may be shown")
    stream: str = Field(description="A newer message of a stream takes the place of an older one")
    notification: Notification
    group_in: str | None = Field(
        default=None, description="The row with the states of the whole group, where this has only its own"
    )
    report: ReportText | None = Field(default=None, description="Set where it is a report, not about alerts")
    urgent: bool = Field(description="A new critical alert, or an end: never held back nor put in a digest")
    failed_channels: list[str] = Field(
        default_factory=list, description="Set where this replaces a message that could not be delivered"
    )
    failed_reason: str | None = Field(default=None, description="Why that one could not be")
    state: OutboxState = OutboxState.QUEUED
    attempts: int = 0
    created_at: datetime | None = None
    due_at: datetime | None = Field(default=None, description="Next attempt; while sending, end of the lease")
    done_at: datetime | None = None
    held: bool = Field(default=False, description="Waits for the channel's rate limit")
    digest: str | None = Field(default=None, description="The row whose message carried this one too")
    outdated: bool = Field(default=False, description="Superseded while it was being sent")
    claim: str | None = None
    claimed_at: float = Field(default=0.0, exclude=True, description="By this process's monotonic clock")
    reason: str | None = Field(default=None, description="Why the last attempt failed; no secrets")
