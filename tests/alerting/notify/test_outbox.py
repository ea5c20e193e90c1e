"""What waits for a channel: once, in order, tried again, told elsewhere, capped. Times are a thousandth."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.channels.base import Channel, Failure, Recipient
from core.alerting.channels.message import Message
from core.alerting.channels.rate_limit import Limit
from core.alerting.notify import sender
from core.alerting.notify.notification_log import GROUP, load_records
from core.alerting.notify.outbox import SendTiming, claim, enqueue, outbox_rows, rows_of, send_again
from core.alerting.notify.sender import deliver_due
from core.models.alerts import Alert, AlertState, Notification, NotificationEvent, Severity
from core.models.outbox import OutboxRow, OutboxState
from core.models.rules import AlertRule
from core.storage import get_database
from core.types import Document
from tests.alerting.state.test_alert_store import FIVE_MINUTES, NOON, Recorder, check, record

pytestmark = pytest.mark.alone
FAST = SendTiming(
    first_delay=timedelta(milliseconds=15),
    longest_delay=timedelta(milliseconds=900),
    dead_after=timedelta(seconds=21.6),
    lease=timedelta(seconds=1),
    revived_after=timedelta(seconds=3.6),
)
HOUR = 3.6
"""Seconds."""
NO = Failure("no answer")
NEVER = Failure("Failed to send: error=404", permanent=True)


@dataclass
class Tap:
    """A channel that keeps what it is given; ``answer`` says what becomes of each attempt."""

    name: str = "slack"
    answer: Callable[[Message], Failure | None] = lambda _: None
    people: tuple[str, ...] = ("one",)
    pages: bool = False
    limit: Limit | None = None
    ends: bool = True
    severities: frozenset[Severity] | None = None
    got: list[tuple[str, Message]] = field(default_factory=list)
    attempts: int = 0

    @property
    def recipients(self) -> list[Recipient]:
        """Who is told."""
        return [Recipient(name, name) for name in self.people]

    @property
    def titles(self) -> list[str]:
        """What arrived."""
        return [message.title for _, message in self.got]

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:
        """Take a message, or not."""
        self.attempts += 1
        await asyncio.sleep(0)
        failure = self.answer(message)
        if failure is None:
            self.got.append((recipient.id, message))
        return failure


def alert(name: str, severity: Severity = Severity.WARNING) -> Alert:
    return Alert(
        id=name,
        alert_type=name,
        name=name,
        severity=severity,
        state=AlertState.FIRING,
        message=name,
        started_at=NOON,
        updated_at=NOON,
    )


def news(
    name: str,
    channel: str = "slack",
    event: NotificationEvent = NotificationEvent.FIRING,
    group: str | None = None,
    severity: Severity = Severity.WARNING,
) -> Notification:
    """That one alert fires or is over."""
    over = event == NotificationEvent.RESOLVED
    state = AlertState.RESOLVED if over else AlertState.FIRING
    return Notification(
        key=f"{name} {event}",
        group_key=group or f"custom:{name}",
        channel=channel,
        event=event,
        severity=severity,
        at=NOON,
        alerts=[alert(name, severity).model_copy(update={"state": state})],
        news=1,
        members={name: "resolved" if over else "firing"},
        severities={name: severity},
    )


async def put(database: AsyncDatabase[Document], channel: Channel, *notifications: Notification) -> None:
    for notification in notifications:
        await enqueue(database, rows_of(notification, channel), FAST)


async def work(database: AsyncDatabase[Document], *channels: Tap, seconds: float = 0) -> int:
    """Deliver once, or again and again for so long."""
    by_name = {channel.name: channel for channel in channels}
    end = asyncio.get_running_loop().time() + seconds
    rng = random.Random(1)  # noqa: S311 (no secret)
    sent = await deliver_due(database, by_name, timing=FAST, rng=rng)
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.01)
        sent += await deliver_due(database, by_name, timing=FAST, rng=rng)
    return sent


def states(database: Database[Document]) -> dict[str, str]:
    """The state of each message by the name of its alert."""
    return {row.notification.alerts[0].name: row.state.value for row in outbox_rows(database)}


def test_duplicates_with_two_nodes(database: Database[Document]) -> None:
    """The same found by two schedulers is one row; eight workers at once send each row once."""
    slack = Tap(people=("one", "two"))

    async def run() -> None:
        db = get_database()
        found = [news(f"alert {number}") for number in range(20)]
        await asyncio.gather(put(db, slack, *found), put(db, slack, *found))
        assert database["outbox"].count_documents({}) == 40
        while database["outbox"].count_documents({"state": {"$ne": "sent"}}):
            await asyncio.gather(*(work(db, slack) for _ in range(8)))

    asyncio.run(run())
    for person in slack.people:
        titles = [message.title for who, message in slack.got if who == person]
        # Two that write at once may each be first with some of them: the order is not the point here.
        assert sorted(titles) == sorted(f"WARNING: alert {number}" for number in range(20))


@pytest.mark.full
def test_lost_while_the_channel_was_down(database: Database[Document]) -> None:
    """Down for an hour: all of it is delivered after, in order, each once; what is outdated is dropped."""
    slack = Tap(answer=lambda _: NO)

    async def run() -> None:
        db = get_database()
        for number in range(6):
            await put(db, slack, news(f"alert {number}"), news(f"state {number}", group=GROUP))
            await work(db, slack, seconds=HOUR / 6)
        tried = slack.attempts
        slack.answer = lambda _: None
        await work(db, slack, seconds=FAST.longest_delay.total_seconds())
        # Backoff: 12 rows, one of which is the oldest and may be asked along with any other.
        assert 12 < tried < 250

    asyncio.run(run())
    assert slack.titles == [
        *(f"WARNING: alert {number}" for number in range(6)),
        "WARNING: state 5",
    ]
    assert states(database) | {"state 5": "sent"} == {
        **{f"alert {number}": "sent" for number in range(6)},
        **{f"state {number}": "superseded" for number in range(5)},
        "state 5": "sent",
    }


def test_429_drops(database: Database[Document]) -> None:
    """Too many requests is not the end of a message: it waits and is sent."""
    answers = iter([Failure("Failed to send: error=429")] * 3)
    slack = Tap(answer=lambda _: next(answers, None))

    async def run() -> None:
        await put(get_database(), slack, news("a"))
        await work(get_database(), slack, seconds=0.5)

    asyncio.run(run())
    assert (slack.titles, slack.attempts) == (["WARNING: a"], 4)


def test_no_digest(database: Database[Document]) -> None:
    """A hundred alerts at once are five messages and one digest; a critical one and an end come through."""
    slack = Tap(limit=Limit(burst=5, per_second=4))

    async def run() -> None:
        db = get_database()
        await put(db, slack, *(news(f"alert {number}") for number in range(100)))
        urgent = news("urgent", severity=Severity.CRITICAL)
        over = news("over", event=NotificationEvent.RESOLVED)
        await put(db, slack, urgent, over)
        await work(db, slack)
        assert slack.titles[5:] == ["CRITICAL: urgent", "RESOLVED after less than a minute: over"]
        await work(db, slack, seconds=1.5)

    asyncio.run(run())
    assert slack.titles[7:] == ["95 delayed alert messages"]
    text = slack.got[-1][1].brief + "\n"
    assert all(f"WARNING: alert {number}\n" in text for number in range(5, 100))
    assert set(states(database).values()) == {"sent"}
    assert len({row.digest for row in outbox_rows(database, limit=300)} - {None}) == 1


def test_a_worker_that_was_killed_is_replaced_after_its_lease(database: Database[Document]) -> None:
    """What it had in hand is sent by another, not before; the messages after it keep their turn."""
    slack = Tap()

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"), news("b"))
        assert await claim(db, outbox_rows(database)[-1].id, FAST)
        assert await work(db, slack, seconds=0.5) == 0
        assert await work(db, slack, seconds=1) == 2

    asyncio.run(run())
    assert slack.titles == ["WARNING: a", "WARNING: b"]


def test_a_worker_that_was_stopped_past_its_lease_does_not_send(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between taking a message in hand and sending it: another may have sent it meanwhile."""
    slack = Tap()

    async def claim_and_stop(
        db: AsyncDatabase[Document], row_id: str, timing: SendTiming
    ) -> OutboxRow | None:
        row = await claim(db, row_id, timing)
        time.sleep(1.1)  # noqa: ASYNC251 (all of the process stands)
        return row

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"))
        with monkeypatch.context() as patch:
            patch.setattr(sender, "claim", claim_and_stop)
            assert await work(db, slack) == 0
        assert slack.attempts == 0
        while not slack.got:
            await work(db, slack)

    asyncio.run(run())
    assert slack.titles == ["WARNING: a"]


