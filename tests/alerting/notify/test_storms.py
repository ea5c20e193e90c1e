"""A thousand alerts at once: what is stored stays small, and no channel holds up another."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from bson import encode
from pymongo.database import Database

from core.alerting.channels.base import Failure, Recipient
from core.alerting.channels.configured import configured_channels
from core.alerting.channels.message import Message
from core.alerting.notify import sender
from core.alerting.notify.notification_log import GROUP, load_records
from core.alerting.notify.outbox import rows_of
from core.alerting.notify.sender import Delivery, deliver_due, dispatch
from core.models.alerts import Alert, Notification, NotificationEvent
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage import get_database
from core.types import Document
from tests.alerting.conftest import MailServers, SetUrls
from tests.alerting.notify.test_outbox import NEVER, NO, Tap, alert, news, put
from tests.alerting.state.test_alert_store import FIVE_MINUTES, NOON, Recorder, check, record
from tests.ports import serving

BY_STATE: list[Document] = [{"$group": {"_id": "$state", "n": {"$sum": 1}}}]


def storm(count: int, channel: str = "pager") -> Notification:
    """Return what one check finds when this many alerts begin to fire."""
    alerts = [alert(f"{number:016x}") for number in range(count)]
    return news("storm", channel, group=GROUP).model_copy(
        update={
            "alerts": alerts,
            "news": count,
            "members": {one.id: "firing" for one in alerts},
            "severities": {one.id: one.severity for one in alerts},
            "told_at": {one.id: NOON for one in alerts},
        }
    )


def stored(database: Database[Document]) -> int:
    """Return the size of the outbox in bytes."""
    return sum(len(encode(row)) for row in database["outbox"].find())


def test_twice_as_many_incidents_store_twice_as_much(database: Database[Document]) -> None:
    """Each incident of a pager is a message of its own, which holds its own state and not all others'."""
    pager, sizes = Tap("pager", pages=True), []
    for count in (100, 200):
        database["outbox"].delete_many({})
        asyncio.run(put(get_database(), pager, storm(count)))
        assert database["outbox"].count_documents({}) == count
        sizes.append(stored(database))
    assert sizes[1] < 2.2 * sizes[0]
    assert sizes[1] < 200 * 2_000


def test_whichever_incident_of_a_storm_arrives_first_the_whole_storm_counts_as_told(
    database: Database[Document],
) -> None:
    """The next check decides from what is recorded, as if every message held all of it."""
    found, pager = storm(5), Tap("pager", pages=True)
    ids = [row.id for row in rows_of(found, pager)]
    last = found.alerts[-1].name

    def answer(message: Message) -> Failure | None:
        return None if last in message.title else NO

    pager.answer = answer

    async def run() -> None:
        await dispatch(get_database(), [found], {"pager": pager})
        told = (await load_records(get_database(), GROUP))["pager"]
        assert (told.members, told.severities) == (found.members, found.severities)
        assert told.told_at == found.told_at

    asyncio.run(run())
    assert [row["_id"] for row in database["outbox"].find({"state": "sent"})] == [ids[-1]]


def _one_of(found: Notification, one: Alert, event: NotificationEvent, key: str) -> Notification:
    over = event == NotificationEvent.RESOLVED
    states = dict.fromkeys(found.members, "firing") | {one.id: "resolved" if over else "firing"}
    changed = one.model_copy(update={"state": states[one.id]})
    fields: Document = {"alerts": [changed], "news": 1, "event": event, "members": states, "key": key}
    return found.model_copy(update=fields | {"at": found.at + timedelta(minutes=len(key))})


def test_an_incident_that_a_pager_refused_pages_when_it_comes_back(database: Database[Document]) -> None:
    """Another was taken, so both count as told; that the refused one ends is recorded though not sent."""
    found, pager = storm(2), Tap("pager", pages=True)
    refused = found.alerts[0]

    def answer(message: Message) -> Failure | None:
        return NEVER if refused.name in message.title else None

    pager.answer = answer

    async def run() -> None:
        db = get_database()
        await dispatch(db, [found], {"pager": pager})
        pager.answer = lambda _: None
        end = _one_of(found, refused, NotificationEvent.RESOLVED, "end")
        await dispatch(db, [end], {"pager": pager})
        told = (await load_records(db, GROUP))["pager"]
        assert not told.knows(refused.id)
        assert told.knows(found.alerts[1].id)

    asyncio.run(run())
    assert len(pager.got) == 1


