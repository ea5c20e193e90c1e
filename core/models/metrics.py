"""Calls and the figures made from them."""

from collections.abc import Mapping
from datetime import date as Date  # noqa: N812 (DailyMetrics has a field of that name)
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.clock import FIRST_YEAR, LAST_YEAR, to_utc


def _usable(moment: datetime) -> datetime:
    try:
        utc = to_utc(moment)
    except OverflowError:
        utc = None
    if utc is None or not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise ValueError(f"is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return utc


def _plain_language(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _plain_metadata(value: object) -> object:
    """Metadata as JSON can say it, so that it can be stored, served and spooled."""
    if not isinstance(value, Mapping) or not value:
        return value
    try:
        text = orjson.dumps(dict(value), default=_as_json, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    if _depth(plain := orjson.loads(text)) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested more than {MAX_METADATA_DEPTH} levels deep")
    return plain


def _as_json(value: object) -> object:
    if isinstance(value, set | frozenset):
        return list(value)
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _depth(value: object) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


UtcDatetime = Annotated[datetime, AfterValidator(_usable)]
Language = Annotated[str, BeforeValidator(_plain_language), Field(min_length=1, max_length=32)]
Metadata = Annotated[dict[str, Any], BeforeValidator(_plain_metadata)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(le=2**63 - 1)]  # the greatest integer MongoDB keeps
SCHEMA_VERSION = 1
MAX_CALL_SECONDS = 7 * 86_400
MAX_METADATA_DEPTH = 50


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
    duration_seconds: float | None = Field(default=None, ge=0, le=MAX_CALL_SECONDS, allow_inf_nan=False)
    status: CallStatus
    direction: Direction
    language: Language = "unknown"
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
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _end_follows_start(self) -> Self:
        if self.end_time is None and self.duration_seconds is not None:
            self.end_time = to_utc(self.start_time + timedelta(seconds=self.duration_seconds))
        if self.end_time is not None and self.end_time < self.start_time:
            raise ValueError("end_time is before start_time")
        if self.end_time and (self.end_time - self.start_time).total_seconds() > MAX_CALL_SECONDS:
            raise ValueError("end_time is more than 7 days after start_time")
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
