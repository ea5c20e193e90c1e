"""Calls, their turns, and requests to services, as they are recorded."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from core.clock import to_utc, utc_now
from core.models.calls.endings import ENDINGS, ending_of
from core.models.calls.languages import NAMES, fold
from core.models.calls.parts import (
    CallCost,
    CallError,
    CallErrors,
    Compliance,
    Fault,
    HangupBy,
    Links,
    ModelUsage,
    Silence,
    Telephony,
    ToolCall,
    WaitPart,
)
from core.models.figures import (
    NOT_MEASURED,
    CallSummary,
    CostSummary,
    DailyMetrics,
    LiveMetrics,
    Percentiles,
    SentimentCounts,
)
from core.models.values import (
    MOST_TOTAL,
    WHOLE,
    Count,
    Flag,
    Language,
    Metadata,
    Milliseconds,
    Ordinal,
    Score,
    Seconds,
    Total,
    UtcDatetime,
)

__all__ = [
    "NOT_MEASURED",
    "CallCost",
    "CallError",
    "CallMetrics",
    "CallStatus",
    "CallSummary",
    "Compliance",
    "CostSummary",
    "DailyMetrics",
    "Direction",
    "Fault",
    "HangupBy",
    "Language",
    "Links",
    "LiveMetrics",
    "ModelUsage",
    "Percentiles",
    "SentimentCounts",
    "ServiceError",
    "ServiceMinute",
    "ServiceSample",
    "Silence",
    "Telephony",
    "ToolCall",
    "TurnMetrics",
    "UtcDatetime",
    "WaitPart",
]


def _none_if_unknown(cost: "CallCost | None") -> "CallCost | None":
    return cost if cost and any(value is not None for _, value in cost) else None


SCHEMA_VERSION = 3
"""1 had ``error_types``, 2 errors with type and fault, 3 has facts from several sources; all can still be
read."""
MAX_CALL_SECONDS = 7 * 86_400
_TOO_LONG = "end_time is more than 7 days after start_time"
ROUNDING_SECONDS, ROUNDING_SHARE = 2.0, 0.02
"""How far a duration may differ from start and end, as it may have been measured by another clock."""


PARTS_ROUNDING_MS = 1.0
LONGEST_TRANSCRIPT = 4_000
"""Most characters of what was said in a turn."""
_LONGEST_SEALED = 33_000
"""The same when sealed, as each character may take six bytes in JSON."""
MOST_TOOL_CALLS = 64
"""For one turn."""


class CallStatus(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"


class Direction(StrEnum):
    """Who called whom; inbound means that the lead called."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


def keep_raw(fields: object) -> object:
    """Return a call's fields with ending and language normalised, and the source's own words beside them."""
    if not isinstance(fields, dict):
        return fields
    ending, language = fields.get("end_reason"), fields.get("language")
    changed = {}
    if isinstance(ending, str) and ending not in ENDINGS:
        changed = {"end_reason": ending_of(ending), "end_reason_raw": ending[:200]}
    if isinstance(language, str) and NAMES.get(language) != language:
        folded, raw = fold(language), language.strip()
        if raw and folded != raw.lower():
            changed["language_raw"] = raw[:64]
    return fields | changed if changed else fields


EndReason = Annotated[str, Field(max_length=64), WithJsonSchema({"type": "string"}, mode="validation")]
"""Any word is mapped to one of the list; the original is kept, shortened if need be."""


def _agree(told: float, seconds: float) -> bool:
    off = abs(told - seconds)
    return off <= ROUNDING_SECONDS or off <= seconds * ROUNDING_SHARE


