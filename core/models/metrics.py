"""Calls and the figures made from them."""

from collections.abc import Mapping
from datetime import date as Date  # noqa: N812 (DailyMetrics has a field of that name)
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Self

import orjson
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from core.clock import FIRST_YEAR, LAST_YEAR, note_naive, to_utc, utc_now
from core.models.definitions import COUNTS, DISTRIBUTIONS, RATES


def _usable(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        note_naive()
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


def _none_if_unknown(cost: "CallCost | None") -> "CallCost | None":
    return cost if cost and any(value is not None for _, value in cost) else None


UtcDatetime = Annotated[datetime, AfterValidator(_usable)]
Language = Annotated[str, BeforeValidator(_plain_language), Field(min_length=1, max_length=32)]
Metadata = Annotated[dict[str, Any], BeforeValidator(_plain_metadata)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]
Rupees = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(le=1_000_000)]
"""Of a call's turns and the like: more than one a second for a whole week is no count but a slip."""
Total = Annotated[int, Field(le=2**53)]
"""Of many requests; the greatest that is exact as a double too."""
SCHEMA_VERSION = 2
"""2: errors with type and fault, where 1 had ``error_types``; documents of 1 are still read."""
MAX_CALL_SECONDS = 7 * 86_400
ROUNDING_SECONDS, ROUNDING_SHARE = 2.0, 0.02
"""How far a duration may be from what start and end say: it may be measured by another clock."""
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


class Fault(StrEnum):
    """Whose fault it was."""

    CUSTOMER = "customer"
    AGENT = "agent"
    PROVIDER = "provider"
    CARRIER = "carrier"


class CallError(BaseModel):
    """Something that went wrong in a call, counted by its type. A plain text is taken for the type."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    type: str = Field(min_length=1, max_length=64, description="Short and the same each time: asr_timeout")
    fault: Fault | None = None
    at: UtcDatetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_type(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value


class CallCost(BaseModel):
    """What a call cost, in rupees, by component; a component that is not known is left out."""

    model_config = ConfigDict(extra="forbid")

    asr: Rupees | None = None
    llm: Rupees | None = None
    tts: Rupees | None = None
    telephony: Rupees | None = None


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
    duration_seconds: Seconds | None = None
    status: CallStatus
    direction: Direction
    language: Language = "unknown"
    asr_latency_ms: Milliseconds | None = None
    llm_latency_ms: Milliseconds | None = None
    tts_latency_ms: Milliseconds | None = None
    e2e_latency_ms: Milliseconds | None = Field(
        default=None, description="From the user's last word to the agent's first sound; measured, not a sum"
    )
    total_turns: Count | None = Field(default=None, ge=0)
    user_turns: Count | None = Field(
        default=None, ge=0, description="Turns of total_turns that the lead spoke"
    )
    interruptions: Count | None = Field(default=None, ge=0, description="Times the lead cut the agent short")
    qualification_completed: bool = False
    qualification: str | None = Field(
        default=None, max_length=64, description="What the lead qualified for: public_secured"
    )
    qualification_seconds: Seconds | None = Field(
        default=None, description="From the answer to qualification_completed"
    )
    handoff_triggered: bool = False
    sentiment_score: float | None = Field(default=None, ge=-1, le=1)
    errors: list[CallError] = Field(
        default_factory=list, max_length=1_000, validation_alias=AliasChoices("errors", "error_types")
    )
    end_reason: str | None = Field(default=None, max_length=64, description="busy, voicemail, hung_up …")
    fault: Fault | None = Field(default=None, description="Whose fault it is that the call ended so")
    cost: Annotated[CallCost | None, AfterValidator(_none_if_unknown)] = Field(
        default=None, description="By component; null where nothing is known"
    )
    attempt: Count | None = Field(default=None, ge=1)
    campaign: str | None = Field(default=None, max_length=128)
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _end_follows_start(self) -> Self:
        if self.end_time is None:
            if self.duration_seconds is not None:
                self.end_time = to_utc(self.start_time + timedelta(seconds=self.duration_seconds))
            return self
        seconds = (self.end_time - self.start_time).total_seconds()
        if seconds < 0:
            raise ValueError("end_time is before start_time")
        if seconds > MAX_CALL_SECONDS:
            raise ValueError("end_time is more than 7 days after start_time")
        if self.duration_seconds is None:
            self.duration_seconds = seconds
        elif abs(self.duration_seconds - seconds) > max(ROUNDING_SECONDS, seconds * ROUNDING_SHARE):
            raise ValueError(
                f"duration_seconds is {self.duration_seconds:,g}, but start_time and end_time are "
                f"{seconds:,g} s apart; leave it out, or is it in another unit?"
            )
        return self


class TurnMetrics(BaseModel):
    """One exchange of a call: the lead speaks, the agent answers. Latencies in milliseconds."""

    model_config = ConfigDict(extra="forbid")

    call_id: str = Field(min_length=1, max_length=256)
    turn: Count = Field(ge=1, description="1 is the first of the call")
    start_time: UtcDatetime
    language: Language = "unknown"
    end_of_turn_delay_ms: Milliseconds | None = Field(
        default=None, description="From the lead's last word to the decision that the turn is over"
    )
    asr_ms: Milliseconds | None = None
    llm_ttft_ms: Milliseconds | None = Field(default=None, description="To the model's first token")
    tts_ttfb_ms: Milliseconds | None = Field(default=None, description="To the first byte of speech")
    e2e_ms: Milliseconds | None = Field(
        default=None, description="From the lead's last word to the agent's first sound; measured, not a sum"
    )
    interrupted: bool = Field(default=False, description="The lead cut the agent short")


class ServiceError(StrEnum):
    """How a request failed."""

    SERVER_ERROR = "5xx"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"


class ServiceSample(BaseModel):
    """One request: to the agent's own API (``service`` is ``api``), or to a service that it uses."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    service: str = Field(min_length=1, max_length=128, description="api, or the provider: deepgram")
    operation: str = Field(
        min_length=1, max_length=256, description="Route or method, without ids: POST /calls"
    )
    duration_ms: Milliseconds
    error: ServiceError | None = None
    at: UtcDatetime = Field(default_factory=lambda: to_utc(utc_now()), description="When it ended")


