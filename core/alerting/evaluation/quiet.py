"""Which windows certainly exceed nothing, so that a replay can skip them. Pure functions.

Nothing is decided here: a window that may exceed a level is then examined as a check would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.aggregation.rollups.cells import Floats, Ints
from core.alerting.evaluation.call_columns import CallColumns, instant
from core.alerting.evaluation.thresholds import RuleWindow
from core.models.definitions import PERCENTILES, RATES
from core.models.rules import AlertRule

Bools = NDArray[np.bool_]
_ROUNDING = 1e-9
"""Sums over all calls are off by less than this share of everything they add up."""


def may_exceed(rule: AlertRule, calls: CallColumns, windows: Sequence[RuleWindow]) -> Bools:
    """Return which windows may exceed a level of a rule; all of them if that cannot be told in advance.

    Args:
        rule: one with thresholds; rules that compare with past weeks are not supported.
        calls: those that match the rule's filters, in order of the time the windows are about.
        windows: windows of that rule.
    """
    if not rule.measure.of_roll_ups or not windows:
        return np.ones(len(windows), bool)
    starts = np.array([instant(window.start) for window in windows])
    ends = np.array([instant(window.end) for window in windows])
    times = calls.columns[windows[0].by]
    found = np.zeros(len(windows), bool)
    for rows in _instances(rule, calls):
        at = times[rows]
        within = _Windows(at.searchsorted(starts), at.searchsorted(ends))
        for candidate in _candidates(rule, calls, rows, within):
            found |= candidate
    return found


@dataclass(frozen=True)
class _Windows:
    """The first and last call of each window, among those of one instance."""

    first: Ints
    last: Ints

    def sums(self, values: "Floats | Ints | Bools") -> Floats:
        """Return the sum of a value over the calls of each window."""
        total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        added: Floats = total[self.last] - total[self.first]
        return added


def _instances(rule: AlertRule, calls: CallColumns) -> Iterator[Ints]:
    """Return the positions of each instance's calls, in order of time."""
    if not rule.group_by:
        yield np.arange(len(calls))
        return
    codes = np.stack([calls.columns[label] for label in rule.group_by])
    _, group = np.unique(codes, axis=1, return_inverse=True)
    order = np.argsort(np.asarray(group).ravel(), kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(np.asarray(group).ravel()[order])) + 1)


def _candidates(rule: AlertRule, calls: CallColumns, rows: Ints, within: _Windows) -> Iterator[Bools]:
    """Yield, for each field of which the rule takes the worst, which windows may exceed a level."""
    metric, limit = rule.measure, rule.first_level.threshold
    if metric.unit == "share":
        rate = RATES[metric.fields[0]]
        part, whole = (within.sums(calls.columns[key][rows]) for key in (rate.part, rate.whole))
        yield _beyond(rule, part, limit * whole, whole) & (whole >= max(1, rule.min_samples))
    elif metric.unit == "calls":
        yield _beyond(rule, within.sums(calls.columns[metric.name][rows]), limit, 1.0)
    elif metric.per:
        spent = np.nan_to_num(calls.columns[metric.fields[0]][rows])
        bought = within.sums(calls.columns[metric.per][rows])
        beyond = _beyond(rule, within.sums(spent), limit * bought, float(np.abs(spent).sum()))
        yield beyond & (bought >= max(1, rule.min_samples))
    else:
        for field in metric.fields:
            values = calls.columns[field][rows]
            n = within.sums(~np.isnan(values))
            yield _statistic_beyond(rule, values, n, within) & (n >= max(1, rule.min_samples))


def _beyond(rule: AlertRule, value: Floats, limit: "Floats | float", scale: "Floats | float") -> Bools:
    slack = _ROUNDING * np.maximum(1.0, scale)
    found: Bools = value > limit - slack if rule.operator == "above" else value < limit + slack
    return found


def _statistic_beyond(rule: AlertRule, values: Floats, n: Floats, within: _Windows) -> Bools:
    statistic, limit = rule.measure.statistic, rule.first_level.threshold
    if statistic == "mean":
        known = np.nan_to_num(values)
        return _beyond(rule, within.sums(known), limit * n, float(np.abs(known).sum()))
    share = PERCENTILES.get(statistic, 1.0)
    if rule.operator == "above":  # the percentile is above where fewer than its share are not
        above: Bools = within.sums(values <= limit) < share * n + _ROUNDING
        return above
    below: Bools = within.sums(values < limit) >= share * n - _ROUNDING * n
    return below
