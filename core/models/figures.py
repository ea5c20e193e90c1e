"""The figures made from calls: distributions, costs, the summary of a set of calls, of a day, of now."""

from datetime import date as Date  # noqa: N812 (DailyMetrics has a field of that name)
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model

from core.models.alerts import Severity
from core.models.definitions import COUNTS, DISTRIBUTIONS, RATES, Metric, Unit
from core.models.values import Rate

UNITS: dict[Unit, str] = {
    "calls": "calls",
    "share": "a share from 0 to 1",
    "ms": "milliseconds",
    "s": "seconds",
    "score": "a score from -1 to 1",
    "rupees": "rupees",
    "times": "times",
}
"""In words, for field descriptions."""


class Percentiles(BaseModel):
    """Distribution of one measure over the calls that have it, in its unit."""

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


class ErrorCount(BaseModel):
    """How often one type of error occurred."""

    type: str
    n: int = Field(ge=0, description="Errors of that type; a call may have several")


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


def _about(metric: Metric) -> str:
    return metric.meaning if metric.unit == "calls" else f"{metric.meaning}; in {UNITS[metric.unit]}"


_COUNTS: dict[str, Any] = {
    key: (int, Field(default=0, ge=0, description=_about(count)))
    for key, count in COUNTS.items()
    if count.shown
}
_RATES: dict[str, Any] = {
    key: (Rate | None, Field(default=None, description=_about(rate))) for key, rate in RATES.items()
}
_FIGURES: dict[str, Any] = {
    **_COUNTS,
    **_RATES,
    **{
        key: (Percentiles, Field(default=NOT_MEASURED, description=_about(one)))
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
    errors_by_type: list[ErrorCount] = Field(
        default_factory=list, description="Most first; of very many types the 50 most frequent"
    )


class DailyMetrics(CallSummary):
    """The figures of one local day: the calls whose start_time falls in it."""

    date: Date
    timezone: str
    computed_at: datetime


TOLD_APART = tuple(key for key, one in COUNTS.items() if one.shown and (one.stored is None or not one.where))
"""Counts that need only direction, language, status and campaign, so they are known for every quarter hour.
"""
_OF_AN_HOUR = {
    **{key: _COUNTS[key] for key in TOLD_APART},
    **{key: _RATES[key] for key, one in RATES.items() if {one.part, one.whole} <= {*TOLD_APART}},
}
_HourFigures = create_model("_HourFigures", **_OF_AN_HOUR)


class HourFigures(_HourFigures):
    """The calls that began in one hour of the day, over all days."""

    hour: int = Field(ge=0, le=23, description="Hour of the day in TIMEZONE")


class OutcomeFigures(CallSummary):
    """The calls that ended in one way."""

    status: str
    share: Rate | None = Field(description="Of all calls; a share from 0 to 1")


class LanguageFigures(CallSummary):
    """The calls in one language."""

    language: str
    share: Rate | None = Field(description="Of all calls; a share from 0 to 1")


class CallAnalytics(BaseModel):
    """The figures of a set of calls: of all of them, by how they ended, by language, by hour of the day."""

    summary: CallSummary
    by_outcome: list[OutcomeFigures] = Field(description="Most calls first")
    by_language: list[LanguageFigures] = Field(description="Most calls first")
    by_hour: list[HourFigures] = Field(description="24, from midnight")


class LiveMetrics(BaseModel):
    """What is happening now."""

    active_calls: int = Field(description="Calls that go on now: begun, and with a sign of life of late")
    calls_last_15_minutes: int = Field(description="Calls that ended in the last 15 minutes")
    last_call_ended_at: datetime | None
    active_alerts: int = Field(description="Alerts that fire now")
    alerts_by_severity: dict[Severity, int] = Field(description="The same by severity, those without any too")
    scheduler_heartbeat_at: datetime | None = Field(description="Last sign of life of the scheduler")
