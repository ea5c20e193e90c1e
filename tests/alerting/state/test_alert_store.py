"""The life of an alert in a real store: sent once, repeated, resolved, retried, never twice."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.board import alert_board, fired_between, history
from core.alerting.channels.base import Failure, Recipient
from core.alerting.channels.message import Message
from core.alerting.channels.rate_limit import Limit
from core.alerting.check import check_alerts
from core.alerting.evaluation import evaluator
from core.alerting.evaluation.thresholds import evaluate_all
from core.alerting.report import CheckReport
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.state.alert_store import active_alerts
from core.models.alerts import Severity
from core.models.metrics import CallMetrics, CallStatus, Direction
from core.models.rules import AlertRule
from core.storage import get_database
from core.storage.calls import write_calls
from core.types import Document

NOON = datetime(2024, 10, 24, 12, 0, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


@dataclass
class Recorder:
    """A channel that keeps what it is given; ``works`` says whether it gets through."""

    name: str = "email"
    works: bool = True
    titles: list[str] = field(default_factory=list)
    recipients: tuple[Recipient, ...] = (Recipient("someone", "someone"),)
    severities: frozenset[Severity] | None = None
    pages: bool = False
    limit: Limit | None = None
    ends: bool = True

    @property
    def words(self) -> list[str]:
        """What each title says first: CRITICAL, Still CRITICAL, RESOLVED."""
        return [title.split(":")[0].split(" after ")[0] for title in self.titles]

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:  # noqa: ARG002 (as Channel has it)
        """Take a message, or fail."""
        await asyncio.sleep(0.05)
        if not self.works:
            return Failure("no answer")
        self.titles.append(message.title)
        return None


def record(database: Database[Document], end: datetime, total: int, failed: int) -> None:
    """Store calls that ended a moment before ``end``."""
    write_calls(
        database,
        [
            CallMetrics(
                call_id=f"{end:%d%H%M}-{number}",
                start_time=end - timedelta(minutes=2),
                end_time=end - timedelta(seconds=1),
                status=CallStatus.FAILED if number < failed else CallStatus.COMPLETED,
                direction=Direction.OUTBOUND,
            )
            for number in range(total)
        ],
    )


def check(
    at: datetime,
    *channels: Recorder,
    dry_run: bool = False,
    rules: tuple[AlertRule, ...] = BUILT_IN_RULES,
) -> CheckReport:
    """One check as of ``at``."""
    return run(
        lambda database: check_alerts(
            database, at, rules=rules, channels={c.name: c for c in channels}, dry_run=dry_run
        )
    )


def run(work: Callable[[AsyncDatabase[Document]], Coroutine[Any, Any, CheckReport]]) -> CheckReport:
    async def inside() -> CheckReport:
        return await work(get_database())

    return asyncio.run(inside())


def test_an_alert_is_sent_once_and_once_more_when_it_is_over(database: Database[Document]) -> None:
    """Firing, nothing while it goes on, resolved, nothing after."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    for minutes in (0, 5, 10):
        check(NOON + timedelta(minutes=minutes), email)
    assert email.titles == ["CRITICAL: Call failure rate 24 % (12 of 50 calls), limit 10 %"]
    (active,) = active_alerts(database)
    assert (active.current_value, active.threshold_value, active.unit, active.samples) == (24, 10, "%", 50)
    assert (active.started_at, active.channels) == (NOON, {"email": True})

    record(database, NOON + timedelta(minutes=30), total=50, failed=1)
    report = check(NOON + timedelta(minutes=30), email)
    assert [alert.name for alert in report.resolved] == ["Call failure rate"]
    check(NOON + timedelta(minutes=31), email)
    assert email.titles[1:] == ["RESOLVED after 30 min: Call failure rate 2 % (1 of 50 calls), limit 10 %"]
    assert active_alerts(database) == []
    events = [row["event"] for row in database["alert_events"].find().sort("_id")]
    assert events == ["firing", "sent", "resolved", "sent"]


