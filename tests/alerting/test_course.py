"""The chart on an alert's card: the rule's value around the time of the alert, from what is rolled up."""

from datetime import timedelta

from pymongo.database import Database

from core.aggregation.rollups.refresh import refresh_rollups
from core.alerting.course import LONGEST_READ, MOST_POINTS, as_it_stands, course
from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import AlertRule
from core.types import Document
from tests.alerting.evaluation.test_trend import fill
from tests.alerting.notify.test_reminders import rule
from tests.alerting.state.test_alert_store import NOON

HOUR = timedelta(hours=1)


def alert(**fields: object) -> Alert:
    known = {
        "id": "x",
        "alert_type": "A",
        "name": "A",
        "severity": Severity.CRITICAL,
        "state": AlertState.RESOLVED,
        "message": "",
        "started_at": NOON - 2 * HOUR,
        "updated_at": NOON,
        "resolved_at": NOON - HOUR,
    }
    return Alert.model_validate(known | fields)


def test_the_value_is_shown_from_two_hours_before_it_fired(database: Database[Document]) -> None:
    """Each point is the window that ends there; where there were too few calls there is a gap."""
    fill(database, [1, 2, 9, 3])
    refresh_rollups(database)
    found = course(database, rule("A"), alert(threshold_value=10.0), NOON)
    assert found.times[0] == NOON - 4 * HOUR
    assert found.times[-1] == NOON
    assert found.values[-5:] == (None, 10.0, 20.0, 90.0, 30.0)
    assert (found.limit, found.unit, found.is_empty) == (10.0, "%", False)


def test_an_alert_that_lasts_for_weeks_is_shown_as_it_began(database: Database[Document]) -> None:
    long_ago = alert(started_at=NOON - 500 * HOUR, resolved_at=None, state=AlertState.FIRING)
    found = course(database, rule("A"), long_ago, NOON)
    assert len(found.times) == MOST_POINTS
    assert found.is_empty


def test_what_roll_ups_do_not_tell_is_seen_as_the_checks_saw_it(database: Database[Document]) -> None:
    """Minutes without calls grow from check to check."""
    fill(database, [0], language="hindi")
    about = {"metric": "minutes_without_calls", "levels": {"critical": 30}, "window": "1h"}
    silent = AlertRule.model_validate({"id": "a", "name": "A", **about})
    found = course(database, silent, alert(started_at=NOON, resolved_at=None), NOON + 2 * HOUR)
    after = found.values[found.times.index(NOON) :]
    assert after == (13.5, 28.5, 43.5, 58.5, 60.0, 60.0, 60.0, 60.0, 60.0)
    assert found.times[-1] - found.times[0] <= LONGEST_READ
    assert found.limit == 30


def test_the_chart_holds_what_the_checks_found(database: Database[Document]) -> None:
    """A sliding window of a check sees more than the quarters of the clock: its value is on the curve."""
    fill(database, [1, 2, 3, 2])
    refresh_rollups(database)
    fired, checked = NOON - timedelta(minutes=22), NOON + timedelta(minutes=3)
    line = {"alert_id": "x", "at": fired, "current_value": 53.0}
    database["alert_events"].insert_many(
        [line | {"event": "firing"}, line | {"event": "sent", "at": NOON - timedelta(minutes=21)}]
    )
    firing = {"started_at": fired, "resolved_at": None, "state": AlertState.FIRING, "updated_at": checked}
    one = alert(**firing, current_value=41.0, worst_value=60.0)
    found = as_it_stands(course(database, rule("A"), one, checked), one)
    assert found.checks == {fired, checked}
    assert dict(zip(found.times, found.values, strict=True))[fired] == 53.0
    assert (found.times[-1], found.values[-1], found.worst) == (checked, 41.0, 60.0)


def test_a_check_long_after_the_chart_draws_no_line_to_itself(database: Database[Document]) -> None:
    """Of an alert that lasts, only the beginning is shown."""
    fill(database, [1, 2, 3, 2])
    refresh_rollups(database)
    one = alert(updated_at=NOON + 500 * HOUR, current_value=41.0, state=AlertState.FIRING, resolved_at=None)
    assert as_it_stands(course(database, rule("A"), one, NOON), one).times[-1] == NOON
