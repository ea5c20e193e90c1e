"""What a rule measures, from a frame of calls: exact, and the same as the figures of the dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from core.aggregation.definitions import METRICS, PERCENTILES
from core.alerting.hours import Hours
from core.models.rules import AlertRule, RuleMetric

Flags = Callable[[pd.DataFrame], "pd.Series[bool]"]


def _status(*wanted: str) -> Flags:
    return lambda calls: calls["status"].isin(wanted)


def _completed_and(flag: str) -> Flags:
    return lambda calls: (calls["status"] == "completed") & calls[flag]


_ALL: Flags = lambda calls: pd.Series(data=True, index=calls.index)  # noqa: E731 (one of a family)
_COUNTS: dict[str, Flags] = {
    "total_calls": _ALL,
    "inbound_calls": lambda calls: calls["direction"] == "inbound",
    "outbound_calls": lambda calls: calls["direction"] == "outbound",
    "completed_calls": _status("completed"),
    "failed_calls": _status("failed"),
    "no_answer_calls": _status("no_answer"),
    "error_calls": lambda calls: calls["has_error"],
    "qualified_calls": _completed_and("qualification_completed"),
    "handoff_calls": _completed_and("handoff_triggered"),
}
_SHARES: dict[str, tuple[Flags, Flags]] = {
    "failure_rate": (_COUNTS["failed_calls"], _ALL),
    "error_rate": (_COUNTS["error_calls"], _ALL),
    "answer_rate": (lambda calls: calls["status"] != "no_answer", _ALL),
    "qualification_rate": (_COUNTS["qualified_calls"], _COUNTS["completed_calls"]),
    "handoff_rate": (_COUNTS["handoff_calls"], _COUNTS["completed_calls"]),
}
_LABELS = {
    "qualification_seconds": "Qualification time",
    "llm_latency_ms": "LLM latency",
    "e2e_latency_ms": "End-to-end latency",
    "calling_hours_violations": "Calls outside the calling hours",
    "minutes_without_calls": "Time without calls",
}


@dataclass(frozen=True)
class Measured:
    """What was measured: a value of so many samples; a share also has the ``count`` it is made of."""

    label: str
    value: float
    samples: int
    count: int | None = None


@dataclass(frozen=True)
class Scope:
    """What a measure needs to know besides the calls: when, and within which hours calls are expected."""

    start: datetime
    end: datetime
    calling_hours: Hours
    active_hours: Hours | None = None


def measure(rule: AlertRule, calls: pd.DataFrame, scope: Scope) -> list[Measured]:
    """What the calls of a window show: one value, or one for each field of a metric that takes the worst."""
    metric = rule.measure
    if metric.unit == "share":
        return _share(rule, metric, calls)
    if metric.name == "minutes_without_calls":
        return [_without_calls(metric, calls, scope)]
    if metric.name == "calling_hours_violations":
        outside = calls[_COUNTS["outbound_calls"](calls)]["start_time"]
        count = sum(not scope.calling_hours.cover(moment.to_pydatetime()) for moment in outside)
        return [Measured(label(metric), count, len(calls))]
    if metric.unit == "calls":
        return [Measured(label(metric), int(_COUNTS[metric.name](calls).sum()), len(calls))]
    return [
        Measured(label(metric, field), statistic(present, metric.statistic), len(present))
        for field in metric.fields
        if len(present := calls[field].dropna().to_numpy(dtype=float))
    ]


def label(metric: RuleMetric, field: str | None = None) -> str:
    """What people call a metric: ``ASR latency (p95)``."""
    name = field or metric.fields[0]
    words = METRICS[name].label if name in METRICS else _LABELS.get(name, name)
    return f"{words} ({metric.statistic})" if metric.statistic else words


def statistic(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", name: str) -> float:
    """A statistic of at least one value; percentiles are exact (numpy's ``inverted_cdf``)."""
    if name == "mean":
        return float(values.mean())
    if name == "max":
        return float(values.max())
    return float(np.quantile(values, PERCENTILES[name], method="inverted_cdf"))


def _share(rule: AlertRule, metric: RuleMetric, calls: pd.DataFrame) -> list[Measured]:
    part, whole = (int(flags(calls).sum()) for flags in _SHARES[metric.fields[0]])
    return [Measured(rule.name, part / whole, whole, part)] if whole else []


def _without_calls(metric: RuleMetric, calls: pd.DataFrame, scope: Scope) -> Measured:
    """Minutes since the last call ended or, if later, since calls are expected; 0 while none are."""
    since = scope.start if calls.empty else calls["end_time"].max().to_pydatetime()
    if scope.active_hours is not None:
        opened = scope.active_hours.open_since(scope.end)
        since = scope.end if opened is None else max(since, opened)
    return Measured(label(metric), (scope.end - since).total_seconds() / 60, len(calls))