class CallMetrics(BaseModel):
    """One call, recorded when it is over.

    Times without a zone are read in TIMEZONE and stored in UTC. Either ``end_time`` or ``duration_seconds``
    may be left out; it follows from the other. The duration runs from ``answered_at`` if that is known, else
    from ``start_time``. Latencies are in milliseconds, the mean of the call's turns. If a language or an
    ending is spelt in an uncommon way, the original is kept in ``language_raw`` and ``end_reason_raw``.
    """

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    call_id: str = Field(min_length=1, max_length=256, description="The same in every report of the call")
    lead_id: str | None = Field(
        default=None, max_length=256, description="Who is called; the same for every attempt"
    )
    start_time: UtcDatetime = Field(description="When it was dialled, or came in")
    answered_at: UtcDatetime | None = None
    end_time: UtcDatetime | None = Field(default=None, description="Follows from the duration if left out")
    duration_seconds: Seconds | None = Field(
        default=None, description="From the answer if that is known, else from the start"
    )
    ring_seconds: Seconds | None = Field(default=None, description="How long it rang before the answer")
    talk_seconds: Seconds | None = Field(default=None, description="What the carrier counts as conversation")
    status: CallStatus
    direction: Direction
    language: Language = "unknown"
    language_raw: str | None = Field(default=None, max_length=64, description="As it was given: hi-IN")
    asr_latency_ms: Milliseconds | None = Field(
        default=None, description="Speech recognition, mean of the turns"
    )
    llm_latency_ms: Milliseconds | None = Field(default=None, description="Language model, mean of the turns")
    tts_latency_ms: Milliseconds | None = Field(
        default=None, description="Speech synthesis, mean of the turns"
    )
    e2e_latency_ms: Milliseconds | None = Field(
        default=None, description="From the user's last word to the agent's first sound; measured, not a sum"
    )
    total_turns: Count | None = Field(default=None, description="Of both speakers")
    user_turns: Count | None = Field(default=None, description="Turns of total_turns that the lead spoke")
    interruptions: Count | None = Field(default=None, description="Times the lead cut the agent short")
    agent_interruptions: Count | None = Field(default=None, description="Times the agent cut the lead short")
    silences: list[Silence] | None = Field(default=None, max_length=1_000)
    qualification_completed: Flag = False
    qualification: str | None = Field(
        default=None, max_length=64, description="What the lead qualified for: public_secured"
    )
    qualification_seconds: Seconds | None = Field(
        default=None, description="From the answer to qualification_completed"
    )
    handoff_triggered: Flag = False
    handoff_answered_at: UtcDatetime | None = Field(
        default=None, description="When a person took the call over; null where nobody did, or nobody says"
    )
    handoff_wait_seconds: Seconds | None = Field(
        default=None, description="From the offer to a person's answer, or to the end of the wait without one"
    )
    sentiment_score: Score | None = Field(default=None, description="From -1, negative, to 1, positive")
    errors: CallErrors = Field(
        default_factory=list, max_length=1_000, validation_alias=AliasChoices("errors", "error_types")
    )
    end_reason: EndReason | None = Field(
        default=None, description="One of core.models.calls.endings: busy, voicemail …"
    )
    end_reason_raw: str | None = Field(
        default=None, max_length=200, description="As it was given, where that is another word"
    )
    hangup_by: HangupBy | None = None
    fault: Fault | None = Field(default=None, description="Whose fault it is that the call ended so")
    cost: Annotated[CallCost | None, AfterValidator(_none_if_unknown)] = Field(
        default=None, description="By component; null where nothing is known"
    )
    usage: list[ModelUsage] | None = Field(
        default=None, max_length=100, description="By model; a part of the cost that is not given follows"
    )
    attempt: Ordinal | None = Field(default=None, description="1 is the first call to the lead")
    campaign: str | None = Field(default=None, max_length=128)
    purpose: str | None = Field(default=None, max_length=64, description="sales, service, recovery …")
    agent: str | None = Field(default=None, max_length=128, description="Which agent took the call")
    agent_version: str | None = Field(default=None, max_length=64)
    provider_call_id: str | None = Field(
        default=None, max_length=256, description="The carrier's or platform's id of the call"
    )
    telephony: Telephony | None = None
    links: Links | None = None
    compliance: Compliance | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keep_raw(cls, fields: object) -> object:
        return keep_raw(fields)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        # One validator for both, as each costs every recorded call a step out of the compiled validation.
        if self.end_reason is not None and self.fault is None:
            fault = ENDINGS[self.end_reason].fault
            self.fault = None if fault is None else Fault(fault)
        self._end_follows_start()
        return self

    def _end_follows_start(self) -> None:
        begin = self.start_time if self.answered_at is None else self._answer_follows_start(self.answered_at)
        if self.end_time is None:
            if self.duration_seconds is not None:
                self._end_after(begin, self.duration_seconds)
            return
        seconds = whole = (self.end_time - self.start_time).total_seconds()
        if self.answered_at is not None:
            seconds = (self.end_time - begin).total_seconds()
        if whole < 0:
            raise ValueError("end_time is before start_time")
        if seconds < 0:
            raise ValueError("answered_at is after end_time")
        if whole > MAX_CALL_SECONDS:
            raise ValueError(_TOO_LONG)
        if self.duration_seconds is None:
            self.duration_seconds = seconds
        elif _agree(self.duration_seconds, seconds):
            return
        elif _agree(self.duration_seconds, whole):  # measured from the start although the answer is known
            self.duration_seconds = seconds
        else:
            raise ValueError(
                f"duration_seconds is {self.duration_seconds:,g}, but start_time and end_time are "
                f"{seconds:,g} s apart; leave it out, or is it in another unit?"
            )

    def _end_after(self, begin: datetime, seconds: float) -> None:
        self.end_time = to_utc(begin + timedelta(seconds=seconds))
        # The duration is within its bounds, but the call may have rung before.
        if (self.end_time - self.start_time).total_seconds() > MAX_CALL_SECONDS:
            raise ValueError(_TOO_LONG)

    def _answer_follows_start(self, answered_at: datetime) -> datetime:
        """The moment that the duration runs from."""
        ringing = (answered_at - self.start_time).total_seconds()
        if ringing < 0:
            raise ValueError("answered_at is before start_time")
        if self.ring_seconds is None:
            self.ring_seconds = ringing
        return answered_at


