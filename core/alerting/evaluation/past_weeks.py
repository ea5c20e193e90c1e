"""What a rule measured in windows of past weeks, from roll-ups: cheap, and available for archived calls."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from pymongo.database import Database

from core.aggregation.activity import oldest_call_start
from core.aggregation.cube import Cube, load_cube
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.cells import MEASURES, SENTIMENT, SUM, Floats, Ints
from core.aggregation.series import percentile_table
from core.alerting.evaluation.findings import Key, key_of
from core.models.definitions import RATES
from core.models.rule_metrics import RuleMetric
from core.models.rules import AlertRule
from core.storage.collections import ROLLUPS_15M
from core.types import Document, Period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_past(database: Database[Document], rule: AlertRule, periods: Sequence[Period]) -> "Past":
    """Load the periods that the windows are in.

    Raises:
        PyMongoError: the database does not answer.
    """
    metric, filters = rule.measure, CallFilters(**rule.filters)
    fields = [field for field in metric.fields if field in MEASURES]
    by_campaign = "campaign" in rule.group_by
    cubes = [
        load_cube(database, *period, filters, bucket="15min", fields=fields, campaigns=by_campaign)
        for period in periods
    ]
    return Past(rule, cubes)


def first_call(database: Database[Document]) -> datetime | None:
    """Return when the first call began, as far as calls or roll-ups show."""
    windows = database[ROLLUPS_15M].find_one({}, {"_id": 1}, sort=[("_id", 1)])
    found = [start for start in (oldest_call_start(database), windows["_id"] if windows else None) if start]
    return min(found, default=None)


class Past:
    """A rule's values by window and instance; windows of one phase are computed together."""

    def __init__(self, rule: AlertRule, cubes: Sequence[Cube]) -> None:
        self._rule = rule
        self._cubes = cubes
        self._length = 60 * rule.window_minutes
        self._phases: dict[int, dict[int, dict[Key, float]]] = {}

    def values(self, period: Period) -> dict[Key, float]:
        """Return the value of each instance with enough calls that began in a window."""
        number, phase = divmod((period[0] - _EPOCH) // timedelta(seconds=1), self._length)
        if phase not in self._phases:
            found: dict[int, dict[Key, float]] = {}
            for cube in self._cubes:
                for window, key, value in self._compute(cube, phase):
                    found.setdefault(window, {})[key] = value
            self._phases[phase] = found
        return self._phases[phase].get(number, {})

    def value(self, period: Period, key: Key) -> float | None:
        """Return the value of one instance; without calls a count is 0, and everything else unknown."""
        return self.values(period).get(key, None if self._rule.measure.sampled else 0.0)

    def _compute(self, cube: Cube, phase: int) -> Iterator[tuple[int, Key, float]]:
        if not len(cube.cells):
            return
        named: list[tuple[str, list[str]]] = []
        columns = [(cube.cells.time - phase) // self._length]
        for label in self._rule.group_by:
            names, numbers = cube.values(label)
            named.append((label, names))
            columns.append(numbers)
        groups, group = np.unique(np.stack(columns), axis=1, return_inverse=True)
        values = _measured(self._rule, cube, np.asarray(group, np.int64).ravel(), groups.shape[1])
        for column, value in zip(groups.T, values, strict=True):
            if not np.isnan(value):
                labels = {label: names[code] for (label, names), code in zip(named, column[1:], strict=True)}
                yield int(column[0]), key_of(self._rule.filters | labels), float(value)


def _measured(rule: AlertRule, cube: Cube, group: Ints, size: int) -> Floats:
    """Return the rule's value for each group of cells; NaN if there are too few calls."""
    metric = rule.measure
    if metric.unit in {"ms", "s"}:
        tables = [percentile_table(cube, field, group, size) for field in metric.fields]
        found = [_enough(table[metric.statistic], table["n"], rule) for table in tables]
        pick = np.fmax if rule.operator == "above" else np.fmin
        worst: Floats = pick.reduce(found)
        return worst
    if metric.unit == "share":
        rate = RATES[metric.fields[0]]
        part, whole = (_counted(cube, key, group, size) for key in (rate.part, rate.whole))
        return _enough(part / whole, whole, rule)
    if metric.sampled:
        total, n = _total_and_samples(metric, cube, group, size)
        return _enough(total / n, n, rule)
    return np.bincount(group, cube.counted(metric.name), size).astype(np.float64)


def _counted(cube: Cube, key: str, group: Ints, size: int) -> "pd.Series[float]":
    return pd.Series(np.bincount(group, cube.counted(key), size))


def _total_and_samples(
    metric: RuleMetric, cube: Cube, group: Ints, size: int
) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Return what a mean is computed from, for each group of cells."""
    if metric.unit == "score":
        scored = cube.cells.tallies[SENTIMENT].regroup(group)
        total: Floats = cube.spread(SENTIMENT, group, size)[:, SUM]
        return pd.Series(total), pd.Series(np.bincount(scored.cell, scored.n, size))
    if metric.unit == "times":
        parts, carrying = cube.counted("interruptions"), cube.counted("calls_with_interruptions")
    else:
        parts, carrying = cube.cells.costs.sum(axis=1), cube.counted("calls_with_cost")
        if metric.per:
            known = np.bincount(group, carrying, size) > 0
            total = np.where(known, np.bincount(group, parts, size), np.nan)
            return pd.Series(total), _counted(cube, metric.per, group, size)
    return pd.Series(np.bincount(group, parts, size)), pd.Series(np.bincount(group, carrying, size))


def _enough(values: pd.Series, samples: pd.Series, rule: AlertRule) -> Floats:
    kept: Floats = values.where(samples >= rule.min_samples).to_numpy(dtype=float)
    return kept