def test_what_can_never_arrive_is_told_elsewhere_at_once(database: Database[Document]) -> None:
    """One word to the other channel, with the reason, however many recipients there were."""
    slack, email = Tap(answer=lambda _: NEVER, people=("one", "two")), Tap("email")

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"))
        await work(db, slack, email)
        await work(db, slack, email, seconds=0.2)

    asyncio.run(run())
    assert slack.attempts == 2
    assert email.titles == ["Not delivered elsewhere: WARNING: a"]
    text = email.got[0][1].text
    assert any(f"slack ({one}): Failed to send: error=404" in text for one in slack.people)
    dead = outbox_rows(database, [OutboxState.DEAD])
    assert [row.reason for row in dead] == [NEVER.reason] * 2
    assert send_again(database, dead[0].id)
    slack.answer = lambda _: None
    asyncio.run(_work_once(slack))
    assert slack.titles == ["WARNING: a"]


def test_where_there_is_no_other_channel_the_other_recipients_are_told_who_was_not_reached(
    database: Database[Document],
) -> None:
    """Once; where none of them can be reached either, nobody goes round in circles."""
    email = Tap("email", people=("duty", "lead"))
    refused = {"lead"}

    async def send(recipient: Recipient, message: Message) -> Failure | None:
        email.attempts += 1
        if recipient.id in refused:
            return Failure("refused: 550 no such user", permanent=True)
        email.got.append((recipient.id, message))
        return None

    email.send = send  # type: ignore[method-assign]  # it depends on who is told

    async def run() -> None:
        await put(get_database(), email, news("a", "email"))
        await work(get_database(), email, seconds=0.2)
        told = [(who, message.title) for who, message in email.got]
        assert told == [("duty", "WARNING: a"), ("duty", "Not delivered elsewhere: WARNING: a")]
        assert "email (lead): refused: 550" in email.got[-1][1].text
        refused.add("duty")
        await put(get_database(), email, news("b", "email"))
        await work(get_database(), email, seconds=0.2)

    asyncio.run(run())
    assert len(email.got) == 2
    assert email.attempts < 9


