"""What goes over the wire to Slack, and what its answers mean."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.alerting.channels import configured
from core.alerting.channels.layout import Tone, cut, length
from core.alerting.channels.message import Message
from core.alerting.channels.rate_limit import Limit
from core.alerting.channels.slack import payload
from core.services.alert_service import AlertService
from core.storage.server.connection import server_time
from core.types import Document
from tests.alerting.channels.wire import WebServer, check, deliver, one_row
from tests.alerting.state.test_alert_store import NOON, record


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "sent"),
        (404, "dead"),
        (410, "dead"),
        (302, "dead"),
        (408, "queued"),
        (429, "queued"),
        (500, "queued"),
    ],
)
def test_what_slack_answers_decides_whether_to_try_again(
    database: Database[Document], slack: WebServer, status: int, state: str
) -> None:
    """A wrong address is final, too many requests and a fault are not; a redirect is not followed."""
    slack.status = status
    answer = asyncio.run(AlertService().send_alert("x", "warning", "It grows"))
    assert answer["slack"] is (status == 200)
    assert one_row(database).state == state
    assert len(slack.posts) == 1
    if state != "queued":
        return
    slack.status = 200
    database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
    assert asyncio.run(deliver()) == 1
    assert len(slack.posts) == 2
    assert one_row(database).state == "sent"


@pytest.mark.parametrize(
    ("said", "least"), [("45", 40), ("999999999999", 3_500), ("Fri, 31 Dec 2199 23:59:59 GMT", 3_500)]
)
def test_slack_is_left_alone_for_as_long_as_it_asks(
    database: Database[Document], slack: WebServer, said: str, least: float
) -> None:
    """Neither the same message nor another, however urgent; an hour at most, and then nothing is lost."""
    slack.status, slack.retry_after = 429, said
    asyncio.run(AlertService().send_alert("x", "warning", "It grows"))
    assert one_row(database).state == "queued"
    asyncio.run(AlertService().send_alert("y", "critical", "It grows"))
    asyncio.run(deliver())
    assert len(slack.posts) == 1
    now = server_time(database)
    assert all(least < (row["due_at"] - now).total_seconds() <= 3_600 for row in database["outbox"].find())
    slack.status, slack.retry_after = 200, None
    database["rate_limits"].update_many({}, [{"$set": {"closed_until": "$$NOW"}}])
    database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
    assert asyncio.run(deliver()) == 2


@pytest.mark.parametrize("said", ["", "soon", "-1", "0", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_wait_that_makes_no_sense_is_none(
    database: Database[Document], slack: WebServer, said: str
) -> None:
    """The message keeps to the usual times."""
    slack.status, slack.retry_after = 429, said
    asyncio.run(AlertService().send_alert("x", "warning", "It grows"))
    due = one_row(database).due_at
    assert due is not None
    assert (due - server_time(database)).total_seconds() < 16


def test_slack_has_words_for_the_notice_on_a_phone_and_a_title_that_leads_somewhere(
    database: Database[Document], slack: WebServer
) -> None:
    """A payload without text shows as an empty notice, and a screen reader says nothing."""
    record(database, NOON, total=50, failed=12)
    check(NOON)
    ((_, payload),) = slack.posts
    (attachment,) = payload["attachments"]
    title = "CRITICAL: Call failure rate 24 % (12 of 50 calls), limit 10 %"
    assert (payload["text"], attachment["fallback"], attachment["title"]) == (title, title, title)
    assert attachment["title_link"].startswith("http://localhost:3000/?period=custom&from=2024-10-24T17:15")


@given(st.text(max_size=4_000), st.text(max_size=20_000) | st.sampled_from(["&" * 9_000, "दी " * 9_000]))
@settings(max_examples=40)
def test_no_text_is_longer_than_slack_and_pagerduty_take(title: str, text: str) -> None:
    """Counted as they count it; what is cut is said."""
    posted = payload(Message(title, text, text, Tone.CRITICAL))
    (attachment,) = posted["attachments"]
    assert len(attachment["text"]) <= 8_000
    assert length(cut(text, 1_024)) <= 1_024
    if length(text) > 8_000:
        assert attachment["text"].endswith("(cut)")
        assert cut(text, 1_024).endswith("(cut)")


def test_what_comes_faster_than_slack_takes_waits_and_says_so(
    database: Database[Document],
    slack: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sender can tell it from what was not delivered, and the log has a line of it."""
    monkeypatch.setattr(configured, "SLACK_LIMIT", Limit(burst=1, per_second=0.001))
    answers = [asyncio.run(AlertService().send_alert(name, "warning", "It grows")) for name in ("a", "b")]
    assert answers == [{"email": False, "slack": True}, {"email": False, "slack": False}]
    assert [answer.waiting for answer in answers] == [frozenset(), frozenset({"slack"})]
    (line,) = [line for line in caplog.records if line.getMessage().startswith("Alert waits")]
    assert (line.__dict__["channel"], line.__dict__["alerts"]) == ("slack", ["b"])
    assert sorted(row["state"] for row in database["outbox"].find()) == ["queued", "sent"]
    slack.status = 500
    (failed,) = [asyncio.run(AlertService().send_alert("c", "critical", "It grows"))]
    assert (failed["slack"], failed.waiting) == (False, frozenset())
