"""Clocks that are wrong, and times in which nobody looks: nothing is hidden, nothing fires for them."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.alerting.actions import ACKNOWLEDGED_FOR, acknowledge, end_silence, silence
from core.alerting.channels.rate_limit import Limit
from core.alerting.check import check_alerts
from core.alerting.notify.outbox import claim, outbox_rows
from core.alerting.report import CheckReport
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.state.alert_store import active_alerts
from core.clock import utc_now
from core.models.alerts import Severity
from core.models.recurrence import Recurrence
from core.models.rules import AlertRule
from core.services.alert_service import check_and_send_alerts
from core.storage import get_database
from core.storage.server.connection import close_connections, server_time
from core.types import Document
from tests.alerting.notify.test_outbox import FAST, NO, Tap, news, put, work
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SLOW = AlertRule.model_validate(
    {"id": "slow", "name": "Calls fail", "metric": "call_failure_rate", "threshold": 0.2, "for": "15m"}
)


def now(
    at: datetime,
    email: Recorder,
    run: Callable[[Coroutine[Any, Any, CheckReport]], CheckReport] = asyncio.run,
    rules: tuple[AlertRule, ...] = BUILT_IN_RULES,
) -> CheckReport:
    """A check of the present, which is ``at``."""

    async def inside() -> CheckReport:
        channels = {"email": email}
        return await check_alerts(get_database(), at, rules=rules, channels=channels, present=True)

    return run(inside())


@pytest.mark.parametrize("ahead", [3 * HOUR, timedelta(days=365), 4 * MINUTE])
def test_one_check_by_a_clock_that_is_ahead_silences_nothing(
    database: Database[Document], caplog: pytest.LogCaptureFixture, ahead: timedelta
) -> None:
    """What it left is brought back and logged: the end is told, and so is every incident after it."""
    email = Recorder()
    record(database, NOON + ahead, total=30, failed=12)
    now(NOON + ahead, email)
    for minutes, failed in ((20, 0), (40, 12), (60, 0)):
        record(database, NOON + minutes * MINUTE, total=30, failed=failed)
        now(NOON + minutes * MINUTE, email)
    assert email.words == ["CRITICAL", "RESOLVED"] * 2
    if ahead > 20 * MINUTE:
        assert any("some clock was wrong" in line.getMessage() for line in caplog.records)
    assert all(row["sent_at"] <= NOON + HOUR for row in database["notifications"].find())


def test_checks_go_by_the_clock_of_the_database(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the scheduler's slots do; the clock of the machine that checks does not count."""

    class Wrong(datetime):
        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]  # always with a zone
            return server_time(database) + 9 * HOUR

    monkeypatch.setattr("core.clock.datetime", Wrong)
    report = asyncio.run(check_and_send_alerts(get_database()))
    assert abs(report.at - server_time(database)) < MINUTE


@pytest.mark.parametrize(
    ("minutes", "fires"),
    [
        ((0, 5, 10, 15), True),
        ((0, 140), False),  # an outage of over an hour: the wait begins anew
        ((0, 140, 145, 150, 155), True),
        ((0, 40), False),  # a shorter one does not count
        ((0, 5, 45, 50), False),
        ((0, 5, 45, 50, 55), True),
        ((0, 5, 10, 14, 54), False),  # nothing fires right after it
    ],
)
def test_time_in_which_nobody_looked_does_not_count(
    database: Database[Document], minutes: tuple[int, ...], fires: bool
) -> None:
    """A rule that waits a quarter of an hour wants to have seen it."""
    email = Recorder()
    for minute in minutes:
        record(database, NOON + minute * MINUTE, total=40, failed=20)
        check(NOON + minute * MINUTE, email, rules=(SLOW,))
    assert bool(active_alerts(database)) is fires


GROUPED = AlertRule.model_validate(
    {
        "id": "grouped",
        "name": "Calls fail",
        "metric": "call_failure_rate",
        "threshold": 0.2,
        "group_by": ["direction"],
    }
)


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, 120),
        ({"ends_without_calls": 4}, 60),
        ({"ends_without_calls": 0}, None),
        ({"window_minutes": 30}, 260),
        ({"group_by": (), "direction": "outbound"}, None),
    ],
)
def test_an_alert_by_label_ends_once_its_calls_no_longer_come(
    database: Database[Document], changes: dict[str, object], ends: int | None
) -> None:
    """After eight windows, and that is told; one without labels waits, and says since when."""
    email = Recorder()
    rule = AlertRule.model_validate(GROUPED.model_dump() | changes)
    record(database, NOON, total=20, failed=10)
    check(NOON, email, rules=(rule,))
    ended = []
    for minute in (15, *range(20, 280, 10)):
        report = check(NOON + minute * MINUTE, email, rules=(rule,))
        ended += [minute] * len(report.resolved)
        if minute == 50:
            (alert,) = active_alerts(database)
            last_seen = "17:50" if rule.window_minutes == 30 else "17:30"
            assert alert.metadata["No calls since"] == f"24 Oct 2024, {last_seen} IST"
    assert ended == ([ends] if ends else [])
    if ends:
        assert email.titles[-1].endswith("Calls fail [direction outbound]: no more calls")


