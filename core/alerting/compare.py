"""Rules that compare the last three windows with the same hours of past weeks. Pure functions."""

from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo

from core.alerting.baseline import (
    NEIGHBOURS,
    WEEKS,
    WINDOWS,
    Usual,
    past_windows,
    recent_windows,
    usual,
)
from core.alerting.columns import Calls
from core.alerting.evaluate import (
    Evaluation,
    Labels,
    Window,
    chosen,
    compared,
    instances,
    scope,
    worst_of,
)
from core.alerting.measures import Measured, measure
from core.models.rules import AlertRule

Period = tuple[datetime, datetime]
_Key = tuple[tuple[str, str], ...]


def periods_needed(rule: AlertRule, at: datetime, zone: tzinfo) -> list[Period]:
    """The periods whose calls, by their end, a rule looks at: now, and around the same time in past weeks."""
    recent = recent_windows(rule, at)
    now = (recent[0][0], recent[-1][1])
    weeks = [
        (past_windows(recent[0], zone, week)[0][0], past_windows(recent[-1], zone, week)[-1][1])
        for week in range(1, WEEKS + 1)
    ]
    return [now, *weeks]


class Windows:
    """The value of a rule in any window, for each instance, from calls; each is computed once."""

    def __init__(self, rule: AlertRule, calls: Calls) -> None:
        self._rule = rule
        self._calls = chosen(rule, calls).ordered("end_time")
        self._none = calls.at(slice(0))
        self._known: dict[Period, dict[_Key, Measured | None]] = {}
        self._usual: dict[tuple[Period, _Key], Usual | None] = {}

    def values(self, period: Period) -> dict[_Key, Measured | None]:
        """The measured value of each instance that has calls; None where it has too few."""
        if period not in self._known:
            within = scope(self._rule, *period)
            self._known[period] = {
                key_of(labels): worst_of(self._rule, measure(self._rule, part, within))[0]
                for labels, part in instances(self._rule, self._calls.between(*period, "end_time"))
            }
        return self._known[period]

    def value(self, period: Period, key: _Key) -> Measured | None:
        """The value of one instance; where it has no calls a count is 0, and all else unknown."""
        found = self.values(period)
        if key in found or self._rule.measure.sampled:
            return found.get(key)
        return measure(self._rule, self._none, scope(self._rule, *period))[0]

    def usual(self, period: Period, weeks: list[list[Period]], key: _Key) -> Usual | None:
        """What is usual for an instance in a window, from those of past weeks."""
        if (period, key) not in self._usual:
            by_week = [[found.value for p in week if (found := self.value(p, key))] for week in weeks]
            there = [values for values in by_week if values]
            past = [value for values in there for value in values]
            self._usual[period, key] = usual(past, len(there), self._rule.measure.unit)
        return self._usual[period, key]


def key_of(labels: Labels) -> _Key:
    """Labels in a form that can be looked up."""
    return tuple(sorted(labels.items()))


def evaluate_usual(
    rule: AlertRule,
    windows: Windows,
    at: datetime,
    zone: tzinfo,
    since: datetime | None,
    known: Collection[Labels] = (),
) -> list[Evaluation]:
    """Judge every instance of a rule by what is usual; ``since``: when the first call was recorded."""
    recent = recent_windows(rule, at)
    newest = Window(*recent[-1], "end_time")
    past = {period: _past(period, zone, since) for period in recent}
    keys = {key_of(labels) for labels in known}
    for period in [*recent, *(p for weeks in past.values() for week in weeks for p in week)]:
        keys |= set(windows.values(period))
    if not rule.group_by:
        keys = {key_of(rule.filters)}
    return [
        compared(
            rule,
            dict(key),
            newest,
            [windows.value(period, key) for period in recent],
            [windows.usual(period, past[period], key) for period in recent],
        )
        for key in sorted(keys)
    ]


def _past(period: Period, zone: tzinfo, since: datetime | None) -> list[list[Period]]:
    """The windows to compare one with, for each week that was recorded."""
    weeks = [past_windows(period, zone, week) for week in range(1, WEEKS + 1)]
    return [week for week in weeks if since is not None and week[0][0] >= since]


def longest_look_back(rule: AlertRule) -> timedelta:
    """How far before a moment the calls begin that a rule may look at."""
    window = timedelta(minutes=rule.window_minutes)
    if rule.baseline == "none":
        return window + timedelta(hours=1)
    return timedelta(weeks=WEEKS, hours=2) + (WINDOWS + len(NEIGHBOURS)) * window