def test_an_alert_that_goes_on_is_repeated_after_four_hours(database: Database[Document]) -> None:
    """Not a minute earlier, and then not again for four hours."""
    email = Recorder()
    sent_at = []
    for minutes in (0, 5, 120, 239, 240, 241, 360, 479, 480, 481):
        at = NOON + timedelta(minutes=minutes)
        record(database, at, total=10, failed=5)
        before = len(email.titles)
        check(at, email)
        if len(email.titles) > before:
            sent_at.append(minutes)
    assert sent_at == [0, 240, 480]


def test_silence_neither_resolves_nor_repeats(database: Database[Document]) -> None:
    """Nobody calls at night: what fired in the evening still stands in the morning, unrepeated."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    for hours in (1, 5, 9):
        report = check(NOON + timedelta(hours=hours), email)
        assert "silent" in next(iter(report.results)).line
    assert len(email.titles) == 1
    assert len(active_alerts(database)) == 1


def test_a_channel_that_failed_gets_the_alert_on_the_next_check(database: Database[Document]) -> None:
    """The channel that worked is not told again, and only it hears of the end."""
    email, slack = Recorder("email"), Recorder("slack", works=False)
    record(database, NOON, total=50, failed=12)
    check(NOON, email, slack)
    assert active_alerts(database)[0].channels == {"email": True, "slack": False}
    slack.works = True
    check(NOON + FIVE_MINUTES, email, slack)
    check(NOON + 2 * FIVE_MINUTES, email, slack)
    assert len(email.titles) == len(slack.titles) == 1
    assert active_alerts(database)[0].channels == {"email": True, "slack": True}


def test_a_channel_that_never_got_the_alert_hears_nothing_of_its_end(database: Database[Document]) -> None:
    """The word resolved alone would be a riddle."""
    email, slack = Recorder("email"), Recorder("slack", works=False)
    record(database, NOON, total=50, failed=12)
    check(NOON, email, slack)
    slack.works = True
    record(database, NOON + timedelta(minutes=20), total=50, failed=0)
    check(NOON + timedelta(minutes=20), email, slack)
    assert (len(email.titles), slack.titles) == (2, [])


def test_a_resolved_message_that_failed_is_retried(database: Database[Document]) -> None:
    """Whoever was woken up is told that it is over."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    email.works = False
    record(database, NOON + timedelta(minutes=20), total=50, failed=0)
    check(NOON + timedelta(minutes=20), email)
    email.works = True
    check(NOON + timedelta(minutes=25), email)
    check(NOON + timedelta(minutes=30), email)
    assert email.words == ["CRITICAL", "RESOLVED"]


def test_an_alert_that_comes_back_is_sent_again(database: Database[Document]) -> None:
    """A second outage on the same day is news."""
    email = Recorder()
    for minutes, failed in ((0, 12), (20, 0), (40, 12)):
        at = NOON + timedelta(minutes=minutes)
        record(database, at, total=50, failed=failed)
        check(at, email)
    assert email.words == ["CRITICAL", "RESOLVED", "CRITICAL"]
    assert active_alerts(database)[0].started_at == NOON + timedelta(minutes=40)


def test_several_schedulers_at_once_send_one_message(database: Database[Document]) -> None:
    """Firing and resolved alike, whoever comes first."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    record(database, NOON + timedelta(minutes=30), total=50, failed=0)

    async def all_at_once(at: datetime) -> None:
        database_ = get_database()
        arguments: dict[str, Any] = {"rules": BUILT_IN_RULES, "channels": {"email": email}}
        await asyncio.gather(*(check_alerts(database_, at, **arguments) for _ in range(6)))

    asyncio.run(all_at_once(NOON))
    asyncio.run(all_at_once(NOON + timedelta(minutes=30)))
    assert email.words == ["CRITICAL", "RESOLVED"]
    assert database["alert_events"].count_documents({"event": "firing"}) == 1
    assert database["alert_events"].count_documents({"event": "resolved"}) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("state", "suppressed"), ("channels", "email"), ("labels", ["hindi"])]
)
def test_an_alert_that_cannot_be_read_stops_no_check_and_hides_no_other(
    database: Database[Document], field: str, value: object
) -> None:
    """As a later version or another tool may have left it. Its rule fires anew, with a state of its own."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    database["alerts"].update_many({}, {"$set": {field: value}})
    database["alerts"].insert_one({"_id": "odd", "origin": "custom", "state": "firing"})
    assert active_alerts(database) == []
    board = alert_board(database, NOON)
    assert (board.active, board.pending, board.silenced, board.resolved) == ([], [], [], [])
    for minutes in (1, 2, 3):
        check(NOON + timedelta(minutes=minutes), email)
    (active,) = active_alerts(database)
    assert (active.name, active.started_at) == ("Call failure rate", NOON + timedelta(minutes=1))
    assert [row["event"] for row in database["alert_events"].find().sort("_id")].count("firing") == 2
    record(database, NOON + timedelta(minutes=30), total=50, failed=1)
    check(NOON + timedelta(minutes=30), email)
    assert active_alerts(database) == []


