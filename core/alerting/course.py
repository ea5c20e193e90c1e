"""An alert's value around the time it fired, with its limit: for a small chart, and cheap to compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database

from core.alerting import wording
from core.alerting.evaluation.past_weeks import load_past
from core.alerting.preview import eyes_of
from core.models.alerts import Alert
from core.models.rules import AlertRule
from core.types import Document

QUARTER = timedelta(minutes=15)
MOST_POINTS = 96
BEFORE = timedelta(hours=2)
AFTER = timedelta(hours=1)
LONGEST_READ = timedelta(hours=6)
"""Longest time over which calls or requests are read, if roll-ups do not have the value."""
_LONGEST_WINDOW_MINUTES = 24 * 60


@dataclass(frozen=True)
class Course:
    """A value over time in the unit people see; None where there is nothing to measure.

    ``limit`` may be unknown.

    The alert fired from ``began`` to ``ended`` (UTC); None if it still does.
    """

    times: tuple[datetime, ...]
    values: tuple[float | None, ...]
    limit: float | None
    unit: str
    began: datetime
    ended: datetime | None
    lower_is_worse: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to draw."""
        return sum(value is not None for value in self.values) < 2  # noqa: PLR2004 (a line needs two points)


def course(database: Database[Document], rule: AlertRule, alert: Alert, now: datetime) -> Course:
    """Return the value of an alert's rule for its labels, from 2 h before its start to 1 h after its end.

    It is read from roll-ups, whose windows end on quarters of an hour and cover the calls that began in them.
    If they do not have it, what the checks saw is computed again, for at most 6 hours. For a very long alert,
    only its beginning is returned.

    Raises:
        PyMongoError: the database does not answer.
    """
    start, end = alert.started_at - max(BEFORE, window(rule)), min((alert.resolved_at or now) + AFTER, now)
    times = _moments(start, min(end, start + QUARTER * (MOST_POINTS - 1)))
    if _told_by_roll_ups(rule):
        values = _from_roll_ups(database, rule, alert, times)
    else:
        times = [at for at in times if at <= start + LONGEST_READ]
        values = _as_checked(database, rule, alert, times)
    return Course(
        tuple(times),
        tuple(None if value is None else wording.shown(rule, value) for value in values),
        _limit(rule, alert),
        wording.unit(rule),
        alert.started_at,
        alert.resolved_at,
        rule.operator == "below",
    )


def window(rule: AlertRule) -> timedelta:
    """Return the length of a rule's window."""
    return timedelta(minutes=rule.window_minutes)


def _told_by_roll_ups(rule: AlertRule) -> bool:
    whole = rule.window_minutes % 15 == 0 and rule.window_minutes <= _LONGEST_WINDOW_MINUTES
    return whole and rule.measure.of_roll_ups


def _moments(start: datetime, end: datetime) -> list[datetime]:
    """Return the quarters of an hour in [start, end]."""
    quarter = int(QUARTER.total_seconds())
    first = datetime.fromtimestamp(-(-start.timestamp() // quarter) * quarter, start.tzinfo)
    return (
        [first + QUARTER * number for number in range((end - first) // QUARTER + 1)] if end >= first else []
    )


def _from_roll_ups(
    database: Database[Document], rule: AlertRule, alert: Alert, times: Sequence[datetime]
) -> list[float | None]:
    if not times:
        return []
    past = load_past(database, rule, [(times[0] - window(rule), times[-1])])
    key = tuple(sorted(alert.labels.items()))
    return [past.value((at - window(rule), at), key) for at in times]


def _as_checked(
    database: Database[Document], rule: AlertRule, alert: Alert, times: Sequence[datetime]
) -> list[float | None]:
    if not times or window(rule) > LONGEST_READ:
        return [None] * len(times)
    see = eyes_of(database, rule, times).see
    found = []
    for at in times:
        mine = [one for one in see(at, [alert.labels]) if one.labels == alert.labels]
        measured = mine[0].measured if mine else None
        found.append(None if measured is None else measured.value)
    return found


def _limit(rule: AlertRule, alert: Alert) -> float | None:
    if alert.threshold_value is not None:
        return alert.threshold_value
    level = rule.levels.get(alert.severity)
    return None if level is None or rule.baseline != "none" else wording.shown(rule, level.threshold)