def test_time_in_which_nobody_looked_is_no_time_without_calls(database: Database[Document]) -> None:
    """There were calls in the three hours; they no longer come after eight windows that were looked at."""
    email = Recorder()
    record(database, NOON, total=20, failed=10)
    check(NOON, email, rules=(GROUPED,))
    record(database, NOON + 160 * MINUTE, total=20, failed=10)
    ended = [
        minute
        for minute in range(180, 320, 10)
        if check(NOON + minute * MINUTE, email, rules=(GROUPED,)).resolved
    ]
    assert ended == [300]


def test_a_clock_that_is_a_day_ahead_for_one_check_ends_no_alert(database: Database[Document]) -> None:
    """Neither then, nor when the clock is right again and calls fail as before."""
    email = Recorder()
    for at in (NOON, NOON + 5 * MINUTE, NOON + 24 * HOUR, NOON + 10 * MINUTE, NOON + 15 * MINUTE):
        if at < NOON + HOUR:
            record(database, at, total=20, failed=10)
        now(at, email, rules=(GROUPED,))
        assert len(active_alerts(database)) == 1
    assert email.words == ["WARNING"]


IN_A_YEAR = utc_now() + timedelta(days=400)


@pytest.mark.parametrize(("state", "which"), [("queued", {}), ("sending", {"_id": {"$regex": "^a"}})])
def test_a_message_that_was_put_off_by_a_clock_ahead_is_sent_and_holds_up_none_behind_it(
    database: Database[Document], state: str, which: Document
) -> None:
    """Its time, or the lease of a sender that was killed, ends in a year: no delay is that long."""
    slack = Tap()

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"), news("b"))
        ahead = {"state": state, "due_at": IN_A_YEAR, "claim": "of a killed sender"}
        database["outbox"].update_many(which, {"$set": ahead})
        assert await work(db, slack) == 2

    asyncio.run(run())
    assert slack.titles == ["WARNING: a", "WARNING: b"]


def test_a_lease_that_a_clock_set_back_has_prolonged_a_little_is_respected(
    database: Database[Document],
) -> None:
    """Whoever has the message may be sending it: it goes out once."""
    slack = Tap()

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"))
        assert await claim(db, outbox_rows(database)[0].id, FAST)
        later = {"$add": ["$due_at", 800]}
        database["outbox"].update_many({}, [{"$set": {"due_at": later}}])
        assert await work(db, slack) == 0

    asyncio.run(run())
    assert slack.titles == []


def test_a_message_of_a_clock_ahead_is_given_up_in_time(database: Database[Document]) -> None:
    """Counted from its first attempt; else it would be tried for a year, and nobody else be told."""
    slack = Tap(answer=lambda _: NO)

    async def run() -> None:
        await put(get_database(), slack, news("a"))
        database["outbox"].update_many({}, {"$set": {"created_at": IN_A_YEAR}})
        await work(get_database(), slack)

    asyncio.run(run())
    (row,) = outbox_rows(database)
    assert row.created_at is not None
    assert row.created_at <= server_time(database)


def test_a_pause_of_a_clock_ahead_ends_within_the_hour(database: Database[Document]) -> None:
    """However often somebody tries meanwhile; urgent messages wait for no more than that either."""
    slack = Tap(limit=Limit(burst=5, per_second=1))

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a", severity=Severity.CRITICAL))
        database["rate_limits"].insert_one({"_id": "slack|one", "closed_until": IN_A_YEAR})
        assert [await work(db, slack) for _ in range(2)] == [0, 0]
        an_hour_later: Document = {"closed_until": {"$subtract": ["$closed_until", 3_600_000]}}
        database["rate_limits"].update_many({}, [{"$set": an_hour_later}])
        database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
        assert await work(db, slack) == 1

    asyncio.run(run())
    assert slack.titles == ["CRITICAL: a"]


JUMPS = st.one_of(
    st.sampled_from([1, -1, 59, -61, 299, -301, 5 * 3600, -5 * 3600]).map(lambda s: timedelta(seconds=s)),
    st.integers(-10, 10).map(lambda years: years * timedelta(days=365)),
    st.timedeltas(timedelta(days=-3_650), timedelta(days=3_650)).map(
        lambda span: timedelta(seconds=round(span.total_seconds()))
    ),
)
STEPS = st.lists(st.tuples(JUMPS, st.sampled_from(["bad", "good", "acknowledged"])), min_size=1, max_size=4)
REPEAT = timedelta(hours=4)


