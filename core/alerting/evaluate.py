"""From the calls of a rule's window to a verdict: pure functions, exact to the last call."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from fractions import Fraction

import pandas as pd

from core.aggregation.calls import TimeField
from core.aggregation.definitions import METRICS
from core.aggregation.summary import summarise
from core.models.alerts import AlertRule, MetricName
from core.models.metrics import CallSummary, LatencyField

_COUNTED: dict[MetricName, str] = {"call_failure_rate": "failed_calls", "error_rate": "error_calls"}
_LATENCIES: dict[MetricName, tuple[LatencyField, ...]] = {
    "asr_latency_p95_ms": ("asr_latency_ms",),
    "tts_latency_p95_ms": ("tts_latency_ms",),
    "speech_latency_p95_ms": ("asr_latency_ms", "tts_latency_ms"),
}
_MINUTES_A_DAY = 24 * 60


class Verdict(StrEnum):
    """What the calls of a window say about a rule."""

    BREACH = "breach"
    OK = "ok"
    TOO_FEW = "too few calls"


@dataclass(frozen=True)
class Measured:
    """What was measured: a share with its count, or a 95th percentile in milliseconds."""

    label: str
    value: float
    samples: int
    count: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """A rule's verdict over the calls of its window [start, end)."""

    rule: AlertRule
    start: datetime
    end: datetime
    verdict: Verdict
    measured: Measured | None
    samples: int


@dataclass(frozen=True)
class Window:
    """The calls a rule looks at: those whose ``by`` lies in the half-open period [start, end)."""

    start: datetime
    end: datetime
    by: TimeField


def window(rule: AlertRule, at: datetime, zone: tzinfo) -> Window:
    """The window of a rule at a moment.

    Calls of a short window are those that ended in it: by their start, quick failures would arrive before
    long successes and inflate the newest minutes. A window of whole days is made of the zone's own days
    and counts by the start, as the daily figures do: at midnight it is the local day before, with the very
    calls that the dashboard shows for that day, also where it had 23 or 25 hours.
    """
    minutes = rule.window_minutes
    if minutes % _MINUTES_A_DAY:
        return Window(at - timedelta(minutes=minutes), at, "end_time")
    local = at.astimezone(zone) - timedelta(days=minutes // _MINUTES_A_DAY)
    return Window(local.astimezone(at.tzinfo), at, "start_time")


def evaluate(rule: AlertRule, calls: pd.DataFrame, start: datetime, end: datetime) -> Evaluation:
    """Judge the calls of the rule's window [start, end): a breach is strictly above the threshold."""
    candidates = _measure(rule, summarise(calls))
    samples = max((measured.samples for measured in candidates), default=0)
    enough = [measured for measured in candidates if measured.samples >= rule.min_samples]
    if not enough:
        return Evaluation(rule, start, end, Verdict.TOO_FEW, None, samples)
    worst = max(enough, key=lambda measured: measured.value)
    verdict = Verdict.BREACH if _above(worst, rule.threshold) else Verdict.OK
    return Evaluation(rule, start, end, verdict, worst, worst.samples)


def _measure(rule: AlertRule, summary: CallSummary) -> list[Measured]:
    if rule.metric in _COUNTED:
        count, total = getattr(summary, _COUNTED[rule.metric]), summary.total_calls
        return [Measured(rule.name, count / total, total, count)] if total else []
    found = [(field, getattr(summary, field)) for field in _LATENCIES[rule.metric]]
    return [
        Measured(f"{METRICS[field].label} (p95)", latency.p95, latency.n)
        for field, latency in found
        if latency.p95 is not None
    ]


def _above(measured: Measured, threshold: float) -> bool:
    """Compared as fractions: 25 of 250 is 0.10, not a hair above it."""
    if measured.count is None:
        return measured.value > threshold
    return Fraction(measured.count, measured.samples) > Fraction(repr(threshold))