async def _work_once(channel: Tap) -> None:
    await work(get_database(), channel)


@pytest.mark.full
def test_after_six_hours_a_message_is_given_up_and_told_elsewhere(database: Database[Document]) -> None:
    """Not earlier, and with backoff: some thirty attempts in that time."""
    slack, email = Tap(answer=lambda _: NO), Tap("email")

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"))
        await work(db, slack, email, seconds=5.8 * HOUR)
        assert email.titles == []
        await work(db, slack, email, seconds=0.6 * HOUR)

    asyncio.run(run())
    assert email.titles == ["Not delivered elsewhere: WARNING: a"]
    assert 20 < slack.attempts < 80


def test_a_pager_gets_each_alert_and_its_end_with_one_key(database: Database[Document]) -> None:
    """Two rules fire in one check: two incidents, each opened and closed by its fingerprint."""
    pager = Tap("pager", pages=True)
    both = news("a", "pager", group=GROUP).model_copy(
        update={"alerts": [alert("a"), alert("b")], "news": 2, "members": {"a": "firing", "b": "firing"}}
    )

    async def run() -> None:
        db = get_database()
        await put(db, pager, both)
        await work(db, pager)
        await put(db, pager, news("b", "pager", NotificationEvent.RESOLVED, GROUP))
        await work(db, pager)

    asyncio.run(run())
    incidents = [message.incident for _, message in pager.got]
    assert [(one.key, one.over) for one in incidents if one] == [("a", False), ("b", False), ("b", True)]


