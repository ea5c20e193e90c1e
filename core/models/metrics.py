"""Calls and the figures made from them."""

from datetime import date as Date  # noqa: N812 (DailyMetrics has a field of that name)
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from core.clock import to_utc

UtcDatetime = Annotated[datetime, AfterValidator(to_utc)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(le=2**63 - 1)]  # the greatest integer MongoDB keeps
SCHEMA_VERSION = 1


class CallStatus(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"


class Direction(StrEnum):
    """Who phoned whom: inbound is the lead phoning in."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallMetrics(BaseModel):
    """One call, recorded when it is over.

    Times without a zone are taken in TIMEZONE and kept in UTC. Of ``end_time`` and
    ``duration_seconds`` either may be left out: it follows from the other. Latencies are in
    milliseconds, the mean of the call's turns.
    """

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    call_id: str = Field(min_length=1, max_length=256)
    lead_id: str | None = Field(default=None, max_length=256)
    start_time: UtcDatetime
    end_time: UtcDatetime | None = None
    duration_seconds: float | None = Field(default=None, ge=0, le=7 * 86_400, allow_inf_nan=False)
    status: CallStatus
    direction: Direction
    language: str = Field(default="unknown", min_length=1, max_length=32)
    asr_latency_ms: Milliseconds | None = None
    tts_latency_ms: Milliseconds | None = None
    total_turns: Count | None = Field(default=None, ge=0)
    qualification_completed: bool = False
    handoff_triggered: bool = False
    sentiment_score: float | None = Field(default=None, ge=-1, le=1)
    error_types: list[str] = Field(default_factory=list, description="One entry for each error in the call")
    end_reason: str | None = Field(default=None, max_length=64)
    attempt: Count | None = Field(default=None, ge=1)
    campaign: str | None = Field(default=None, max_length=128)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @field_validator("language")
    @classmethod
    def _lower_case(cls, value: str) -> str:
        return value.strip().lower()

    @model_validator(mode="after")
    def _end_follows_start(self) -> Self:
        if self.end_time is None and self.duration_seconds is not None:
            self.end_time = to_utc(self.start_time + timedelta(seconds=self.duration_seconds))
        if self.end_time is not None and self.end_time < self.start_time:
            raise ValueError("end_time is before start_time")
        if self.duration_seconds is None and self.end_time is not None:
            self.duration_seconds = (self.end_time - self.start_time).total_seconds()
        return self


class Percentiles(BaseModel):
    """Distribution of one measure over the calls that have it."""

    n: int = Field(ge=0, description="Calls that carry the value")
    coverage: Rate | None = Field(description="Share of all calls that carry the value")
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class SentimentCounts(BaseModel):
    """Calls by sentiment: negative below -0.25, positive above 0.25, else neutral."""

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    mean: float | None = Field(default=None, description="Mean score, -1 to 1")


class CallSummary(BaseModel):
    """The figures of any set of calls. Rates run from 0 to 1 and are null without calls to divide by."""

    total_calls: int = 0
    inbound_calls: int = 0
    outbound_calls: int = 0
    completed_calls: int = 0
    failed_calls: int = 0
    no_answer_calls: int = 0
    qualified_calls: int = 0
    handoff_calls: int = 0
    error_calls: int = 0
    qualification_rate: Rate | None = None
    handoff_rate: Rate | None = None
    error_rate: Rate | None = None
    failure_rate: Rate | None = None
    answer_rate: Rate | None = None
    duration_seconds: Percentiles
    asr_latency_ms: Percentiles
    tts_latency_ms: Percentiles
    sentiment: SentimentCounts
    languages: dict[str, int] = Field(default_factory=dict, description="Calls by language")


class DailyMetrics(CallSummary):
    """The figures of one local day: the calls whose start_time falls in it."""

    date: Date
    timezone: str
    computed_at: datetime


class LiveMetrics(BaseModel):
    """What is going on now."""

    calls_last_15_minutes: int = Field(description="Calls that ended in the last 15 minutes")
    last_call_ended_at: datetime | None
    active_alerts: int
    scheduler_heartbeat_at: datetime | None = Field(description="Last sign of life of the scheduler")


LatencyField = Literal["asr_latency_ms", "tts_latency_ms", "duration_seconds"]
