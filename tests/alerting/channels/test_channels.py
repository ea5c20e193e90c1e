"""What really arrives: a mail at a real mail server, a post at a real TLS server in Slack's name."""

import asyncio
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from pymongo.database import Database

from core.alerting.channels import mail
from core.alerting.channels.apprise_sender import AppriseSender
from core.alerting.channels.layout import Tone
from core.alerting.channels.message import Message
from core.alerting.notify.sender import Delivery
from core.errors import UserError
from core.services.alert_service import AlertService, check_and_send_alerts
from core.settings import get_settings
from core.storage.server.connection import get_database
from core.types import Document
from tests.alerting.channels.wire import (
    WEBHOOK_PATH,
    Mails,
    WebServer,
)
from tests.alerting.state.test_alert_store import NOON, record
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
LINK = "http://localhost:3000/?period=custom&from=2024-10-24T17:15&to=2024-10-24T17:30&status=failed"


def text_of(mail: EmailMessage) -> str:
    return _part(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


def test_an_alert_arrives_as_a_readable_mail(database: Database[Document], mails: Mails) -> None:
    """Encrypted, authenticated, one for each recipient, in plain words with zone and links."""
    record(database, NOON, total=50, failed=12)
    report = asyncio.run(check_and_send_alerts(get_database(), at=NOON))
    assert [sending.delivered for sending in report.sendings] == [Delivery.SENT]
    assert sorted(mail["To"] for mail in mails.received) == ["lead@example.com", "ops@example.com"]
    mail = mails.received[0]
    assert mail["Subject"] == "CRITICAL: Call failure rate 24 % (12 of 50 calls), limit 10 %"
    assert mail["From"] == "Voice agent <alerts@example.com>"
    assert text_of(mail).splitlines() == [
        "Call failure rate 24 % (12 of 50 calls), limit 10 %",
        "",
        "Since      24 Oct 2024, 17:30 IST",
        "Period     24 Oct 2024, 17:15–17:30 IST",  # noqa: RUF001 (an en dash)
        "Calls      50",
        "Runbook    http://localhost:3000/runbooks?name=call_failure_rate",
        *(f"Example {n}  http://localhost:3000/calls?call_id=241200-{12 - n}" for n in (1, 2, 3)),
        f"Dashboard  {LINK}",
    ]
    assert f'<a href="{LINK.replace("&", "&amp;")}">' in html_of(mail)
    assert len({mail["X-Alert-Reference"] for mail in mails.received}) == 1


def test_the_agent_sends_an_alert_of_its_own(database: Database[Document], mails: Mails) -> None:
    """It is told who got it, and the dashboard shows it until four hours after the last time."""
    service = AlertService()

    async def send() -> None:
        answer = await service.send_alert(
            alert_type="custom_metric",
            severity="warning",
            message="The queue of leads grows",
            current_value=75.5,
            threshold_value=50.0,
            metadata={"campaign": "diwali", "since": NOON, "nested": {"a": 2**70}},
        )
        assert answer == {"email": True, "slack": False}
        (active,) = await service.get_active_alerts()
        assert (active.alert_type, active.severity, active.current_value) == (
            "custom_metric",
            "warning",
            75.5,
        )

    asyncio.run(send())
    assert mails.received[0]["Subject"] == "WARNING: custom_metric: The queue of leads grows"
    assert "Value      75.5\nLimit      50\ncampaign   diwali" in text_of(mails.received[0])


def test_no_words_of_an_alert_call_everybody_in_a_chat(web: WebServer) -> None:
    """Names of campaigns come from outside; a mail address stays as it is."""
    words = "@channel @all, (@here) <@1234> @**all** ops@example.com"
    said = Message("CRITICAL: @everyone", words, words, Tone.CRITICAL)
    assert AppriseSender(lambda _: f"mmosts://webhook.example.com/{'a' * 26}")(said) is None
    ((_, payload),) = web.posts
    assert "ops@example.com" in payload["text"]
    assert re.findall(r"(?<!ops)@[\w*]+", payload["text"]) == []
    assert payload["text"].count("@\u200b") == 6


def test_a_wrong_password_is_false_and_nowhere_to_be_seen(
    mails: Mails, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says that the server refused it, and neither password nor user data."""
    monkeypatch.setenv("SMTP_PASSWORD", "wr0ng/s3cret")
    get_settings.cache_clear()
    with caplog.at_level(logging.DEBUG):
        answer = asyncio.run(AlertService().send_test_alert())
    assert answer == {"email": False, "slack": False}
    assert mails.received == []
    assert "535" in logged(caplog)
    assert "wr0ng" not in logged(caplog)
    assert "s3cret" not in logged(caplog)


def test_one_refused_recipient_does_not_repeat_the_mail_to_the_others(
    database: Database[Document],
    mails: Mails,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An address with a slip in it must not send everybody else a mail every five minutes."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "nobody@example.com,ops@example.com")
    get_settings.cache_clear()
    record(database, NOON, total=50, failed=12)

    async def check_twice() -> None:
        await check_and_send_alerts(None, at=NOON)
        await check_and_send_alerts(None, at=NOON)
        assert await AlertService().send_test_alert() == {"email": False, "slack": False}

    with caplog.at_level(logging.ERROR):
        asyncio.run(check_twice())
    assert "recipient 1 of ALERT_EMAIL_TO" in logged(caplog)
    assert [mail["To"] for mail in mails.received] == ["ops@example.com"] * 2


def test_a_certificate_nobody_vouches_for_is_refused(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password goes to nobody who cannot prove to be the mail server."""
    monkeypatch.delenv("SSL_CERT_FILE")
    assert asyncio.run(AlertService().send_test_alert())["email"] is False


@pytest.mark.full
def test_an_alert_is_delivered_while_the_database_is_away(
    mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may be the very thing it is about."""
    monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{free_port()}")
    get_settings.cache_clear()
    answer = asyncio.run(AlertService().send_alert("database_down", "critical", "MongoDB is away"))
    assert answer == {"email": True, "slack": False}
    assert len(mails.received) == 2


@pytest.mark.full
@pytest.mark.parametrize("implicit_tls", [False, True])
def test_a_mail_server_that_never_answers_is_false_within_seconds(
    monkeypatch: pytest.MonkeyPatch, implicit_tls: bool
) -> None:
    """It accepts the connection and falls silent; the agent gets its answer all the same."""
    monkeypatch.setenv("SMTP_SERVER", "127.0.0.1")
    monkeypatch.setenv("ALERT_EMAIL_FROM", "alerts@example.com")
    monkeypatch.setenv("ALERT_EMAIL_TO", "a@example.com,b@example.com")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("SMTP_PORT", str(port))
        monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", port if implicit_tls else 465)
        get_settings.cache_clear()
        began = time.monotonic()
        assert asyncio.run(AlertService().send_test_alert())["email"] is False
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x", "urgent", "text"), "severity 'urgent' is unknown; use one of info, warning, critical"),
        (("", "info", "text"), "alert_type must be a text"),
        (("x", "info", " "), "message is empty"),
        (("x", "info", "text", "many"), "current_value: "),
    ],
)
def test_bad_arguments_are_one_line(arguments: tuple[str, ...], said: str) -> None:
    """The agent's author sees what to change."""
    with pytest.raises(UserError, match=said):
        asyncio.run(AlertService().send_alert(*arguments))  # type: ignore[arg-type]  # on purpose


def test_without_channels_the_answer_is_false_for_each() -> None:
    """Both keys are always there."""
    assert asyncio.run(AlertService().send_test_alert()) == {"email": False, "slack": False}


SEND = """
import asyncio, json, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from core.services.alert_service import AlertService
text = "Look at <!channel> & <http://evil.example|this>"
print(json.dumps(asyncio.run(AlertService().send_alert("custom", "critical", text))))
"""


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged at any level, extras included."""
    return "\n".join(f"{line.getMessage()} {line.__dict__}" for line in caplog.records)


@pytest.mark.full
def test_an_alert_arrives_at_slack(database: Database[Document], slack: WebServer) -> None:
    """Red, with a title, and its text pings nobody; the webhook is in no log, even at DEBUG."""
    done = subprocess.run(
        [sys.executable, "-c", SEND],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "DEBUG"},
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"email": False, "slack": True}
    ((path, payload),) = slack.posts
    assert path == WEBHOOK_PATH
    (attachment,) = payload["attachments"]
    assert attachment["title"].startswith("CRITICAL: custom: Look at &lt;!channel&gt;")
    assert "Dashboard: http://localhost:3000/?period=custom&amp;from=" in attachment["text"]
    assert "<!channel>" not in json.dumps(payload)
    assert "secret" not in (done.stdout + done.stderr).lower()


def test_a_revoked_webhook_is_false_and_said_without_the_token(
    slack: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the channel and Slack's answer."""
    slack.status = 403
    with caplog.at_level(logging.DEBUG):
        answer = asyncio.run(AlertService().send_test_alert())
    assert answer == {"email": False, "slack": False}
    assert len(slack.posts) == 1
    assert "Alert not delivered" in logged(caplog)
    assert "error=403" in logged(caplog)
    assert "secret" not in logged(caplog).lower()


def test_a_slack_that_cannot_be_reached_is_false(
    slack: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of the HTTP client carries the whole URL; the log does not."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.DEBUG):
        answer = asyncio.run(AlertService().send_test_alert())
    assert answer == {"email": False, "slack": False}
    assert "Connection refused" in logged(caplog)
    assert "secret" not in logged(caplog).lower()
