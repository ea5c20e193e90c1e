"""Who is reminded of what, and who hears of an end."""

import asyncio
import re
from datetime import datetime, timedelta

import pytest
from pymongo.database import Database

from core.alerting.actions import acknowledge, close
from core.alerting.channels.base import Failure, Recipient
from core.alerting.channels.configured import configured_channels
from core.alerting.channels.message import Message
from core.alerting.check import check_alerts
from core.alerting.state.alert_store import AlertStore, active_alerts
from core.models.alerts import Severity
from core.models.rules import AlertRule
from core.services.alert_service import AlertService
from core.settings import get_settings
from core.storage import get_database
from core.storage.server.connection import server_time
from core.types import Document
from tests.alerting.channels.test_channels import text_of
from tests.alerting.channels.wire import PAGERDUTY, Mails, WebServer
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

HOUR = timedelta(hours=1)


def rule(name: str, **changes: object) -> AlertRule:
    fields = {"id": name.lower(), "name": name, "metric": "call_failure_rate", "levels": {"warning": 0.1}}
    return AlertRule.model_validate(fields | changes)


def test_an_acknowledged_alert_is_not_repeated_along_with_another(database: Database[Document]) -> None:
    """It stands in one line, with whoever looks after it; a pager hears of the other alone."""
    email, pager = Recorder("email"), Recorder("pager", pages=True)
    rules = (rule("A"), rule("B"))
    for hours in (0, 4.1):
        record(database, NOON + hours * HOUR, total=20, failed=10)
        check(NOON + hours * HOUR, email, pager, rules=rules)
        if not hours:
            (first,) = [alert for alert in active_alerts(database) if alert.name == "A"]
            acknowledge(database, first.id, "asha", now=NOON + 3 * HOUR)
    assert len(pager.titles) == 4  # the beginnings, that somebody looks after A, and the reminder
    assert pager.titles[-1].startswith("Still WARNING after 4 h 6 min: B")
    assert email.titles[-1].startswith("Still 2 warning firing: B")


def test_a_channel_for_critical_alerts_is_not_reminded_of_what_eased(database: Database[Document]) -> None:
    """It hears of the end."""
    boss = Recorder("boss", severities=frozenset({Severity.CRITICAL}))
    email = Recorder("email")
    both = rule("A", levels={"warning": 0.1, "critical": 0.4})
    for hours, failed in ((0, 10), (2, 4), (4.1, 4), (8.3, 4), (9, 0)):
        record(database, NOON + hours * HOUR, total=20, failed=failed)
        check(NOON + hours * HOUR, boss, email, rules=(both,))
    assert boss.words == ["CRITICAL", "RESOLVED"]
    assert len(email.titles) == 4


class Reader(Recorder):
    """Keeps whole messages: which alert is told at length, and which in one line."""

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:  # noqa: ARG002 (as Channel has it)
        """Take a message."""
        self.titles.append(message.text)
        return None


def test_a_rule_has_reminders_of_its_own(database: Database[Document]) -> None:
    """Each alert comes again after its own time, and one does not put off the other."""
    email = Reader("email")
    rules = (rule("Often", repeat="1h"), rule("Rarely"))
    said: dict[int, str] = {}
    for minutes in range(0, 280, 30):
        at = NOON + timedelta(minutes=minutes)
        record(database, at, total=20, failed=10)
        check(at, email, rules=rules)
        if len(email.titles) > len(said):
            said[minutes] = email.titles[-1]
    assert list(said) == [0, 60, 120, 180, 240]
    assert all("Still WARNING after" in said[minutes] for minutes in (60, 120, 180, 240))
    at_length = [minutes for minutes, text in said.items() if re.search("after .*: Rarely", text)]
    assert at_length == [240]
    assert "Rarely 50 % (10 of 20 calls), limit 10 % (still firing)" in said[60]


@pytest.fixture
def channels(web: WebServer, mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail, and a pager that takes critical alerts."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    monkeypatch.setenv("ALERT_APPRISE_URLS", f"pager={PAGERDUTY}")
    get_settings.cache_clear()


@pytest.mark.parametrize("how", ["by the agent", "by hand", "after four hours"])
def test_the_end_of_the_agents_own_alert_is_told_to_whoever_heard_of_it(
    database: Database[Document], web: WebServer, mails: Mails, channels: None, how: str
) -> None:
    """Once: an incident that it opened is closed."""
    service = AlertService()
    asyncio.run(service.send_alert("crm_push", "critical", "Leads do not arrive"))
    (alert,) = active_alerts(database)
    if how == "by the agent":
        assert asyncio.run(service.resolve_alert("crm_push")) == {
            "email": True,
            "slack": False,
            "pager": True,
        }
        assert asyncio.run(service.resolve_alert("crm_push")) == {"email": False, "slack": False}
    elif how == "by hand":
        close(database, alert.id, "asha")
    for step in range(2):
        asyncio.run(_look(server_time(database) + (4 + step) * HOUR))
    events = [payload["event_action"] for _, _, payload in web.received]
    keys = {payload["dedup_key"] for _, _, payload in web.received}
    assert (events, len(keys)) == (["trigger", "resolve"], 1)
    assert [mail["Subject"].split(":")[0].split(" after ")[0] for mail in mails.received] == [
        "CRITICAL",
        "RESOLVED",
    ]
    assert "after" in text_of(mails.received[1])


async def _look(at: datetime) -> None:
    await check_alerts(get_database(), at, rules=(), channels=configured_channels(get_settings()))


def test_a_channel_that_never_got_the_agents_alert_hears_nothing_of_its_end(
    database: Database[Document], web: WebServer, mails: Mails, channels: None
) -> None:
    """The pager takes critical ones alone."""
    service = AlertService()
    asyncio.run(service.send_alert("crm_push", "warning", "Leads come late"))
    assert asyncio.run(service.resolve_alert("crm_push")) == {"email": True, "slack": False}
    assert web.received == []
    assert active_alerts(database) == []
    assert asyncio.run(AlertStore(get_database()).untold_ends()) == []
