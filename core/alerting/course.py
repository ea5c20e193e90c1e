"""An alert's value around the time it fired, with its limit: for a small chart, and cheap to compute."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from pymongo.database import Database

from core.alerting import wording
from core.alerting.evaluation.past_weeks import load_past
from core.alerting.preview import eyes_of
from core.models.alerts import Alert, AlertState
from core.models.rules import AlertRule
from core.storage.collections import ALERT_EVENTS
from core.types import Document

QUARTER = timedelta(minutes=15)
MOST_POINTS = 96
BEFORE = timedelta(hours=2)
AFTER = timedelta(hours=1)
LONGEST_READ = timedelta(hours=6)
"""Longest time over which calls or requests are read, if roll-ups do not have the value."""
_LONGEST_WINDOW_MINUTES = 24 * 60
_FOUND_BY_CHECKS = ("pending", "firing", "escalated", "eased")
"""Events whose value is what the check found; others repeat an older one."""


@dataclass(frozen=True)
class Course:
    """A value over time in the unit people see; None where there is nothing to measure.

    ``limit`` may be unknown. ``checks`` are moments whose value is the one that a check of the rule found.
    ``worst`` is the worst one that any check found while it fired; it may lie between the points.

    The alert fired from ``began`` to ``ended`` (UTC); None if it still does.
    """

    times: tuple[datetime, ...]
    values: tuple[float | None, ...]
    limit: float | None
    unit: str
    began: datetime
    ended: datetime | None
    lower_is_worse: bool = False
    checks: frozenset[datetime] = frozenset()
    worst: float | None = None

    def seen(self, found: Sequence[tuple[datetime, float]]) -> Self:
        """Return it with what checks found, at most a point's distance after its end; empty, it stays so."""
        if self.is_empty:
            return self
        first, last = self.times[0], self.times[-1] + QUARTER
        new = {at: value for at, value in found if first <= at <= last}
        points = dict(zip(self.times, self.values, strict=True)) | new
        times = tuple(sorted(points))
        return replace(
            self, times=times, values=tuple(points[at] for at in times), checks=self.checks | new.keys()
        )

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to draw."""
        return sum(value is not None for value in self.values) < 2  # noqa: PLR2004 (a line needs two points)


def course(database: Database[Document], rule: AlertRule, alert: Alert, now: datetime) -> Course:
    """Return the value of an alert's rule for its labels, from 2 h before its start to 1 h after its end.

    It is read from roll-ups, whose windows end on quarters of an hour and cover the calls that began in them.
    The checks look at the calls that ended until then, so what they found when the alert fired or changed is
    part of it. If roll-ups do not have it, what the checks saw is computed again, for at most 6 hours. For a
    very long alert, only its beginning is returned.

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
    found = Course(
        tuple(times),
        tuple(None if value is None else wording.shown(rule, value) for value in values),
        _limit(rule, alert),
        wording.unit(rule),
        alert.started_at,
        alert.resolved_at,
        rule.operator == "below",
    )
    return found if found.is_empty else found.seen(_noted(database, alert, times))


def as_it_stands(found: Course, alert: Alert) -> Course:
    """Return a course up to the last check of an alert that has not ended, and with its worst value."""
    now = alert.current_value
    newest = [(alert.updated_at, now)] if now is not None and alert.state != AlertState.RESOLVED else []
    return replace(found.seen(newest), worst=alert.worst_value)


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


def _noted(
    database: Database[Document], alert: Alert, times: Sequence[datetime]
) -> list[tuple[datetime, float]]:
    """Return what the checks found when the alert became pending, fired or changed."""
    query = {"alert_id": alert.id, "at": {"$gte": times[0], "$lte": times[-1] + QUARTER}}
    rows = database[ALERT_EVENTS].find(query, {"at": 1, "event": 1, "current_value": 1})
    found = [(row["at"], row.get("current_value")) for row in rows if row.get("event") in _FOUND_BY_CHECKS]
    return [(at, float(value)) for at, value in found if isinstance(value, float | int)]


def _limit(rule: AlertRule, alert: Alert) -> float | None:
    if alert.threshold_value is not None:
        return alert.threshold_value
    level = rule.levels.get(alert.severity)
    return None if level is None or rule.baseline != "none" else wording.shown(rule, level.threshold)