def test_each_alert_of_a_check_is_shown_as_told_to_a_pager(database: Database[Document]) -> None:
    """Its page says so, and whoever looks after it is told there."""
    pager = Recorder("pager", pages=True)
    record(database, NOON, total=50, failed=12)
    fields = {"metric": "call_failure_rate", "levels": {"critical": 0.1}}
    rules = tuple(AlertRule.model_validate(fields | {"id": name, "name": name}) for name in ("a", "b"))
    check(NOON, pager, rules=rules)
    assert [row["channels"] for row in database["alerts"].find()] == [{"pager": True}] * 2


def test_a_pager_is_not_woken_late_for_what_is_over(database: Database[Document]) -> None:
    """People are told that it was and is over, in one message; the pager stays silent."""
    pager, slack = Recorder("pager", works=False, pages=True), Recorder("slack", works=False)
    record(database, NOON, total=50, failed=12)
    check(NOON, pager, slack)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES, pager, slack)
    pager.works = slack.works = True

    async def run() -> None:
        channels = {"pager": pager, "slack": slack}
        database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
        await deliver_due(get_database(), channels)
        confirmed = await load_records(get_database(), GROUP)
        assert list(confirmed) == ["slack"]

    asyncio.run(run())
    assert slack.words == ["RESOLVED"]
    check(NOON + 5 * FIVE_MINUTES, pager, slack)
    assert (pager.titles, len(slack.titles)) == ([], 1)


def test_one_recipient_that_fails_neither_repeats_nor_delays_the_others(
    database: Database[Document],
) -> None:
    """And hears of the end only if it heard of the beginning."""
    email = Tap("email", people=("ops", "lead"))
    broken = Tap("email", answer=lambda _: NO, people=("ops", "lead"))

    async def run() -> None:
        db = get_database()
        await put(db, email, news("a", "email", group=GROUP))
        await claim(db, "a firing|email|lead", FAST)  # somebody has it in hand, and fails
        await work(db, email)
        await asyncio.sleep(1)
        await work(db, broken)
        await put(db, email, news("a", "email", NotificationEvent.RESOLVED, GROUP))
        await work(db, email, seconds=0.1)

    asyncio.run(run())
    assert [(who, message.title) for who, message in email.got] == [
        ("ops", "WARNING: a"),
        ("ops", "RESOLVED after less than a minute: a"),
    ]


def test_a_message_that_cannot_be_read_holds_up_no_other(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """One that a newer version stored stays for it, and is named once; everybody else is told."""
    slack = Tap()

    async def run() -> None:
        db = get_database()
        await put(db, slack, news("a"))
        (row,) = database["outbox"].find()
        newer = {"_id": "of a newer version", "recipient": "two"}
        newer["notification"] = row["notification"] | {"event": "paused"}
        database["outbox"].insert_one(row | newer)
        assert await work(db, slack) == 1
        await work(db, slack)

    asyncio.run(run())
    assert slack.titles == ["WARNING: a"]
    assert states(database) == {"a": "sent"}
    assert database["outbox"].count_documents({"_id": "of a newer version", "state": "queued"}) == 1
    named = [line.__dict__["id"] for line in caplog.records if "cannot be read" in line.getMessage()]
    assert named == ["of a newer version"]
