"""What a rule measures: exact, and the same as the dashboard's figures."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.aggregation.rollups.cells import Floats
from core.aggregation.rollups.sketch import exact
from core.alerting.evaluation.call_columns import CallColumns, moment_of
from core.alerting.evaluation.findings import Measured
from core.models.calls.calling_rules import CALLING_RULES
from core.models.definitions import COUNTS, METRICS, RATES
from core.models.hours import Hours, open_since
from core.models.rule_metrics import ANY_VIOLATION, RuleMetric
from core.models.rules import AlertRule

_LABELS = {
    "cost_rupees": "Cost per call",
    "service_latency_ms": "Service latency",
    ANY_VIOLATION: "Calls that violate a calling rule",
    **{rule.metric: f"Calls {rule.label.lower()}" for rule in CALLING_RULES.values()},
    "minutes_without_calls": "Time without calls",
}


@dataclass(frozen=True)
class Scope:
    """What a measure needs besides the calls: the time, and the hours in which calls are expected."""

    start: datetime
    end: datetime
    active_hours: tuple[Hours, ...] = ()
    """None means that calls are expected at any time."""


def fields_of(rule: AlertRule) -> frozenset[str]:
    """Return the fields of calls that a rule about calls needs, besides their times."""
    metric = rule.measure
    labels = {*rule.filters, *rule.group_by}
    if metric.unit == "share":
        rate = RATES[metric.fields[0]]
        return COUNTS[rate.part].fields | COUNTS[rate.whole].fields | labels
    if metric.unit == "calls":
        return COUNTS[metric.name].fields | labels
    if metric.per:
        return COUNTS[metric.per].fields | {*metric.fields, *labels}
    return frozenset(labels if metric.unit == "min" else {*metric.fields, *labels})


def measure(rule: AlertRule, calls: CallColumns, scope: Scope) -> list[Measured]:
    """Return what a window's calls show: one value, or one per field for a metric that takes the worst."""
    metric = rule.measure
    if metric.unit == "share":
        return _share(rule, metric, calls)
    if metric.name == "minutes_without_calls":
        return [_without_calls(metric, calls, scope)]
    if metric.unit == "calls":
        return [Measured(label(metric), _count(calls, metric.name), len(calls))]
    if metric.per:
        return _price(metric, calls)
    return [
        Measured(label(metric, field), statistic(present, metric.statistic), len(present))
        for field in metric.fields
        if len(present := _present(calls.columns[field]))
    ]


def _price(metric: RuleMetric, calls: CallColumns) -> list[Measured]:
    known, bought = _present(calls.columns[metric.fields[0]]), _count(calls, metric.per)
    return [Measured(label(metric), float(known.sum()) / bought, bought)] if bought and len(known) else []


def _count(calls: CallColumns, flag: str) -> int:
    return int(np.count_nonzero(calls.columns[flag]))


def _present(values: Floats) -> Floats:
    there: Floats = values[~np.isnan(values)]
    return there


def label(metric: RuleMetric, field: str | None = None) -> str:
    """Return what people call a metric: ``ASR latency (p95)``."""
    if metric.per:
        return f"Cost per {COUNTS[metric.per].label.lower().removesuffix('s')}"
    name = field or metric.fields[0]
    words = METRICS[name].label if name in METRICS else _LABELS.get(name, name)
    return f"{words} ({metric.statistic})" if metric.statistic else words


def statistic(values: Floats, name: str) -> float:
    """Return a statistic of at least one value; percentiles are exact."""
    if name == "mean":
        return float(values.mean())
    if name == "max":
        return float(values.max())
    (percentile,) = exact(values, name)
    return percentile


def _share(rule: AlertRule, metric: RuleMetric, calls: CallColumns) -> list[Measured]:
    rate = RATES[metric.fields[0]]
    part, whole = (_count(calls, key) for key in (rate.part, rate.whole))
    return [Measured(rule.name, part / whole, whole, part)] if whole else []


def _without_calls(metric: RuleMetric, calls: CallColumns, scope: Scope) -> Measured:
    """Return the minutes since the last call ended or, if later, since calls are expected.

    0 while none are.
    """
    since = moment_of(calls.columns["end_time"].max()) if len(calls) else scope.start
    if scope.active_hours:
        opened = open_since(scope.active_hours, scope.end, scope.start)
        since = scope.end if opened is None else max(since, opened)
    return Measured(label(metric), (scope.end - since).total_seconds() / 60, len(calls))