def check_nothing_is_silenced(database: Database[Document], steps: list[tuple[timedelta, str]]) -> None:
    """After any checks by wrong clocks: what is bad is told, reminded of, and its end is told."""
    for name in database.list_collection_names():
        database[name].delete_many({})
    with asyncio.Runner() as loop:  # one for all checks: each would connect anew
        check_steps(database, steps, loop)
        loop.run(close_connections())


def check_steps(
    database: Database[Document], steps: list[tuple[timedelta, str]], loop: asyncio.Runner
) -> None:
    email = Recorder()
    for number, (jump, what) in enumerate(steps):
        at = NOON + jump + number * MINUTE
        record(database, at, total=30, failed=0 if what == "good" else 12)
        now(at, email, loop.run)
        for alert in active_alerts(database) if what == "acknowledged" else ():
            acknowledge(database, alert.id, "asha", now=at)
    database["calls"].delete_many({})
    begin = NOON + 10 * MINUTE
    record(database, begin, total=30, failed=12)
    now(begin, email, loop.run)
    assert [alert.alert_type for alert in active_alerts(database)] == ["call_failure_rate"]
    held = active_alerts(database)[0].acknowledged
    assert held is None or held.until <= begin + ACKNOWLEDGED_FOR
    told = len(email.titles)
    # Acknowledged just now at the latest: then as long again until the reminder.
    later = begin + ACKNOWLEDGED_FOR + REPEAT
    for at in (begin + ACKNOWLEDGED_FOR, later):
        record(database, at, total=30, failed=12)
        now(at, email, loop.run)
    assert {"CRITICAL", "Still CRITICAL"} & {*email.words[told:]}
    record(database, later + HOUR, total=30, failed=0)
    now(later + HOUR, email, loop.run)
    assert email.words[-1] == "RESOLVED"
    assert active_alerts(database) == []


WHILE_AHEAD = [(timedelta(days=365), "acknowledged"), (timedelta(days=-365), "bad")]


def test_no_clock_silences_what_goes_on(database: Database[Document]) -> None:
    """An acknowledgement of next year ends with its four hours, by the clock that is right."""
    check_nothing_is_silenced(database, WHILE_AHEAD)


YEAR = timedelta(days=365)


def test_an_alert_that_is_acknowledged_while_the_clock_is_ahead_is_repeated_when_that_is_over(
    database: Database[Document],
) -> None:
    """No check ran meanwhile: the alert itself is of the right time, the acknowledgement is not."""
    email = Recorder()
    record(database, NOON, total=30, failed=12)
    now(NOON, email)
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + YEAR)
    for hours in range(1, 8):
        record(database, NOON + hours * HOUR, total=30, failed=12)
        now(NOON + hours * HOUR, email)
    assert [word for word in email.words if "ACK" not in word] == ["CRITICAL", "Still CRITICAL"]


def test_a_muted_alert_without_calls_is_told_once_when_the_clock_is_right_and_the_silence_over(
    database: Database[Document],
) -> None:
    """Neither at each check until next year, nor never."""
    email = Recorder()
    record(database, NOON, total=30, failed=12)
    now(NOON, email)
    every_day = Recurrence.parse("00:00-24:00", "UTC")
    made = silence(database, {"rule": ["*"]}, NOON, None, "asha", "Known", recurrence=every_day)
    now(NOON + YEAR, email)
    end_silence(database, made.id, now=NOON + 5 * MINUTE)
    for minutes in (10, 20, 30):
        record(database, NOON + minutes * MINUTE, total=30, failed=12)
        now(NOON + minutes * MINUTE, email)
    assert email.words == ["CRITICAL"] * 2
    assert [alert.alert_type for alert in active_alerts(database)] == ["call_failure_rate"]


def test_an_alert_by_label_ends_though_its_last_calls_were_seen_by_a_clock_ahead(
    database: Database[Document],
) -> None:
    """Eight windows after the last calls at the latest, by the clock that is right."""
    email = Recorder()
    for at, total in ((NOON, 20), (NOON + YEAR, 2)):
        record(database, at, total=total, failed=total // 2)
        now(at, email, rules=(GROUPED,))
    for minutes in range(15, 200, 15):
        now(NOON + minutes * MINUTE, email, rules=(GROUPED,))
    assert email.words == ["WARNING", "RESOLVED"]


@pytest.mark.full
@pytest.mark.timeout(900)
@given(steps=STEPS)
@example(steps=[(5 * HOUR, "bad"), (timedelta(), "good"), (9 * HOUR, "acknowledged")])
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_jumps_of_the_clock_silence_an_alert(
    database: Database[Document], steps: list[tuple[timedelta, str]]
) -> None:
    """By a second or by ten years, while it is bad, good and acknowledged."""
    check_nothing_is_silenced(database, steps)
