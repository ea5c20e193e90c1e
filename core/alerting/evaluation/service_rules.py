"""Rules about requests to the agent's API and to the services it uses. Pure functions."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from core.aggregation.service_requests import Requests, grouped
from core.alerting.evaluation.findings import Evaluation, Labels, Measured
from core.alerting.evaluation.measures import label
from core.alerting.evaluation.thresholds import judged
from core.models.rules import AlertRule


def evaluate_requests(
    rule: AlertRule, requests: Requests, start: datetime, end: datetime, known: Collection[Labels]
) -> list[Evaluation]:
    """Judge every instance of a rule in the requests of its window, including those ``known`` from before.

    Uses the minutes that begin in the window. Percentiles are those of the stored sketches, off by 1 % at
    most.
    """
    found = []
    for row in grouped(requests, rule.group_by, rule.filters).to_dict("records"):
        labels = rule.filters | {name: str(row[name]) for name in rule.group_by}
        found.append(judged(rule, [_measured(rule, row)], start, end, labels))
    seen = [evaluation.labels for evaluation in found]
    missing = [*known] if rule.group_by else [rule.filters]
    return found + [judged(rule, [], start, end, labels) for labels in missing if labels not in seen]


def _measured(rule: AlertRule, row: dict[Any, Any]) -> Measured:
    n = int(row["n"])
    if rule.measure.unit == "share":
        return Measured(rule.name, row["errors"] / n, n, int(row["errors"]))
    return Measured(label(rule.measure), float(row[rule.measure.statistic]), n)
