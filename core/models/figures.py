"""The figures made from calls: distributions, costs, the summary of a set of calls, of a day, of now."""

from datetime import date as Date  # noqa: N812 (DailyMetrics has a field of that name)
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model

from core.models.definitions import COUNTS, DISTRIBUTIONS, RATES
from core.models.values import Rate


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
    platform: float = 0.0
    other: float = 0.0
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
        lost_calls: int = 0
        unknown_endings: int = 0
        qualified_calls: int = 0
        handoff_calls: int = 0
        answer_rate: float | None = None
        failure_rate: float | None = None
        error_rate: float | None = None
        lost_rate: float | None = None
        unknown_ending_rate: float | None = None
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
