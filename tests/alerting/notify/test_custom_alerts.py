"""The agent's own alerts, while somebody looks after them or wants to hear nothing of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.actions import acknowledge, silence
from core.alerting.board import fired_between, history
from core.alerting.channels.configured import configured_channels
from core.alerting.check import check_alerts
from core.alerting.notify.muting import matchers_of
from core.alerting.state.alert_store import active_alerts
from core.models.alerts import Alert
from core.services.alert_service import AlertService, Answer, check_and_send_alerts
from core.settings import get_settings
from core.storage import get_database
from core.storage.server.connection import server_time, server_time_async
from core.types import Document
from tests.alerting.channels.wire import WebServer

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


def send(severity: str = "critical") -> Answer:
    return asyncio.run(AlertService().send_alert("crm_push", severity, "Leads do not arrive"))


def look(at: datetime) -> None:
    """One check, without rules."""
    channels = configured_channels(get_settings())
    asyncio.run(check_alerts(get_database(), at, rules=(), channels=channels))


def only(database: Database[Document]) -> Alert:
    (alert,) = active_alerts(database)
    return alert


def first_words(slack: WebServer) -> list[str]:
    return [payload["text"].split(":")[0].split(" after ")[0] for _, payload in slack.posts]


def events(database: Database[Document]) -> list[str]:
    return [line.event for line in history(database) if line.channel is None][::-1]


def test_a_silenced_alert_of_the_agent_is_kept_and_not_sent_again(
    database: Database[Document], slack: WebServer
) -> None:
    """Not by the agent; once the silence is over, a check sends it, once."""
    assert (send()["slack"], send().held_back) == (True, False)
    now = server_time(database)
    made = silence(database, matchers_of(only(database)), now, now + 5 * MINUTE, "asha", "known")
    answer = send()
    assert (answer["slack"], answer.held_back) == (False, True)
    assert only(database).silenced_by == [made.id]
    assert first_words(slack) == ["CRITICAL", "CRITICAL"]
    look(now + 4 * MINUTE)
    assert len(slack.posts) == 2
    for minutes in (5, 6):
        look(now + minutes * MINUTE)
    assert (first_words(slack), only(database).silenced_by) == (["CRITICAL"] * 3, [])


def test_a_silence_from_before_it_fires_holds_it_back(database: Database[Document], slack: WebServer) -> None:
    """Nobody then hears that it has ended."""
    now = server_time(database)
    silence(database, {"rule": ["crm_*"]}, now, now + 5 * MINUTE, "asha", "known")
    assert send().held_back
    asyncio.run(AlertService().resolve_alert("crm_push"))
    assert slack.posts == []


@pytest.mark.parametrize(("then", "sent"), [("warning", False), ("critical", True)])
def test_an_acknowledged_alert_of_the_agent_is_sent_again_only_if_it_gets_worse(
    database: Database[Document], slack: WebServer, then: str, sent: bool
) -> None:
    """It stays acknowledged while it is no worse, also when it is sent once more."""
    send("warning")
    acknowledge(database, only(database).id, "asha", "Restarting")
    for _ in range(2):
        answer = send(then)
    assert (answer.held_back, answer["slack"]) == (not sent, sent)
    held = only(database).acknowledged
    assert (held is None) == sent
    assert held is None or (held.author, held.comment) == ("asha", "Restarting")
    assert first_words(slack) == ["WARNING", *["CRITICAL"] * (2 if sent else 0)]


def test_an_acknowledgement_that_has_expired_holds_nothing_back(
    database: Database[Document], slack: WebServer
) -> None:
    send()
    before = server_time(database) - 60 * MINUTE
    acknowledge(database, only(database).id, "asha", now=before, lasts=30 * MINUTE)
    assert send()["slack"]
    assert only(database).acknowledged is None


def test_an_alert_that_the_agent_sends_six_times_has_fired_once(
    database: Database[Document], slack: WebServer
) -> None:
    """The history says when it got worse and better; after its end it fires anew."""
    start = server_time(database)
    for severity in ("warning", "warning", "critical", "critical", "warning", "warning"):
        send(severity)
    assert events(database) == ["firing", "escalated", "eased"]
    began = only(database).started_at
    assert began <= start + MINUTE
    asyncio.run(AlertService().resolve_alert("crm_push"))
    send()
    assert events(database)[-2:] == ["resolved", "firing"]
    assert only(database).started_at > began
    assert len(fired_between(database, start - MINUTE, start + 60 * MINUTE)) == 2


def test_one_that_several_processes_send_at_once_has_fired_once(
    database: Database[Document], slack: WebServer
) -> None:
    async def together() -> None:
        every = [AlertService().send_alert("crm_push", "critical", f"Down {n}") for n in range(8)]
        await asyncio.gather(*every)

    asyncio.run(together())
    assert events(database) == ["firing"]


@contextmanager
def a_year_ahead() -> Iterator[None]:
    """The database server's clock, as the agent and the checks are told it, is ahead for a while."""
    with pytest.MonkeyPatch.context() as patch:

        async def ahead(db: AsyncDatabase[Document]) -> datetime:
            return await server_time_async(db) + YEAR

        patch.setattr("core.services.alert_service.server_time_async", ahead)
        yield


def test_a_clock_that_was_ahead_silences_no_alert_of_the_agent(
    database: Database[Document], slack: WebServer
) -> None:
    """Sent and acknowledged in a year's time; by the right clock it lasts four hours, and so does that."""
    with a_year_ahead():
        assert send()["slack"]
        acknowledge(database, only(database).id, "asha", now=server_time(database) + YEAR)
    now = server_time(database)
    asyncio.run(check_and_send_alerts())
    alert = only(database)
    assert alert.started_at <= server_time(database)
    assert alert.acknowledged
    assert alert.acknowledged.until < now + 5 * HOUR
    asyncio.run(check_alerts(get_database(), now + 5 * HOUR, rules=(), channels={}, present=True))
    assert active_alerts(database) == []
    answer = send()
    assert (answer["slack"], answer.held_back) == (True, False)


def test_the_end_of_an_agents_alert_is_told_though_a_clock_was_ahead_at_an_earlier_one(
    database: Database[Document], slack: WebServer
) -> None:
    """What was sent then is dated later than everything until next year."""
    with a_year_ahead():
        send()
        assert asyncio.run(AlertService().resolve_alert("crm_push"))["slack"]
    asyncio.run(check_and_send_alerts())
    send()
    assert only(database).channels == {"slack": True}
    assert asyncio.run(AlertService().resolve_alert("crm_push"))["slack"]
    assert first_words(slack) == ["CRITICAL", "RESOLVED"] * 2


@pytest.mark.parametrize("odd", ["\0", "a\0b", "\ud800", "$where", "a.b", ""])
def test_whatever_the_metadata_of_an_alert_is_the_alert_is_on_its_page(
    database: Database[Document], slack: WebServer, odd: str
) -> None:
    """Sent twice, it is one alert; what no store can hold is written in another way."""
    for _ in range(2):
        sending = AlertService().send_alert(
            "crm_push", "critical", "Leads do not arrive", metadata={odd: odd, "in": {odd: [{odd: 1}]}}
        )
        assert asyncio.run(sending)["slack"]
    assert len(only(database).metadata) == 2
