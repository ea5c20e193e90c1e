"""Every metric of calls, defined once: name, label, unit, meaning, and how it is counted.

Roll-ups, figures, charts, alert measures, the search for calls and the API are derived from TABLE. A count is
a set of conditions on a call's fields: ``core.aggregation.rollups.conditions`` turns them into a numpy mask
over columns and into a MongoDB query, and ``Cube.counted`` reads them from roll-up cells. A new metric is one
entry.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["calls", "share", "ms", "s", "score", "rupees", "times"]
"""A ``share`` runs from 0 to 1 and is shown in per cent."""
Good = Literal["up", "down", "neither"]
"""Which direction of change is good news."""
Test = Literal["is", "is not", "true", "known", "at least", "above", "below", "exceeds"]

Dimension = Literal["direction", "language", "status", "campaign"]
DIMENSIONS: tuple[Dimension, ...] = ("direction", "language", "status", "campaign")
"""Fields by which roll-ups divide calls; counts that depend on these alone need no column of their own."""
MOST_INTERRUPTIONS = MOST_TURNS = 10_000
"""Most interruptions counted for one call; more are a mistake and would drown all others."""
NEGATIVE_BELOW = -0.25
POSITIVE_ABOVE = 0.25


@dataclass(frozen=True)
class Condition:
    """What a field of a call must be; an unknown value meets only ``is not``.

    ``exceeds`` compares a field with another one, whose name is the ``value``. Besides the fields of
    :class:`core.models.metrics.CallMetrics` there are ``has_error`` (true with at least one error) and
    ``cost`` (known if any part of it is).
    """

    field: str
    test: Test
    value: str | float = ""


@dataclass(frozen=True)
class Metric:
    """A figure as people see it; ``of`` is what it is divided by, or the calls it is taken from."""

    key: str
    label: str
    unit: Unit
    meaning: str
    of: str = "all calls"
    good: Good = "neither"


@dataclass(frozen=True, kw_only=True)
class Count(Metric):
    """A number of calls: those that meet all conditions of ``where``.

    ``column`` is its name in frames. ``stored``, its column's place in the documents of roll-ups, is needed
    if ``where`` uses more than the DIMENSIONS; a new one takes the next number and raises
    ``codec.SCHEMA_VERSION``. With ``total_of`` it adds up that field, capped at ``most`` per call, instead of
    counting calls. One that is not ``shown`` only serves other figures.
    """

    where: tuple[Condition, ...]
    column: str
    stored: int | None = None
    total_of: str | None = None
    most: int | None = None
    shown: bool = True

    def __post_init__(self) -> None:
        beyond = [one.field for one in self.where if one.field not in DIMENSIONS]
        if (beyond or self.total_of) and self.stored is None:
            raise ValueError(
                f"{self.key} needs a stored column: roll-ups do not know {beyond or self.total_of}"
            )

    @property
    def fields(self) -> frozenset[str]:
        """Return the fields of a call that it uses."""
        held_against = {str(one.value) for one in self.where if one.test == "exceeds"}
        return frozenset(one.field for one in self.where) | held_against


@dataclass(frozen=True, kw_only=True)
class Rate(Metric):
    """The count ``part`` ÷ the count ``whole``, both by key."""

    part: str
    whole: str


@dataclass(frozen=True)
class Distribution(Metric):
    """A field of calls that is kept as a sketch: mean, percentiles and greatest value."""


_COMPLETED = "completed calls"
_MEASURED = "calls that carry the value"
_WITH_TURNS = "calls that report turns"
_IS_COMPLETED = Condition("status", "is", "completed")
_TURNS_KNOWN = (Condition("total_turns", "known"), Condition("user_turns", "known"))

TABLE: tuple[Metric, ...] = (
    Count(
        "total_calls",
        "Calls",
        "calls",
        "Recorded calls whose start falls in the period",
        where=(),
        column="n",
        stored=0,
    ),
    Count(
        "inbound_calls",
        "Inbound calls",
        "calls",
        "The lead called in",
        where=(Condition("direction", "is", "inbound"),),
        column="inbound",
    ),
    Count(
        "outbound_calls",
        "Outbound calls",
        "calls",
        "The agent called the lead",
        where=(Condition("direction", "is", "outbound"),),
        column="outbound",
    ),
    Count(
        "completed_calls",
        "Completed",
        "calls",
        "Calls that ended with status completed",
        where=(_IS_COMPLETED,),
        column="completed",
    ),
    Count(
        "failed_calls",
        "Failed",
        "calls",
        "Calls that ended with status failed",
        where=(Condition("status", "is", "failed"),),
        column="failed",
    ),
    Count(
        "no_answer_calls",
        "No answer",
        "calls",
        "Calls that were not answered",
        where=(Condition("status", "is", "no_answer"),),
        column="no_answer",
    ),
    Count(
        "answered_calls",
        "Answered",
        "calls",
        "All but no_answer; voicemail counts as no answer",
        where=(Condition("status", "is not", "no_answer"),),
        column="answered",
    ),
    Count(
        "engaged_calls",
        "Engaged",
        "calls",
        "Both sides spoke at least once",
        _WITH_TURNS,
        where=(
            *_TURNS_KNOWN,
            Condition("user_turns", "at least", 1),
            Condition("total_turns", "exceeds", "user_turns"),
        ),
        column="engaged",
        stored=4,
    ),
    Count(
        "interruptions",
        "Interruptions",
        "times",
        "Times the lead interrupted the agent",
        where=(Condition("interruptions", "known"),),
        column="interruptions",
        stored=8,
        total_of="interruptions",
        most=MOST_INTERRUPTIONS,
    ),
    Count(
        "error_calls",
        "Calls with errors",
        "calls",
        "Calls with at least one error",
        where=(Condition("has_error", "true"),),
        column="errors",
        stored=1,
    ),
    Count(
        "lost_calls",
        "Lost calls",
        "calls",
        "Calls that began and then went silent: no end was ever reported",
        good="down",
        where=(Condition("end_reason", "is", "lost"),),
        column="lost",
        stored=11,
    ),
    Count(
        "unknown_endings",
        "Unknown endings",
        "calls",
        "Calls whose end reason is not a known one",
        where=(Condition("end_reason", "is", "unknown"),),
        column="unknown_endings",
        stored=12,
    ),
    Rate(
        "answer_rate",
        "Answer rate",
        "share",
        "(total - no answer) ÷ total; voicemail counts as no answer",
        good="up",
        part="answered_calls",
        whole="total_calls",
    ),
    Rate(
        "failure_rate",
        "Call failure rate",
        "share",
        "Failed ÷ total",
        good="down",
        part="failed_calls",
        whole="total_calls",
    ),
    Rate(
        "error_rate",
        "Error rate",
        "share",
        "Calls with at least one error ÷ total",
        good="down",
        part="error_calls",
        whole="total_calls",
    ),
    Rate(
        "lost_rate",
        "Lost call rate",
        "share",
        "Lost ÷ total",
        good="down",
        part="lost_calls",
        whole="total_calls",
    ),
    Rate(
        "unknown_ending_rate",
        "Unknown ending rate",
        "share",
        "Calls with an unknown ending ÷ total",
        part="unknown_endings",
        whole="total_calls",
    ),
    Count(
        "qualified_calls",
        "Qualified leads",
        "calls",
        "Completed calls with a qualified lead",
        good="up",
        where=(_IS_COMPLETED, Condition("qualification_completed", "true")),
        column="qualified",
        stored=2,
    ),
    Rate(
        "qualification_rate",
        "Qualification rate",
        "share",
        "Qualified ÷ completed calls",
        _COMPLETED,
        "up",
        part="qualified_calls",
        whole="completed_calls",
    ),
    Count(
        "handoff_calls",
        "Handoffs",
        "calls",
        "Completed calls handed to a person",
        good="up",
        where=(_IS_COMPLETED, Condition("handoff_triggered", "true")),
        column="handoffs",
        stored=3,
    ),
    Rate(
        "handoff_rate",
        "Handoff rate",
        "share",
        "Handed to a person ÷ completed calls",
        _COMPLETED,
        "up",
        part="handoff_calls",
        whole="completed_calls",
    ),
    Distribution(
        "qualification_seconds", "Time to qualify", "s", "From the answer to qualified", _MEASURED, "down"
    ),
    Distribution(
        "duration_seconds",
        "Call duration",
        "s",
        "From the answer to the end of a call; from its start where the answer is not known",
        _MEASURED,
    ),
    Distribution(
        "e2e_latency_ms",
        "End-to-end latency",
        "ms",
        "From the lead's last word to the agent's first sound, a call's mean; measured, not a sum",
        _MEASURED,
        "down",
    ),
    Distribution(
        "llm_latency_ms", "LLM latency", "ms", "Language model, mean of a call's turns", _MEASURED, "down"
    ),
    Distribution(
        "asr_latency_ms", "ASR latency", "ms", "Speech recognition, mean of a call's turns", _MEASURED, "down"
    ),
    Distribution(
        "tts_latency_ms", "TTS latency", "ms", "Speech synthesis, mean of a call's turns", _MEASURED, "down"
    ),
    Metric(
        "sentiment_score", "Sentiment", "score", "-1 to 1; negative < -0.25, positive > 0.25", _MEASURED, "up"
    ),
    Metric(
        "cost",
        "Cost",
        "rupees",
        "Recognition, model, synthesis, telephony, platform and the rest",
        "calls with a cost",
        "down",
    ),
    Count(
        "calls_with_turns",
        "Calls with turns",
        "calls",
        "Calls that report how often each side spoke",
        where=_TURNS_KNOWN,
        column="with_turns",
        stored=5,
    ),
    Count(
        "negative_calls",
        "Negative calls",
        "calls",
        "Sentiment below -0.25",
        _MEASURED,
        where=(Condition("sentiment_score", "below", NEGATIVE_BELOW),),
        column="negative",
        stored=6,
        shown=False,
    ),
    Count(
        "positive_calls",
        "Positive calls",
        "calls",
        "Sentiment above 0.25",
        _MEASURED,
        where=(Condition("sentiment_score", "above", POSITIVE_ABOVE),),
        column="positive",
        stored=7,
        shown=False,
    ),
    Count(
        "calls_with_interruptions",
        "Calls with interruptions",
        "calls",
        "Calls that report interruptions",
        where=(Condition("interruptions", "known"),),
        column="with_interruptions",
        stored=9,
        shown=False,
    ),
    Count(
        "calls_with_cost",
        "Calls with a cost",
        "calls",
        "Calls with at least one known cost",
        where=(Condition("cost", "known"),),
        column="with_cost",
        stored=10,
        shown=False,
    ),
    Count(
        "turns",
        "Turns",
        "times",
        "Turns of all calls, the lead's and the agent's",
        where=(Condition("total_turns", "known"),),
        column="turns",
        stored=13,
        total_of="total_turns",
        most=MOST_TURNS,
        shown=False,
    ),
)

COUNTS: dict[str, Count] = {metric.key: metric for metric in TABLE if isinstance(metric, Count)}
RATES: dict[str, Rate] = {metric.key: metric for metric in TABLE if isinstance(metric, Rate)}
DISTRIBUTIONS: dict[str, Distribution] = {
    metric.key: metric for metric in TABLE if isinstance(metric, Distribution)
}
METRICS: dict[str, Metric] = {
    metric.key: metric for metric in TABLE if not isinstance(metric, Count) or metric.shown
}
"""What people are shown."""
LATENCIES = ("e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "tts_latency_ms")
PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
STATISTICS = ("mean", *PERCENTILES, "max")
"""What is computed for a distribution."""

CostPart = Literal["asr", "llm", "tts", "telephony", "platform", "other"]
"""The parts of a call's cost."""
_PART_LABELS = ("Recognition", "Model", "Synthesis", "Telephony", "Platform", "Other")
COST_PARTS: dict[str, str] = dict(zip(get_args(CostPart), _PART_LABELS, strict=True))
"""The parts with their labels; amounts are in rupees."""
COST_PER: dict[str, str] = {
    "per_call": "calls_with_cost",
    "per_qualified_lead": "qualified_calls",
    "per_handoff": "handoff_calls",
}
"""The prices: total cost ÷ this count."""
PRICES: dict[str, str] = {price: count for price, count in COST_PER.items() if count in METRICS}
"""Those of something won; the price of a call is the mean of ``cost``."""

LATENCY_LIMIT_MS = 2000.0
"""Above this, the 95th percentile of ASR or TTS is too slow: drawn in charts, alerted on."""


@dataclass(frozen=True)
class Reference:
    """A value to compare a percentile with: the limit that alerts use, or a published target."""

    percentile: str
    value: float
    kind: Literal["limit", "target"]


_LIMIT = (Reference("p95", LATENCY_LIMIT_MS, "limit"),)
REFERENCES: dict[str, tuple[Reference, ...]] = {
    "asr_latency_ms": _LIMIT,
    "tts_latency_ms": _LIMIT,
    "e2e_latency_ms": (Reference("p50", 1500.0, "target"), Reference("p95", 3500.0, "target")),
}
"""Targets for end-to-end latency are those that makers of voice agents publish."""
