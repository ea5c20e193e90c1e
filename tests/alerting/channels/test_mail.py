"""What goes over the wire to a mail server, and what its answers mean."""

import asyncio
import re
from datetime import timedelta
from email.utils import parseaddr
from io import BytesIO

import pytest
from PIL import Image
from pymongo.database import Database

from core.alerting.channels import mail
from core.doctor.channels import channels
from core.doctor.result import State
from core.services.alert_service import AlertService
from core.settings import SettingsError, get_settings
from core.types import Document
from tests.alerting.channels.test_channels import text_of
from tests.alerting.channels.wire import UMLAUT_PASSWORD, Mails, check, deliver, one_row
from tests.alerting.conftest import MailServers
from tests.alerting.state.test_alert_store import NOON, record

QUARTER = timedelta(minutes=15)


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
    outcome = asyncio.run(AlertService().try_channels("email"))["email"]
    assert all(
        "STARTTLS extension not" in str(why) and "Use port 465" in str(why) for why in outcome.values()
    )
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
    *_, finding = channels(get_settings())
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
    asyncio.run(deliver())
    assert len(mails.received) == 2
    *_, finding = channels(get_settings())
    assert finding.state == State.OK


@pytest.mark.parametrize(
    ("second", "state", "said"),
    [
        ("lead", State.OK, "1 accepted, 2 accepted"),
        ("nobody", State.FAIL, "1 accepted, 2 refused (550 no such user)"),
        ("later", State.WARN, "1 accepted, 2 refused (451 try again)"),
    ],
)
def test_the_doctor_says_of_each_recipient_whether_the_server_takes_it(
    mails: Mails, monkeypatch: pytest.MonkeyPatch, second: str, state: State, said: str
) -> None:
    """A slip in one address is found before an alert is lost for it; no mail is sent."""
    monkeypatch.setenv("ALERT_EMAIL_TO", f"ops@example.com, Duty <{second}@example.com>")
    get_settings.cache_clear()
    *_, finding = channels(get_settings())
    assert finding.state == state
    assert f"recipients of ALERT_EMAIL_TO: {said}" in finding.text
    assert "example.com" not in finding.text
    assert mails.received == []


def test_the_doctor_warns_of_links_that_lead_nowhere(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in messages, until the dashboard's address is set."""
    names = [finding.name for finding in channels(get_settings()) if finding.state == State.WARN]
    assert names == ["links"]
    monkeypatch.setenv("DASHBOARD_PUBLIC_URL", "https://calls.example.com")
    get_settings.cache_clear()
    assert [finding.state for finding in channels(get_settings())] == [State.OK]


def test_a_mail_shows_how_the_value_went(database: Database[Document], mails: Mails) -> None:
    """A picture inside the mail, which says the same in words to whoever sees none."""
    for number, failed in enumerate((1, 0, 2, 8)):
        at = NOON - (3 - number) * QUARTER
        record(database, at - timedelta(minutes=5), total=20, failed=failed)
    check(NOON)
    mail_ = mails.received[0]
    html = mail_.get_body(("html",))
    assert html is not None
    (shown,) = re.findall(r'<img src="cid:([^"]+)" alt="([^"]+)"', html.get_content())
    assert shown[1].endswith("5 %, 0 %, 10 %, 40 %; limit 10 %")
    (picture,) = [part for part in mail_.walk() if part.get_content_type() == "image/png"]
    assert (picture["Content-ID"], picture.get_content_disposition()) == (f"<{shown[0]}>", "inline")
    image = Image.open(BytesIO(picture.get_content()))
    assert image.size == (640, 192)
    assert len(picture.get_content()) < 10_000
    assert "Before     10 % in the 15 min before" in text_of(mail_)
