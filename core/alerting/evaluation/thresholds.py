"""From the calls of a rule's window to the state of each level: pure functions, exact to the last call."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache

from core.aggregation.intervals import wilson
from core.aggregation.rollups.call_frames import TimeField
from core.alerting.evaluation.baseline import NEEDED, Usual
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.findings import Breach, Evaluation, Labels, Measured, key_of
from core.alerting.evaluation.measures import Scope, measure
from core.clock import day_bounds
from core.models.alerts import Severity
from core.models.hours import parse_all
from core.models.rules import AlertRule, Level
from core.settings import get_settings

_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class RuleWindow:
    """The calls a rule looks at: those whose ``by`` lies in the half-open period [start, end)."""

    start: datetime
    end: datetime
    by: TimeField


def window(rule: AlertRule, at: datetime, zone: tzinfo) -> RuleWindow:
    """Return the window of a rule at a given time.

    For a short window these are the calls that ended in it: by their start, quick failures would arrive
    before long successes and inflate the newest minutes. A window of whole days consists of the zone's own
    days and counts by start, as the daily figures do: at midnight it is the previous local day, with exactly
    the calls the dashboard shows for it, even if that day had 23 or 25 hours.
    """
    minutes = rule.window_minutes
    if minutes % _MINUTES_A_DAY:
        return RuleWindow(at - timedelta(minutes=minutes), at, "end_time")
    local = at.astimezone(zone)
    if at == day_bounds(local.date(), zone)[0]:  # where clocks go forward at midnight, a day begins later
        local = local.replace(hour=0, minute=0, second=0, microsecond=0)
    began = local - timedelta(days=minutes // _MINUTES_A_DAY)
    return RuleWindow(began.astimezone(at.tzinfo), at, "start_time")


def chosen(rule: AlertRule, calls: CallColumns) -> CallColumns:
    """Return the calls that match the rule's filters."""
    for label, value in rule.filters.items():
        calls = calls.at(calls.is_(label, value))
    return calls


def instances(rule: AlertRule, calls: CallColumns) -> Iterator[tuple[Labels, CallColumns]]:
    """Return the calls by the labels of their alert: the filters, and each value of ``group_by``."""
    filters = rule.filters
    if not rule.group_by:
        yield filters, calls
        return
    for labels, part in calls.groups(rule.group_by):
        yield {**filters, **labels}, part


def evaluate_all(
    rule: AlertRule, calls: CallColumns, start: datetime, end: datetime, known: Collection[Labels] = ()
) -> list[Evaluation]:
    """Judge every instance of a rule in the calls of its window, including those ``known`` from before."""
    found = [
        evaluate(rule, part, start, end, labels) for labels, part in instances(rule, chosen(rule, calls))
    ]
    seen = {key_of(evaluation.labels) for evaluation in found}
    gone = [labels for labels in known if key_of(labels) not in seen]
    none = calls.at(slice(0))
    return found + [evaluate(rule, none, start, end, labels) for labels in gone]


def evaluate(
    rule: AlertRule, calls: CallColumns, start: datetime, end: datetime, labels: Labels | None = None
) -> Evaluation:
    """Judge the calls of one instance in the rule's window [start, end)."""
    measured = measure(rule, calls, scope(rule, start, end))
    return judged(rule, measured, start, end, rule.filters if labels is None else labels)


def judged(
    rule: AlertRule, candidates: Sequence[Measured], start: datetime, end: datetime, labels: Labels
) -> Evaluation:
    """Judge what was measured for one instance."""
    worst, samples = worst_of(rule, candidates)
    breaches = breaches_of(rule, worst) if worst else {}
    return Evaluation(rule, start, end, worst, samples, breaches, labels)


def scope(rule: AlertRule, start: datetime, end: datetime) -> Scope:
    """Return the hours that a rule's measure needs."""
    active = parse_all(rule.active_hours, get_settings().tz) if rule.active_hours else ()
    return Scope(start, end, active)


def worst_of(rule: AlertRule, candidates: Sequence[Measured]) -> tuple[Measured | None, int]:
    """Return the worst value that has enough samples, if any has, and how many samples there were."""
    samples = max((measured.samples for measured in candidates), default=0)
    least = rule.min_samples if rule.measure.sampled else 0
    enough = [measured for measured in candidates if measured.samples >= least]
    if not enough:
        return None, samples
    pick = max if rule.operator == "above" else min
    worst = pick(enough, key=lambda measured: measured.value)
    return worst, worst.samples


def breaches_of(rule: AlertRule, measured: Measured) -> dict[Severity, Breach]:
    """Return the state of each level of a rule for a measured value."""
    return {severity: _breach(rule, level, measured) for severity, level in rule.levels.items()}


def _breach(rule: AlertRule, level: Level, measured: Measured) -> Breach:
    return Breach(
        exceeded=_beyond(rule, measured, level.threshold) and _surely_beyond(rule, measured, level.threshold),
        uncleared=_beyond(rule, measured, level.clears_at),
    )


def _beyond(rule: AlertRule, measured: Measured, limit: float) -> bool:
    """Return whether a value is strictly beyond a limit.

    Shares are compared as fractions, so 25 of 250 is 0.10.
    """
    if measured.count is None:
        value, bound = Fraction(measured.value), Fraction(limit)
    else:
        value, bound = Fraction(measured.count, measured.samples), _as_written(limit)
    return value > bound if rule.operator == "above" else value < bound


@lru_cache
def _as_written(limit: float) -> Fraction:
    return Fraction(repr(limit))


def _surely_beyond(rule: AlertRule, measured: Measured, limit: float) -> bool:
    if rule.guard == "none" or measured.count is None:
        return True
    low, high = wilson(measured.count, measured.samples)
    return bool(low > limit) if rule.operator == "above" else bool(high < limit)


def compared(
    rule: AlertRule,
    labels: Labels,
    newest: RuleWindow,
    values: Sequence[Measured | None],
    usuals: Sequence[Usual | None],
) -> Evaluation:
    """Judge the last windows of an instance by what is usual at their hours; newest last.

    A level is exceeded if two of the three windows are unusual; too few calls count as no data.
    """
    known = [(m, u) for m, u in zip(values, usuals, strict=True) if m is not None and u is not None]
    samples = values[-1].samples if values and values[-1] else 0
    if len(known) < NEEDED or values[-1] is None or usuals[-1] is None:
        return Evaluation(rule, newest.start, newest.end, None, samples, labels=labels)
    sign = 1 if rule.operator == "above" else -1
    scores = sorted((sign * u.z(m.value) for m, u in known), reverse=True)
    score = scores[NEEDED - 1]
    breaches = {
        severity: Breach(score > level.threshold, score > level.clears_at)
        for severity, level in rule.levels.items()
    }
    return Evaluation(rule, newest.start, newest.end, values[-1], samples, breaches, labels, usuals[-1])
