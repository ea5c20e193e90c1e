"""Rules that compare the last three windows with the same hours of past weeks. Pure functions."""

from collections.abc import Collection
from datetime import datetime, tzinfo

from core.alerting.evaluation.baseline import (
    WEEKS,
    Usual,
    past_windows,
    recent_windows,
    usual,
)
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.findings import Evaluation, Key, Labels, Measured, key_of
from core.alerting.evaluation.measures import measure
from core.alerting.evaluation.past_weeks import Past
from core.alerting.evaluation.thresholds import RuleWindow, chosen, compared, instances, scope, worst_of
from core.models.rules import AlertRule
from core.types import Period


def recent_period(rule: AlertRule, at: datetime) -> Period:
    """Return the period whose calls, by their end, a rule looks at now."""
    recent = recent_windows(rule, at)
    return recent[0][0], recent[-1][1]


def past_periods(rule: AlertRule, at: datetime, zone: tzinfo) -> list[Period]:
    """Return the periods around the same local time in past weeks."""
    recent = recent_windows(rule, at)
    return [
        (past_windows(recent[0], zone, week)[0][0], past_windows(recent[-1], zone, week)[-1][1])
        for week in range(1, WEEKS + 1)
    ]


class Windows:
    """A rule's value in any window, for each instance, from calls; each is computed once."""

    def __init__(self, rule: AlertRule, calls: CallColumns) -> None:
        self._rule = rule
        self._calls = chosen(rule, calls).ordered("end_time")
        self._none = calls.at(slice(0))
        self._known: dict[Period, dict[Key, Measured | None]] = {}

    def values(self, period: Period) -> dict[Key, Measured | None]:
        """Return the measured value of each instance that has calls; None if it has too few."""
        if period not in self._known:
            within = scope(self._rule, *period)
            self._known[period] = {
                key_of(labels): worst_of(self._rule, measure(self._rule, part, within))[0]
                for labels, part in instances(self._rule, self._calls.between(*period, "end_time"))
            }
        return self._known[period]

    def value(self, period: Period, key: Key) -> Measured | None:
        """Return the value of one instance; without calls a count is 0, and everything else unknown."""
        found = self.values(period)
        if key in found or self._rule.measure.sampled:
            return found.get(key)
        return measure(self._rule, self._none, scope(self._rule, *period))[0]


class Comparison:
    """Judges a rule by what is usual; ``since`` is when the first call was recorded."""

    def __init__(
        self, rule: AlertRule, recent: Windows, past: Past, zone: tzinfo, since: datetime | None
    ) -> None:
        self._rule = rule
        self._recent = recent
        self._past = past
        self._zone = zone
        self._since = since
        self._weeks: dict[Period, list[list[Period]]] = {}
        self._usual: dict[tuple[Period, Key], Usual | None] = {}

    def evaluate(self, at: datetime, known: Collection[Labels] = ()) -> list[Evaluation]:
        """Judge every instance of the rule, including those ``known`` from before."""
        periods = recent_windows(self._rule, at)
        keys = {key_of(labels) for labels in known}
        for period in periods:
            keys |= set(self._recent.values(period))
            keys |= {
                key for week in self._past_of(period) for past in week for key in self._past.values(past)
            }
        if not self._rule.group_by:
            keys = {key_of(self._rule.filters)}
        return [
            compared(
                self._rule,
                dict(key),
                RuleWindow(*periods[-1], "end_time"),
                [self._recent.value(period, key) for period in periods],
                [self._usual_of(period, key) for period in periods],
            )
            for key in sorted(keys)
        ]

    def _past_of(self, period: Period) -> list[list[Period]]:
        """Return the windows to compare one with, for each recorded week."""
        if period not in self._weeks:
            weeks = [past_windows(period, self._zone, week) for week in range(1, WEEKS + 1)]
            since = self._since
            self._weeks[period] = [week for week in weeks if since is not None and week[0][0] >= since]
        return self._weeks[period]

    def _usual_of(self, period: Period, key: Key) -> Usual | None:
        if (period, key) not in self._usual:
            by_week = [
                [value for past in week if (value := self._past.value(past, key)) is not None]
                for week in self._past_of(period)
            ]
            values = [value for week in by_week for value in week]
            self._usual[period, key] = usual(values, sum(map(bool, by_week)), self._rule.measure.unit)
        return self._usual[period, key]
