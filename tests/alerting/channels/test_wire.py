"""What goes over the wire to mail servers, Slack and pagers, and what their answers mean."""

import asyncio
import logging
import subprocess
import sys
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.alerting.channels import mail
from core.alerting.channels.configured import configured_channels
from core.alerting.channels.cutting import cut, length
from core.alerting.channels.message import Message, Tone
from core.alerting.channels.slack import payload
from core.alerting.notify.sender import deliver_due
from core.doctor.channels import channels
from core.doctor.result import State
from core.errors import UserError
from core.models.outbox import OutboxRow
from core.services.alert_service import AlertService, check_and_send_alerts
from core.settings import SettingsError, get_settings
from core.storage.server.connection import get_database, server_time
from core.types import Document
from tests.alerting.channels.wire import UMLAUT_PASSWORD, Mails, WebServer
from tests.alerting.conftest import MailServers
from tests.alerting.state.test_alert_store import NOON, record
from tests.ports import free_port

PAGERDUTY = "pagerduty://R0UTINGKEY0123456789@apikey-0123456789"
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets ALERT_APPRISE_URLS."""

    def set_urls(urls: str) -> None:
        monkeypatch.setenv("ALERT_APPRISE_URLS", urls)
        get_settings.cache_clear()

    return set_urls


def key_of(database: Database[Document], alert: Document) -> str:
    """An alert's key at a pager: the installation, and the alert's fingerprint."""
    (installation,) = database["installation"].find()
    return f"{installation['name']}.{alert['_id']}"


def check(at: datetime) -> None:
    """One check, with the channels of the settings."""
    asyncio.run(check_and_send_alerts(get_database(), at=at))


def one_row(database: Database[Document]) -> OutboxRow:
    """The only message of the outbox."""
    (document,) = database["outbox"].find()
    return OutboxRow.model_validate(document)


def try_channel(name: str) -> str | None:
    """Why a test message did not reach the only recipient of a channel."""
    outcome = asyncio.run(AlertService().try_channels())
    (reason,) = outcome[name].values()
    return reason


@pytest.mark.parametrize(
    "given", ["duty@x.org;lead@x.org", "duty@x.org, lead@x.org", "Duty <duty@x.org>; lead@x.org,"]
)
def test_addresses_may_be_parted_by_semicolons(
    mails: Mails, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """As address books give them: everybody gets a mail of their own."""
    monkeypatch.setenv("ALERT_EMAIL_TO", given)
    get_settings.cache_clear()
    outcome = asyncio.run(AlertService().try_channels("email"))
    assert len(outcome["email"]) == len(mails.received) == 2
    assert sorted(parseaddr(mail["To"])[1] for mail in mails.received) == ["duty@x.org", "lead@x.org"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_EMAIL_TO", "duty@x.org lead@x.org"),
        ("ALERT_EMAIL_TO", "duty@x.org,lead"),
        ("ALERT_EMAIL_TO", "duty@x.org,@x.org"),
        ("ALERT_EMAIL_TO", "duty@@x.org"),
        ("ALERT_EMAIL_FROM", "Voice agent"),
        ("ALERT_EMAIL_FROM", "a@x.org, b@x.org"),
    ],
)
def test_what_is_no_address_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """By the name of the variable: somebody there would never get a mail."""
    monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=name):
        get_settings()


@pytest.mark.parametrize("mode", ["starttls", "ssl"])
def test_mail_is_encrypted_and_authenticated(
    mail_servers: MailServers, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """STARTTLS, or TLS from the start on the port for it; the servers insist on the password."""
    received = mail_servers(mode)
    if mode == "ssl":
        monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", get_settings().smtp_port)
    assert asyncio.run(AlertService().send_test_alert())["email"] is True
    assert sorted(mail["To"] for mail in received.received) == ["lead@example.com", "ops@example.com"]


def test_a_plain_relay_is_used_only_where_that_is_allowed(
    mail_servers: MailServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves unencrypted by accident."""
    received = mail_servers("plain")
    assert asyncio.run(AlertService().send_test_alert())["email"] is False
    assert received.received == []
    monkeypatch.setenv("ALERT_ALLOW_INSECURE", "1")
    get_settings.cache_clear()
    assert asyncio.run(AlertService().send_test_alert())["email"] is True
    assert len(received.received) == 2


