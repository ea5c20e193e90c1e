"""What every metric means: the one place that names, units and thresholds come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Unit = Literal["calls", "share", "ms", "s", "score"]


@dataclass(frozen=True)
class Metric:
    """A figure as people see it. A ``share`` runs from 0 to 1 and is shown in per cent."""

    key: str
    label: str
    unit: Unit
    meaning: str


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("total_calls", "Calls", "calls", "Recorded calls whose start falls in the period"),
        Metric("inbound_calls", "Inbound calls", "calls", "The lead phoned in"),
        Metric("outbound_calls", "Outbound calls", "calls", "The agent phoned the lead"),
        Metric("completed_calls", "Completed", "calls", "Calls that ended with status completed"),
        Metric("failed_calls", "Failed", "calls", "Calls that ended with status failed"),
        Metric("no_answer_calls", "No answer", "calls", "Calls that nobody took"),
        Metric(
            "answer_rate", "Answer rate", "share", "(total - no answer) ÷ total; a voicemail is no answer"
        ),
        Metric("failure_rate", "Call failure rate", "share", "Failed ÷ total"),
        Metric("error_rate", "Error rate", "share", "Calls with at least one error ÷ total"),
        Metric("qualification_rate", "Qualification rate", "share", "Qualified ÷ completed calls"),
        Metric("handoff_rate", "Handoff rate", "share", "Handed to a person ÷ completed calls"),
        Metric("duration_seconds", "Call duration", "s", "From start to end of a call"),
        Metric("asr_latency_ms", "ASR latency", "ms", "Speech recognition, mean of a call's turns"),
        Metric("tts_latency_ms", "TTS latency", "ms", "Speech synthesis, mean of a call's turns"),
        Metric("sentiment_score", "Sentiment", "score", "-1 to 1; negative < -0.25, positive > 0.25"),
    )
}

LATENCIES = ("asr_latency_ms", "tts_latency_ms")
PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
NEGATIVE_BELOW = -0.25
POSITIVE_ABOVE = 0.25
SENTIMENT_EDGES = np.round(np.arange(-1, 1.025, 0.05), 2)
"""Bins of the sentiment histogram."""
LATENCY_LIMIT_MS = 2000.0
"""Above this the 95th percentile of ASR or TTS is too slow: drawn in charts, alerted on."""
