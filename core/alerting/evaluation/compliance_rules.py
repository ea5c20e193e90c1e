"""Alert rules about the rules of calling: how many calls of a window violate one of them, or any."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import pandas as pd
from pymongo.database import Database

from core.aggregation.compliance.judge import Judged
from core.aggregation.compliance.read import load_compliance
from core.aggregation.rollups.call_frames import TimeField
from core.alerting.evaluation.findings import Evaluation, Labels, Measured
from core.alerting.evaluation.measures import label
from core.alerting.evaluation.thresholds import judged
from core.models.rule_metrics import ANY_VIOLATION
from core.models.rules import LABELS, AlertRule
from core.types import Document


@dataclass(frozen=True)
class Violations:
    """The calls of a period, and one row for each rule that a call violates."""

    calls: pd.DataFrame
    rows: pd.DataFrame
    by: TimeField

    @classmethod
    def of(cls, found: Judged, by: TimeField) -> Self:
        """Return it from judged calls, restricted to a period by one of their times."""
        calls = found.frame[["call_id", "start_time", "end_time", *LABELS]].copy()
        calls["end_time"] = calls["end_time"].fillna(calls["start_time"])
        calls[list(LABELS)] = calls[list(LABELS)].astype(object).fillna("")
        # Without calls, pandas takes the ids of one of the two for numbers, and would refuse to compare them.
        kinds = found.violations[["call_id", "kind"]].astype({"call_id": calls["call_id"].dtype})
        return cls(calls, calls.merge(kinds, on="call_id"), by)

    def between(self, start: datetime, end: datetime) -> Self:
        """Return those of [start, end)."""
        calls, rows = (
            frame[(frame[self.by] >= start) & (frame[self.by] < end)] for frame in (self.calls, self.rows)
        )
        return type(self)(calls, rows, self.by)


def load_violations(
    database: Database[Document], start: datetime, end: datetime, by: TimeField
) -> Violations:
    """Check the calls of [start, end) against the rules of calling.

    Raises:
        PyMongoError: the database does not answer.
    """
    return Violations.of(load_compliance(database, start, end, by=by), by)


def evaluate_violations(
    rule: AlertRule, found: Violations, start: datetime, end: datetime, known: Collection[Labels]
) -> list[Evaluation]:
    """Judge every instance of a rule in the calls of its window, including those ``known`` from before."""
    calls, rows = _chosen(rule, found.calls), _chosen(rule, found.rows)
    if rule.metric != ANY_VIOLATION:
        rows = rows[rows["kind"] == rule.metric.removesuffix("_violations")]
    labels = list(rule.group_by)
    if not labels:
        return [judged(rule, [_measured(rule, calls, rows)], start, end, rule.filters)]
    violating = {key: part for key, part in rows.groupby(labels)}  # noqa: C416 (mypy knows no dict() of it)
    instances = [
        (rule.filters | dict(zip(labels, map(str, key), strict=True)), part, violating.get(key, rows[:0]))
        for key, part in calls.groupby(labels)
    ]
    made = [judged(rule, [_measured(rule, part, bad)], start, end, named) for named, part, bad in instances]
    seen = [named for named, _, _ in instances]
    return made + [judged(rule, [], start, end, one) for one in known if one not in seen]


def _chosen(rule: AlertRule, frame: pd.DataFrame) -> pd.DataFrame:
    for name, value in rule.filters.items():
        frame = frame[frame[name] == value]
    return frame


def _measured(rule: AlertRule, calls: pd.DataFrame, rows: pd.DataFrame) -> Measured:
    return Measured(label(rule.measure), int(rows["call_id"].nunique()), len(calls))