@pytest.mark.parametrize(
    ("address", "state", "reason"), [("nobody@x.org", "dead", "550"), ("later@x.org", "queued", "451")]
)
def test_a_refusal_for_good_is_told_from_one_for_now(
    database: Database[Document],
    mails: Mails,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    state: str,
    reason: str,
) -> None:
    """With mail 5xx is final; the reason is kept, the address is not in it."""
    monkeypatch.setenv("ALERT_EMAIL_TO", address)
    get_settings.cache_clear()
    asyncio.run(AlertService().send_alert("x", "warning", "It grows"))
    row = one_row(database)
    assert (row.state, row.reason is not None and reason in row.reason) == (state, True)
    assert address not in str(row.reason)
    assert mails.received == []


def test_personal_data_of_the_agents_own_alert_does_not_leave(
    database: Database[Document], mails: Mails
) -> None:
    """Whatever the agent puts into the text or beside it."""
    metadata = {"phone": "+91 98765 43210", "note": "asha.rao@example.org"}
    asyncio.run(AlertService().send_alert("x", "warning", "Lead 9876543210 calls again", metadata=metadata))
    whole = "".join(part.get_content() for mail in mails.received for part in mail.iter_parts())
    stored = str(list(database["outbox"].find()) + list(database["alerts"].find()))
    assert "calls again" in whole
    for secret in ("98765", "43210", "asha.rao"):
        assert secret not in whole + stored


@pytest.mark.full
def test_a_slow_mail_server_gets_the_mail_once(database: Database[Document], mails: Mails) -> None:
    """It takes eight seconds to say that it has it."""
    mails.delay = 8
    assert asyncio.run(AlertService().send_alert("x", "warning", "It grows"))["email"] is True
    assert sorted(mail["To"] for mail in mails.received) == ["lead@example.com", "ops@example.com"]


