"""What a rule would have done: every check of the last days, computed from the calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from typing import NamedTuple

from pymongo.database import Database

from core.aggregation.rollups.call_frames import load_calls
from core.aggregation.service_requests import Requests, load_requests
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.compliance_rules import Violations, evaluate_violations, load_violations
from core.alerting.evaluation.findings import Evaluation, Labels
from core.alerting.evaluation.measures import fields_of
from core.alerting.evaluation.past_weeks import first_call, load_past
from core.alerting.evaluation.quiet import may_exceed
from core.alerting.evaluation.seasonal import Comparison, Windows, past_periods, recent_period
from core.alerting.evaluation.service_rules import evaluate_requests
from core.alerting.evaluation.thresholds import chosen, evaluate_all, window
from core.alerting.state.lifecycle import AlertRecord, advance
from core.clock import to_utc, utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import AlertRule
from core.settings import get_settings
from core.types import Document

_See = Callable[[datetime, Sequence[Labels]], list[Evaluation]]


@dataclass(frozen=True)
class Firing:
    """A period in which an alert would have fired; without ``end`` it still would."""

    labels: Labels
    severity: Severity
    start: datetime
    end: datetime | None
    message: str
    """The finding when it was first at its worst severity."""


@dataclass(frozen=True)
class Preview:
    """The firings of a rule in the checks of [start, end], oldest first."""

    start: datetime
    end: datetime
    checks: int
    firings: list[Firing]


def preview(
    database: Database[Document],
    rule: AlertRule,
    days: int,
    *,
    end: datetime | None = None,
    every: timedelta | None = None,
) -> Preview:
    """Replay a rule over the last ``days``, with a check every ALERT_CHECK_INTERVAL_SECONDS (or ``every``).

    Raises:
        PyMongoError: the database does not answer.
    """
    last = to_utc(end or utc_now())
    step = every or timedelta(seconds=get_settings().alert_check_interval_seconds)
    count = max(1, timedelta(days=days) // step)
    checks = [last - step * n for n in reversed(range(count))]
    eyes = eyes_of(database, rule, checks)
    firings = sorted(_replay(eyes, checks), key=lambda firing: firing.start)
    return Preview(checks[0], last, count, firings)


class _Eyes(NamedTuple):
    """Evaluates a rule at any check, and knows which checks may begin an alert."""

    see: _See
    may_begin: Iterable[bool] = repeat(True)


def eyes_of(database: Database[Document], rule: AlertRule, checks: Sequence[datetime]) -> _Eyes:
    """Return what evaluates a rule at any check time, from data loaded once."""
    zone = get_settings().tz
    if rule.baseline != "none":
        first, last = recent_period(rule, checks[0])[0], recent_period(rule, checks[-1])[1]
        windows = Windows(rule, CallColumns.of(load_calls(database, first, last, by="end_time")))
        past = load_past(database, rule, [(past_periods(rule, checks[0], zone)[-1][0], last)])
        return _Eyes(Comparison(rule, windows, past, zone, first_call(database)).evaluate)
    if rule.measure.of_requests:
        requests = load_requests(database, window(rule, checks[0], zone).start, checks[-1], zone)
        return _Eyes(lambda at, known: _see_requests(rule, requests, at, known))
    if rule.measure.of_compliance:
        period = window(rule, checks[0], zone)
        violations = load_violations(database, period.start, checks[-1], period.by)
        return _Eyes(lambda at, known: _see_violations(rule, violations, at, known))
    looked_at = {at: window(rule, at, zone) for at in checks}
    begin, by = looked_at[checks[0]].start, looked_at[checks[0]].by
    calls = load_calls(database, begin, checks[-1], by=by, fields=fields_of(rule))
    ordered = chosen(rule, CallColumns.of(calls)).ordered(by)

    def see(at: datetime, known: Sequence[Labels]) -> list[Evaluation]:
        period = looked_at[at]
        seen = ordered.between(period.start, period.end, by)
        return evaluate_all(rule, seen, period.start, period.end, known)

    return _Eyes(see, may_exceed(rule, ordered, list(looked_at.values())).tolist())


def _see_requests(
    rule: AlertRule, requests: Requests, at: datetime, known: Sequence[Labels]
) -> list[Evaluation]:
    period = window(rule, at, requests.zone)
    within = requests.between(period.start, period.end)
    return evaluate_requests(rule, within, period.start, period.end, known)


def _see_violations(
    rule: AlertRule, violations: Violations, at: datetime, known: Sequence[Labels]
) -> list[Evaluation]:
    period = window(rule, at, get_settings().tz)
    within = violations.between(period.start, period.end)
    return evaluate_violations(rule, within, period.start, period.end, known)


def _replay(eyes: _Eyes, checks: Sequence[datetime]) -> Iterator[Firing]:
    records: dict[str, AlertRecord] = {}
    open_: dict[str, Firing] = {}
    for at, may_begin in zip(checks, eyes.may_begin, strict=False):
        known = [record.alert.labels for record in records.values() if record.holds]
        # While nothing is pending or firing, a check that exceeds no level changes nothing.
        if known or may_begin:
            for evaluation in eyes.see(at, known):
                yield from _step(records, open_, evaluation, at)
    yield from open_.values()


def _step(
    records: dict[str, AlertRecord], open_: dict[str, Firing], evaluation: Evaluation, at: datetime
) -> Iterator[Firing]:
    change = advance(records.get(_name(evaluation)), evaluation, at)
    name = _name(evaluation)
    if change.after is None:
        records.pop(name, None)
        return
    records[name] = change.after
    alert = change.after.alert
    if alert.state == AlertState.FIRING:
        open_[name] = _grown(open_.get(name), alert)
    elif (firing := open_.pop(name, None)) is not None:
        yield replace(firing, end=at)


def _name(evaluation: Evaluation) -> str:
    return repr(sorted(evaluation.labels.items()))


def _grown(firing: Firing | None, alert: Alert) -> Firing:
    if firing is None:
        return Firing(alert.labels, alert.severity, alert.started_at, None, alert.message)
    if alert.severity.rank > firing.severity.rank:
        return replace(firing, severity=alert.severity, message=alert.message)
    return firing