def _not_too_long(said: str) -> str:
    if len(said) > (_LONGEST_SEALED if said.startswith("enc:1:") else LONGEST_TRANSCRIPT):
        raise ValueError(f"has more than {LONGEST_TRANSCRIPT:,} characters")
    return said


Transcript = Annotated[
    str,
    AfterValidator(_not_too_long),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_TRANSCRIPT}),
]


class TurnMetrics(BaseModel):
    """One exchange of a call: the lead speaks, the agent answers. Latencies in milliseconds."""

    model_config = ConfigDict(extra="forbid")

    call_id: str = Field(min_length=1, max_length=256)
    turn: Ordinal = Field(description="1 is the first of the call")
    start_time: UtcDatetime | None = Field(
        default=None, description="When the lead began to speak; some platforms do not tell"
    )
    language: Language = Field(default="unknown", description="That the lead spoke")
    reply_language: Language | None = Field(default=None, description="That the agent answered in")
    end_of_turn_delay_ms: Milliseconds | None = Field(
        default=None, description="From the lead's last word to the decision that the turn is over"
    )
    asr_ms: Milliseconds | None = None
    llm_ttft_ms: Milliseconds | None = Field(default=None, description="To the model's first token")
    tts_ttfb_ms: Milliseconds | None = Field(default=None, description="To the first byte of speech")
    e2e_ms: Milliseconds | None = Field(
        default=None, description="From the lead's last word to the agent's first sound; measured, not a sum"
    )
    interrupted: Flag = Field(default=False, description="The lead cut the agent short")
    lead_speech_ms: Milliseconds | None = Field(
        default=None, description="From the lead's first word to the last; the wait begins at its end"
    )
    agent_speech_ms: Milliseconds | None = Field(
        default=None, description="From the agent's first sound to the last, also where it was cut short"
    )
    tool_calls: list[ToolCall] | None = Field(
        default=None, max_length=MOST_TOOL_CALLS, description="What the agent looked up or set off"
    )
    parts: list[WaitPart] | None = Field(
        default=None, max_length=32, description="What e2e_ms is made of, in the order of time"
    )
    parts_add_up: Flag | None = Field(
        default=None, description="Whether the parts make up e2e_ms, within 1 ms; null without either"
    )
    source: str | None = Field(default=None, max_length=32, description="Who reported it, if not the agent")
    transcript: Transcript | None = Field(
        default=None, description="What was said, by whom; encrypted before it is stored, or left out"
    )

    @property
    def switched_language(self) -> bool:
        """Return whether the agent answered in another language than the lead's."""
        return self.reply_language not in {None, "unknown", self.language} and self.language != "unknown"

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.parts and self.e2e_ms is not None:
            self.parts_add_up = abs(sum(part.ms for part in self.parts) - self.e2e_ms) <= PARTS_ROUNDING_MS
        else:
            self.parts_add_up = None
        return self


class ServiceError(StrEnum):
    """How a request failed."""

    SERVER_ERROR = "5xx"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"


class ServiceSample(BaseModel):
    """One request: to the agent's own API (``service`` is ``api``), or to a service it uses."""

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
    number: Total = Field(description="Tells the documents of a process apart")
    service: str = Field(min_length=1, max_length=128)
    operation: str = Field(min_length=1, max_length=256)
    count: Annotated[int, Field(ge=1, le=MOST_TOTAL), WHOLE]
    errors: dict[ServiceError, Total] = Field(default_factory=dict, description="Failed requests by kind")
    total_ms: float = Field(ge=0, description="Sum of the durations")
    min_ms: float = Field(ge=0)
    max_ms: float = Field(ge=0)
    buckets: dict[int, Total] = Field(
        default_factory=dict,
        description="Requests by the sketch bucket their time falls in",
    )
