"""What every metric means: the one place that names, units and thresholds come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Unit = Literal["calls", "share", "ms", "s", "score", "rupees", "times"]


@dataclass(frozen=True)
class Metric:
    """A figure as people see it: ``of`` is what it is divided by, or the calls that it is taken from.

    A ``share`` runs from 0 to 1 and is shown in per cent.
    """

    key: str
    label: str
    unit: Unit
    meaning: str
    of: str = "all calls"


_COMPLETED = "completed calls"
_MEASURED = "calls that carry the value"
_WITH_TURNS = "calls that say who spoke how often"
METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("total_calls", "Calls", "calls", "Recorded calls whose start falls in the period"),
        Metric("inbound_calls", "Inbound calls", "calls", "The lead phoned in"),
        Metric("outbound_calls", "Outbound calls", "calls", "The agent phoned the lead"),
        Metric("completed_calls", "Completed", "calls", "Calls that ended with status completed"),
        Metric("failed_calls", "Failed", "calls", "Calls that ended with status failed"),
        Metric("no_answer_calls", "No answer", "calls", "Calls that nobody took"),
        Metric("answered_calls", "Answered", "calls", "All but no_answer; a voicemail is no answer"),
        Metric("engaged_calls", "Engaged", "calls", "Both sides spoke at least once", _WITH_TURNS),
        Metric("interruptions", "Interruptions", "times", "Times that leads cut the agent short"),
        Metric("error_calls", "Calls with errors", "calls", "Calls with at least one error"),
        Metric(
            "answer_rate", "Answer rate", "share", "(total - no answer) ÷ total; a voicemail is no answer"
        ),
        Metric("failure_rate", "Call failure rate", "share", "Failed ÷ total"),
        Metric("error_rate", "Error rate", "share", "Calls with at least one error ÷ total"),
        Metric("qualified_calls", "Qualified leads", "calls", "Completed calls with a qualified lead"),
        Metric(
            "qualification_rate", "Qualification rate", "share", "Qualified ÷ completed calls", _COMPLETED
        ),
        Metric("handoff_calls", "Handoffs", "calls", "Completed calls handed to a person"),
        Metric("handoff_rate", "Handoff rate", "share", "Handed to a person ÷ completed calls", _COMPLETED),
        Metric("qualification_seconds", "Time to qualify", "s", "From the answer to qualified", _MEASURED),
        Metric("duration_seconds", "Call duration", "s", "From start to end of a call", _MEASURED),
        Metric(
            "e2e_latency_ms",
            "End-to-end latency",
            "ms",
            "From the lead's last word to the agent's first sound, a call's mean; measured, not a sum",
            _MEASURED,
        ),
        Metric("llm_latency_ms", "LLM latency", "ms", "Language model, mean of a call's turns", _MEASURED),
        Metric(
            "asr_latency_ms", "ASR latency", "ms", "Speech recognition, mean of a call's turns", _MEASURED
        ),
        Metric("tts_latency_ms", "TTS latency", "ms", "Speech synthesis, mean of a call's turns", _MEASURED),
        Metric(
            "sentiment_score", "Sentiment", "score", "-1 to 1; negative < -0.25, positive > 0.25", _MEASURED
        ),
        Metric("cost", "Cost", "rupees", "Recognition, model, synthesis and telephony", "calls with a cost"),
    )
}

LATENCIES = ("e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "tts_latency_ms")
PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
NEGATIVE_BELOW = -0.25
POSITIVE_ABOVE = 0.25
SENTIMENT_EDGES = np.round(np.arange(-1, 1.025, 0.05), 2)
"""Bins of the sentiment histogram."""
LATENCY_LIMIT_MS = 2000.0
"""Above this the 95th percentile of ASR or TTS is too slow: drawn in charts, alerted on."""


@dataclass(frozen=True)
class Reference:
    """A value to hold a percentile against: the limit that alerts use, or a published target."""

    percentile: str
    value: float
    kind: Literal["limit", "target"]


_LIMIT = (Reference("p95", LATENCY_LIMIT_MS, "limit"),)
REFERENCES: dict[str, tuple[Reference, ...]] = {
    "asr_latency_ms": _LIMIT,
    "tts_latency_ms": _LIMIT,
    "e2e_latency_ms": (
        Reference("p50", 1500.0, "target"),
        Reference("p95", 3500.0, "target"),
    ),
}
"""Targets of end-to-end latency are those that makers of voice agents publish."""