class ServiceMinute(BaseModel):
    """The requests of one minute, by service, operation and the process that made them."""

    model_config = ConfigDict(extra="forbid")

    minute: UtcDatetime = Field(description="Its first moment")
    process: str = Field(min_length=1, max_length=256, description="Host, process id, and a part of its own")
    number: Total = Field(ge=0, description="Tells the documents of a process apart")
    service: str = Field(min_length=1, max_length=128)
    operation: str = Field(min_length=1, max_length=256)
    count: Total = Field(ge=1)
    errors: dict[ServiceError, Total] = Field(default_factory=dict, description="Failed requests by kind")
    total_ms: float = Field(ge=0, description="Sum of the durations")
    min_ms: float = Field(ge=0)
    max_ms: float = Field(ge=0)
    buckets: dict[int, Total] = Field(
        default_factory=dict,
        description="Requests by the sketch bucket their time falls in",
    )


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


class CostSummary(BaseModel):
    """What calls cost, in rupees; only calls with a known cost count as ``n``."""

    n: int = Field(default=0, ge=0, description="Calls that carry a cost")
    coverage: Rate | None = Field(default=None, description="Share of all calls that carry a cost")
    asr: float = 0.0
    llm: float = 0.0
    tts: float = 0.0
    telephony: float = 0.0
    total: float = 0.0
    per_call: float | None = Field(default=None, description="Total ÷ n")
    per_qualified_lead: float | None = Field(default=None, description="Total ÷ qualified calls")
    per_handoff: float | None = Field(default=None, description="Total ÷ handoffs")


NOT_MEASURED = Percentiles(n=0, coverage=None)


_FIGURES: dict[str, Any] = {
    **{
        key: (int, Field(default=0, ge=0, description=count.meaning))
        for key, count in COUNTS.items()
        if count.shown
    },
    **{key: (Rate | None, Field(default=None, description=rate.meaning)) for key, rate in RATES.items()},
    **{
        key: (Percentiles, Field(default=NOT_MEASURED, description=one.meaning))
        for key, one in DISTRIBUTIONS.items()
    },
}
_Figures = create_model("_Figures", **_FIGURES)


class CallSummary(_Figures):
    """The figures of any set of calls. Rates run from 0 to 1 and are null without calls to divide by.

    Counts, rates and distributions are those of ``core.models.definitions``.
    """

    if TYPE_CHECKING:  # what code asks for by name; the fields themselves come from the definitions
        total_calls: int = 0
        inbound_calls: int = 0
        outbound_calls: int = 0
        completed_calls: int = 0
        failed_calls: int = 0
        no_answer_calls: int = 0
        answered_calls: int = 0
        engaged_calls: int = 0
        calls_with_turns: int = 0
        interruptions: int = 0
        error_calls: int = 0
        qualified_calls: int = 0
        handoff_calls: int = 0
        answer_rate: float | None = None
        failure_rate: float | None = None
        error_rate: float | None = None
        qualification_rate: float | None = None
        handoff_rate: float | None = None
        duration_seconds: Percentiles = NOT_MEASURED
        asr_latency_ms: Percentiles = NOT_MEASURED
        tts_latency_ms: Percentiles = NOT_MEASURED
        llm_latency_ms: Percentiles = NOT_MEASURED
        e2e_latency_ms: Percentiles = NOT_MEASURED
        qualification_seconds: Percentiles = NOT_MEASURED

    cost: CostSummary = CostSummary()
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