def test_a_pager_is_not_woken_late_for_what_is_over_while_something_else_goes_on(
    database: Database[Document],
) -> None:
    """Each incident is judged by its own state; the one that is over pages as a new one if it comes back."""
    pager = Recorder("pager", works=False, pages=True)
    fails = {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.1}}
    many = {"id": "many", "name": "Many calls", "metric": "total_calls", "levels": {"critical": 40}}
    rules = (AlertRule.model_validate(fails), AlertRule.model_validate(many))
    record(database, NOON, total=50, failed=12)
    check(NOON, pager, rules=rules)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES, pager, rules=rules)
    pager.works = True
    database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
    asyncio.run(_deliver(pager))
    assert pager.titles == ["CRITICAL: Many calls: Calls 50, limit 40"]
    check(NOON + 5 * FIVE_MINUTES, pager, rules=rules)
    record(database, NOON + 8 * FIVE_MINUTES, total=50, failed=12)
    check(NOON + 8 * FIVE_MINUTES, pager, rules=rules)
    assert len(pager.titles) == 2
    assert "Calls fail" in pager.titles[1]


async def _deliver(channel: Recorder) -> None:
    await deliver_due(get_database(), {channel.name: channel})


@pytest.mark.full
def test_a_storm_at_a_slow_webhook_does_not_keep_mails_waiting(
    database: Database[Document],
    mail_servers: MailServers,
    raw: Callable[[float], int],
    extra: SetUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mail is on its way at once; the pages that are not sent in this pass are left to the next."""
    monkeypatch.setattr(sender, "LONGEST_PASS_SECONDS", 6)
    monkeypatch.setenv("ALERT_ALLOW_INSECURE", "1")
    extra(f"hook=json://127.0.0.1:{raw(4)}/alerts")
    mails = mail_servers("plain")

    async def run() -> None:
        found = storm(150, "hook"), storm(1, "email")
        sending = asyncio.create_task(dispatch(get_database(), found, configured_channels(get_settings())))
        await asyncio.sleep(5)
        assert len(mails.received) == 2
        assert await sending == [Delivery.SENT] * 2

    asyncio.run(run())
    counts = {row["_id"]: row["n"] for row in database["outbox"].aggregate(BY_STATE)}
    assert counts["sent"] > 8
    assert counts["queued"] > 100
    assert not database["outbox"].count_documents({"reason": {"$ne": None}})


def test_a_pager_that_fails_slowly_does_not_hold_up_the_next_pass(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hundred pages wait; what another channel is to be sent by then is looked at soon."""
    monkeypatch.setattr(sender, "LONGEST_PASS_SECONDS", 1)
    pager = Tap("pager", pages=True)

    async def send(recipient: Recipient, message: Message) -> Failure | None:
        await asyncio.sleep(0.2)
        return NO

    pager.send = send  # type: ignore[method-assign]  # it takes its time

    async def run() -> None:
        await put(get_database(), pager, storm(100))
        began = time.monotonic()
        assert await deliver_due(get_database(), {"pager": pager}) == 0
        assert time.monotonic() - began < 3

    asyncio.run(run())


class _Slow(BaseHTTPRequestHandler):
    """Takes every post after so long."""

    seconds = 0.0

    def do_POST(self) -> None:
        """Read and take it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.seconds)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Say nothing."""


@pytest.fixture
def raw() -> Iterator[Callable[[float], int]]:
    """Starts a web server that takes its time, and gives its port."""
    with ExitStack() as stack:

        def start(seconds: float) -> int:
            handler = type("Slow", (_Slow,), {"seconds": seconds})
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            stack.enter_context(serving(server))
            return server.server_address[1]

        yield start
