"""What people complain about in monitoring systems, each shown not to happen: the engine's share."""

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from core.alerting.actions import acknowledge, silence
from core.alerting.evaluation import thresholds
from core.alerting.evaluation.findings import Evaluation, Measured
from core.alerting.rules.builtin import built_in_rules
from core.alerting.state import lifecycle
from core.alerting.state.alert_store import active_alerts
from core.models.recurrence import Recurrence
from core.models.rules import AlertRule
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

FIVE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
EVERY_DAY = frozenset(range(7))


def test_missing_resolve(database: Database[Document]) -> None:
    """Whoever was told that it fires is told that it is over, though the channel was down meanwhile."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    email.works = False
    record(database, NOON + HOUR, total=50, failed=0)
    for step in range(3):
        check(NOON + HOUR + step * FIVE, email)
    email.works = True
    check(NOON + 2 * HOUR, email)
    check(NOON + 3 * HOUR, email)
    assert email.words == ["CRITICAL", "RESOLVED"]


def test_flapping(database: Database[Document]) -> None:
    """Up and down all the time: the fifth change says so, then it is quiet until it stays down."""
    email = Recorder()
    step = timedelta(minutes=15)
    for number in range(12):
        record(database, NOON + number * step, total=50, failed=0 if number % 2 else 12)
        check(NOON + number * step, email)
    assert email.words == ["CRITICAL", "RESOLVED", "CRITICAL", "RESOLVED", "FLAPPING"]
    for minutes in (10, 20, 29, 31, 40):
        at = NOON + 11 * step + timedelta(minutes=minutes)
        record(database, at, total=50, failed=0)
        check(at, email)
        assert len(email.titles) == (5 if minutes < 30 else 6)
    assert email.words[-1] == "RESOLVED"


def test_no_data_noise(database: Database[Document]) -> None:
    """A night without calls neither fires, nor ends, nor reminds."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    for hours in range(1, 12):
        check(NOON + hours * HOUR, email)
    assert email.words == ["CRITICAL"]
    assert len(active_alerts(database)) == 1


@pytest.mark.full
def test_repeats_too_early(database: Database[Document]) -> None:
    """Checked every five minutes for nine hours: a reminder after four hours each, no more."""
    email = Recorder()
    sent: list[int] = []
    for number in range(9 * 12 + 1):
        at = NOON + number * FIVE
        record(database, at, total=10, failed=5)
        check(at, email)
        sent += [number * 5] * (len(email.titles) - len(sent))
    assert sent == [0, 240, 480]


def test_no_acknowledge(database: Database[Document]) -> None:
    """Who looks after it is not reminded; what gets worse wakes again."""
    email = Recorder()
    fields = {"id": "x", "name": "Failures", "metric": "call_failure_rate"}
    rule = AlertRule.model_validate(fields | {"levels": {"warning": 0.1, "critical": 0.5}})
    record(database, NOON, total=10, failed=2)
    check(NOON, email, rules=(rule,))
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + HOUR)
    record(database, NOON + 4.5 * HOUR, total=10, failed=2)
    check(NOON + 4.5 * HOUR, email, rules=(rule,))
    assert email.words == ["WARNING", "ACKNOWLEDGED by asha"]
    record(database, NOON + 4.9 * HOUR, total=10, failed=9)
    check(NOON + 4.9 * HOUR, email, rules=(rule,))
    assert email.words == ["WARNING", "ACKNOWLEDGED by asha", "CRITICAL"]
    assert active_alerts(database)[0].acknowledged is None


def test_zones_and_summer_time_in_mute_windows() -> None:
    """A window stays at its clock time, in its own zone, where clocks change and over midnight."""
    night = Recurrence(weekdays=EVERY_DAY, start=time(22), end=time(6), zone="Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    for day in (datetime(2024, 3, 30, tzinfo=berlin), datetime(2024, 10, 26, tzinfo=berlin)):
        evening, morning = day.replace(hour=22), (day + timedelta(days=1)).replace(hour=6)
        assert night.covers(evening.astimezone(UTC))
        assert not night.covers((evening - timedelta(seconds=1)).astimezone(UTC))
        assert night.covers((morning - timedelta(seconds=1)).astimezone(UTC))
        assert not night.covers(morning.astimezone(UTC))
    assert (datetime(2024, 3, 31, 6, tzinfo=berlin).astimezone(UTC).hour, night.zone) == (4, "Europe/Berlin")
    skipped = Recurrence(weekdays=EVERY_DAY, start=time(2), end=time(3), zone="Europe/Berlin")
    spring = [datetime(2024, 3, 31, tzinfo=UTC) + n * FIVE for n in range(48)]
    autumn = [datetime(2024, 10, 26, 22, tzinfo=UTC) + n * FIVE for n in range(72)]
    assert sum(map(skipped.covers, spring)) == 0
    assert sum(map(skipped.covers, autumn)) == 24
    weekend = Recurrence(weekdays=frozenset({5}), start=time(23), end=time(1), zone="Asia/Kolkata")
    kolkata = ZoneInfo("Asia/Kolkata")
    hours = [datetime(2024, 10, 25, tzinfo=kolkata) + n * HOUR for n in range(72)]
    assert [h.isoformat()[8:13] for h in hours if weekend.covers(h.astimezone(UTC))] == ["26T23", "27T00"]


def test_windows_that_swallow_alerts(database: Database[Document]) -> None:
    """What began in a recurring window and outlasts it is told at its end, what ended in it is not."""
    email = Recorder()
    hours = Recurrence(weekdays=EVERY_DAY, start=time(17), end=time(18), zone="Asia/Kolkata")
    silence(database, {"severity": ["*"]}, NOON - HOUR, None, "asha", "release hour", recurrence=hours)
    for minutes, failed in ((0, 12), (15, 0), (25, 12), (30, 12)):  # noon is 17:30 in Kolkata
        at = NOON + timedelta(minutes=minutes)
        record(database, at, total=50, failed=failed)
        check(at, email)
        assert len(email.titles) == (minutes == 30)
    assert email.words == ["CRITICAL"]


def test_floods_at_low_traffic() -> None:
    """At a true error rate of 2 % and 50 calls a check, quiet rules wake nobody where literal ones flood."""
    found = {profile: firings_a_day(built_in_rules(profile)[1]) for profile in ("strict", "quiet")}
    assert found["strict"] > 10
    assert found["quiet"] < 0.2


def firings_a_day(rule: AlertRule, days: int = 30) -> float:
    """Alerts that begin, with independent calls in each check of five minutes."""
    rng = random.Random(1)  # noqa: S311 (no secret)
    record_, begun = None, 0
    for number in range(days * 288):
        at = NOON + number * FIVE
        count = sum(rng.random() < 0.02 for _ in range(50))
        measured = Measured("errors", count / 50, 50, count)
        seen = Evaluation(rule, at - FIVE, at, measured, 50, thresholds.breaches_of(rule, measured))
        change = lifecycle.advance(record_, seen, at)
        record_, begun = change.after, begun + ("firing" in change.events)
    return begun / days


def test_floods_after_a_restart(database: Database[Document]) -> None:
    """A scheduler that was away for three hours takes up what was stored: nothing is told twice."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    record(database, NOON + 3 * HOUR, total=50, failed=12)
    check(NOON + 3 * HOUR, email)
    assert email.words == ["CRITICAL"]
    assert active_alerts(database)[0].started_at == NOON