def test_a_password_with_letters_outside_ascii_is_sent_as_utf_8(
    database: Database[Document], mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right one logs in, for the doctor as well; a wrong one is refused for good, and is not shown."""
    monkeypatch.setenv("SMTP_PASSWORD", UMLAUT_PASSWORD)
    get_settings.cache_clear()
    assert asyncio.run(AlertService().send_test_alert())["email"] is True
    (finding,) = channels(get_settings())
    assert finding.state == State.OK
    monkeypatch.setenv("SMTP_PASSWORD", "Söhne-43")
    get_settings.cache_clear()
    asyncio.run(AlertService().send_alert("x", "critical", "It grows"))
    rows = list(database["outbox"].find())
    assert {row["state"] for row in rows if not row["failed_reason"]} == {"dead"}
    assert "Söhne" not in str(rows)
    assert len(mails.received) == 2


def test_every_mail_has_an_id_and_refers_to_none_that_was_never_sent(
    database: Database[Document], mails: Mails
) -> None:
    """Mail servers refuse what lacks one, so that the mail that proves the set-up would not arrive."""
    asyncio.run(AlertService().send_test_alert())
    assert [mail["References"] for mail in mails.received] == [None, None]
    asyncio.run(AlertService().send_alert("x", "critical", "It grows"))
    ids = [mail["Message-ID"] for mail in mails.received]
    assert all(ids)
    assert len(set(ids)) == 4


@pytest.mark.parametrize("farewell", ["299 see you", "421 too busy", b"\x16\x03\xff\x00rubbish", b""])
def test_a_mail_that_was_taken_stays_taken_whatever_the_server_says_afterwards(
    database: Database[Document], mails: Mails, farewell: str | bytes
) -> None:
    """The answer to the text is the delivery: nothing is sent again, and the doctor finds no fault."""
    mails.farewell = farewell
    assert asyncio.run(AlertService().send_alert("x", "critical", "It grows"))["email"] is True
    assert {row["state"] for row in database["outbox"].find()} == {"sent"}
    asyncio.run(_deliver())
    assert len(mails.received) == 2
    (finding,) = channels(get_settings())
    assert finding.state == State.OK


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
    assert asyncio.run(_deliver()) == 1
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
    asyncio.run(_deliver())
    assert len(slack.posts) == 1
    now = server_time(database)
    assert all(least < (row["due_at"] - now).total_seconds() <= 3_600 for row in database["outbox"].find())
    slack.status, slack.retry_after = 200, None
    database["rate_limits"].update_many({}, [{"$set": {"closed_until": "$$NOW"}}])
    database["outbox"].update_many({}, [{"$set": {"due_at": "$$NOW"}}])
    assert asyncio.run(_deliver()) == 2


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
@settings(max_examples=40, deadline=None)
def test_no_text_is_longer_than_slack_and_pagerduty_take(title: str, text: str) -> None:
    """Counted as they count it; what is cut is said."""
    posted = payload(Message(title, text, text, Tone.CRITICAL))
    (attachment,) = posted["attachments"]
    assert len(attachment["text"]) <= 8_000
    assert length(cut(text, 1_024)) <= 1_024
    if length(text) > 8_000:
        assert attachment["text"].endswith("(cut)")
        assert cut(text, 1_024).endswith("(cut)")


@pytest.mark.parametrize("text", ["word " * 260, "दिवाली " * 300, "😀" * 1_500])
def test_a_page_with_a_long_text_arrives(
    database: Database[Document], web: WebServer, extra: Any, text: str
) -> None:
    """PagerDuty refuses longer summaries for good: the whole text stands in the details."""
    extra(f"pager={PAGERDUTY}")
    asyncio.run(AlertService().send_alert("crm_push", "critical", text, metadata={"campaign": "द" * 83}))
    ((_, payload),) = web.posts
    assert length(payload["payload"]["summary"]) <= 1_024
    assert payload["payload"]["custom_details"]["text"].startswith(text.strip())
    assert payload["links"][0]["href"].startswith("http://localhost:3000/")


async def _deliver() -> int:
    return await deliver_due(get_database())


def test_pagerduty_opens_and_closes_one_incident(
    database: Database[Document], web: WebServer, extra: Any
) -> None:
    """Critical alerts alone, each with the key of its fingerprint; a second check sends nothing."""
    extra(f"pager={PAGERDUTY}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    check(NOON + FIVE_MINUTES)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (opened, closed) = [payload for host, _, payload in web.received if host == "events.pagerduty.com"]
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["payload"]["severity"] == "critical"
    assert opened["payload"]["summary"].startswith("CRITICAL: Call failure rate 24 % (12 of 50 calls)")
    assert opened["links"][0]["href"].startswith("http://localhost:3000/?period=custom&from=2024-10-24T17:15")
    (alert,) = database["alerts"].find()
    assert opened["dedup_key"] == closed["dedup_key"] == key_of(database, alert)
    asyncio.run(AlertService().send_alert("x", "warning", "Not for the pager"))
    assert len(web.received) == 2


@pytest.mark.parametrize(
    ("url", "opens", "closes"),
    [
        (
            "victorops://routing@12345678-aaaa-bbbb-cccc-123456789012",
            lambda _, json: (json["entity_id"], json["message_type"]) == ("KEY", "CRITICAL"),
            lambda _, json: (json["entity_id"], json["message_type"]) == ("KEY", "RECOVERY"),
        ),
        (
            "opsgenie://0123abcd-0123-abcd-0123-0123456789ab",
            lambda path, json: (path, json["alias"], json["priority"]) == ("/v2/alerts", "KEY", "P1"),
            lambda path, _: path == "/v2/alerts/KEY/close?identifierType=alias",
        ),
        (
            "jsons://webhook.example.com/integrations?apiKey=s3cretS3cret",
            lambda _, json: (
                (json["alias"], json["event"], json["severity"]) == ("KEY", "trigger", "critical")
            ),
            lambda _, json: (json["alias"], json["event"]) == ("KEY", "resolve"),
        ),
    ],
    ids=["victorops", "opsgenie", "webhook"],
)
def test_other_pagers_close_what_they_opened(
    database: Database[Document], web: WebServer, extra: Any, url: str, opens: Any, closes: Any
) -> None:
    """Each in its own words."""
    extra(f"pager[critical]={url}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (alert,) = database["alerts"].find()
    key = key_of(database, alert)
    first, last = [(path.replace(key, "KEY"), _keyed(payload, key)) for path, payload in web.posts]
    assert opens(*first), first
    assert closes(*last), last


def _keyed(payload: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: "KEY" if value == key else value for name, value in payload.items()}


def test_victorops_by_mail_has_one_subject_but_for_the_word(
    database: Database[Document], mails: Mails, monkeypatch: pytest.MonkeyPatch, extra: Any
) -> None:
    """Its email integration tells incidents apart by the rest of the subject."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    extra("victorops[critical]=email://k3y+team@alert.victorops.com")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (alert,) = database["alerts"].find()
    subjects = [mail["Subject"] for mail in mails.received if "victorops" in mail["To"]]
    key = key_of(database, alert)
    assert subjects == [f"{word}: Call failure rate [{key}]" for word in ("CRITICAL", "RESOLVED")]


@pytest.mark.parametrize("named", [False, True])
def test_two_installations_that_share_a_pager_leave_each_others_incidents_alone(
    database: Database[Document],
    web: WebServer,
    mails: Mails,
    extra: Any,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
) -> None:
    """The same rules over two stores: two incidents; a name that was given says who speaks."""
    extra(f"pager={PAGERDUTY}")
    keys = []
    for name in ("production", "staging"):
        if named:
            monkeypatch.setenv("INSTALLATION_NAME", name)
            get_settings.cache_clear()
        record(database, NOON, total=50, failed=12)
        check(NOON)
        event = web.received[-1][2]
        keys.append(event["dedup_key"])
        assert event["payload"]["source"] == (name if named else keys[-1].partition(".")[0])
        assert mails.received[-1]["Subject"].startswith(f"[{name}] CRITICAL: " if named else "CRITICAL: ")
        for collection in database.list_collection_names():
            database[collection].delete_many({})
    assert len(set(keys)) == 2
    assert len({key.rpartition(".")[2] for key in keys}) == 1


def test_a_test_alert_tries_every_channel_and_says_why_one_failed(
    web: WebServer, mails: Mails, monkeypatch: pytest.MonkeyPatch, extra: Any
) -> None:
    """A pager is opened and closed again; secrets are not told."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com,nobody@example.com")
    extra(f"pager={PAGERDUTY},hook[critical,warning]=jsons://webhook.example.com/s3cretS3cret")
    done = subprocess.run(
        [sys.executable, "-m", "core", "test-alert"], text=True, capture_output=True, check=False, timeout=60
    )
    said = done.stdout
    assert done.returncode == 1
    assert "email, recipient 1 of ALERT_EMAIL_TO: delivered" in said
    assert "email, recipient 2 of ALERT_EMAIL_TO: FAILED: refused: 550 no such user" in said
    assert "slack: not configured; set SLACK_WEBHOOK_URL" in said
    assert "pager, pager: delivered" in said
    assert "hook, hook: delivered" in said
    events = [payload["event_action"] for host, _, payload in web.received if "pagerduty" in host]
    assert events == ["trigger", "resolve"]
    assert "s3cret" not in said + done.stderr
    web.status = 403
    assert "error=403" in str(try_channel("pager"))


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("pager", "ALERT_APPRISE_URLS must be name=url"),
        ("slack=jsons://example.com", "needs another name for each channel"),
        ("a=jsons://x.org,a=jsons://y.org", "needs another name for each channel"),
        ("a[bad]=jsons://x.org", "of a has an unknown severity; use info, warning, critical"),
        ("a=nonsense://geheim", "the URL of a cannot be used"),
        ("a=json://webhook.example.com/geheim", "without verified encryption; use jsons://"),
        ("a=jsons://webhook.example.com/geheim?verify=no", "without verified encryption"),
        (
            "a=mailtos://u:geheim71@x.org?mode=insecure&smtp=127.0.0.1&to=a@x.org",
            "without verified encryption",
        ),
        (
            "a=mailto://u:geheim71@x.org?mode=insecure&to=a@x.org",
            "without verified encryption; use mailtos://",
        ),
        ("a=kavenegar://geheim71/919812345678", "without verified encryption"),
        ("a=email://x@example.com", "an address for SMTP_SERVER, which is not set"),
    ],
)
def test_a_channel_that_cannot_be_used_is_one_line(extra: Any, urls: str, said: str) -> None:
    """It names the variable and the channel, not what is secret."""
    extra(urls)
    with pytest.raises((UserError, SettingsError), match="ALERT_APPRISE_URLS") as caught:
        configured_channels(get_settings())
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("jsons://hookuser:mango71@127.0.0.1:PORT/LONGHOOKPATH/ab12", ("mango71", "HOOKPATH", "ab12")),
        ("jsons://127.0.0.1:PORT/caf%c3%a9/my%20key", ("caf", "key")),
        ("ntfys://:tk_Zq7@127.0.0.1:PORT/t0pic", ("Zq7", "t0pic")),
        ("mailtos://u:kiwi9@localhost:PORT?smtp=localhost&to=a@x.org&from=b@x.org", ("kiwi9",)),
    ],
)
def test_why_a_channel_failed_is_said_without_a_word_of_its_address(
    extra: Any, caplog: pytest.LogCaptureFixture, url: str, hidden: tuple[str, ...]
) -> None:
    """However short a part, and however it is spelt; what is said still names the kind of fault."""
    extra(f"hook={url.replace('PORT', str(free_port()))}")
    with caplog.at_level(logging.DEBUG):
        reason = str(try_channel("hook"))
    said = reason + "".join(str(line.__dict__) for line in caplog.records)
    assert "Connection refused" in reason
    assert [word for word in hidden if word in said] == []