def test_a_line_of_the_history_that_cannot_be_read_hides_no_other(database: Database[Document]) -> None:
    """Neither in the list nor among the marks on charts."""
    record(database, NOON, total=50, failed=12)
    check(NOON, Recorder())
    odd = [
        {"at": NOON, "event": "firing"},
        {
            "at": NOON,
            "event": "firing",
            "alert_id": "a",
            "severity": "dire",
            "name": "x",
            "labels": ["hindi"],
        },
    ]
    database["alert_events"].insert_many(odd)
    assert [line.event for line in history(database)] == ["sent", "firing"]
    assert len(fired_between(database, NOON, NOON + FIVE_MINUTES)) == 1


def test_a_dry_run_says_what_would_be_sent_and_does_nothing(database: Database[Document]) -> None:
    """No message, no document."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    lines = list(check(NOON, email, dry_run=True).lines())
    assert lines[0] == "Alert check as of 24 Oct 2024, 17:30 IST (dry run: nothing is sent or stored)"
    assert "FIRES   Call failure rate 24 % (12 of 50 calls), limit 10 %" in lines
    assert lines[-1].startswith("would be sent to email: CRITICAL: Call failure rate 24 %")
    assert email.titles == []
    assert database["alerts"].count_documents({}) == database["alert_events"].count_documents({}) == 0


def test_a_replay_of_the_past_leaves_a_newer_alert_alone(database: Database[Document]) -> None:
    """Looking at yesterday does not resolve what fires today."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    record(database, NOON - timedelta(days=1), total=50, failed=0)
    check(NOON, email)
    report = check(NOON - timedelta(days=1), email)
    assert "is left alone" in list(report.lines())[-1]
    assert len(active_alerts(database)) == len(email.titles) == 1


def test_the_alert_of_a_rule_that_was_removed_ends(database: Database[Document]) -> None:
    """It would fire for ever, as nothing evaluates it."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email)
    check(NOON + FIVE_MINUTES, email, rules=BUILT_IN_RULES[1:])
    assert email.titles[-1].endswith("Call failure rate: the rule was removed")
    assert active_alerts(database) == []


def test_one_rule_that_fails_does_not_stop_the_others(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is reported; the rule after it still fires."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    broken = BUILT_IN_RULES[1].model_copy(update={"id": "broken"})

    def failing(rule: AlertRule, *arguments: Any) -> Any:
        if rule.id == "broken":
            raise ZeroDivisionError
        return evaluate_all(rule, *arguments)

    monkeypatch.setattr(evaluator, "evaluate_all", failing)
    report = check(NOON, email, rules=(broken, BUILT_IN_RULES[0]))
    assert report.errors == ["broken: ZeroDivisionError"]
    assert len(email.titles) == 1


def test_calls_count_when_they_end(database: Database[Document]) -> None:
    """The window is half-open: a call that ends on the stroke belongs to the next one."""
    calls = [
        CallMetrics(
            call_id=str(number),
            start_time=NOON - timedelta(hours=1),
            end_time=NOON,
            status=CallStatus.FAILED,
            direction=Direction.INBOUND,
        )
        for number in range(5)
    ]
    write_calls(database, calls)
    fires = {
        minutes: bool(check(NOON + timedelta(minutes=minutes), dry_run=True).firing) for minutes in range(17)
    }
    assert fires == {0: False, **dict.fromkeys(range(1, 16), True), 16: False}
