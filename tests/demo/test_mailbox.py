"""The demo's mail server: a real one, on this machine alone, and a page that shows what it took."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from core.demo.mail_page import MailPage
from core.demo.mailbox import HOST, Mailbox, MailServer
from tests.ports import free_port

SUBJECT = "Hindi \N{EM DASH} \u0927\u0940\u092e\u093e"
NO_MAILS = ("/mail/../../etc/passwd", "/mail/x", "/body/20260101T000000000000-0001", "/x/y")


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def page(mailbox: Mailbox) -> Iterator[str]:
    shown = MailPage(mailbox, 0)
    shown.start()
    yield shown.address
    shown.stop()


def mail(subject: str, html: str = "") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["Subject"], made["From"], made["To"] = subject, "a@example.com", "b@example.com"
    made.set_content("plain words")
    if html:
        made.add_alternative(html, subtype="html")
        *_, part = made.iter_parts()
        part.add_related(b"picture", "image", "png", cid="<chart@x>")
    return made


def read(address: str) -> tuple[str, str]:
    with urlopen(address) as answer:  # noqa: S310 (our own address)
        return answer.read().decode(), answer.headers["Content-Security-Policy"]


def test_a_mail_that_is_sent_is_shown_with_its_pictures(mailbox: Mailbox, page: str) -> None:
    server = MailServer(mailbox, port := free_port())
    server.start()
    try:
        with smtplib.SMTP(HOST, port) as client:
            client.send_message(
                mail("Hindi \N{EM DASH} \u0927\u0940\u092e\u093e", '<b>slow</b><img src="cid:chart@x">')
            )
    finally:
        server.stop()
    (taken,) = mailbox.newest_first()
    assert SUBJECT in read(page)[0]
    assert f"/body/{taken.name}" in read(f"{page}/mail/{taken.name}")[0]
    body, policy = read(f"{page}/body/{taken.name}")
    assert '<img src="data:image/png;base64,cGljdHVyZQ==">' in body
    assert policy.startswith("sandbox ")
    assert "script" not in policy


def test_what_a_mail_says_is_no_markup_of_the_page(mailbox: Mailbox, page: str) -> None:
    mailbox.put(mail("<script>alert(1)</script>").as_bytes())
    (taken,) = mailbox.newest_first()
    for place in ("", f"/mail/{taken.name}"):
        assert "<script>" not in read(page + place)[0]
    assert "<pre>plain words" in read(f"{page}/body/{taken.name}")[0]


def test_a_mail_that_cannot_be_read_spoils_no_page(mailbox: Mailbox, page: str) -> None:
    mailbox.put(b"Subject: fine\r\n\r\nhello")
    for head in (
        b"Content-Type: text/html; charset=nonsense",
        b"Content-Type: \xff\xfe/",
        b"To: =?x?q?<@,;:",
        b"Subject: =?utf-8?b?////?=\r\nTo: \x00 <>",
        b'Content-Type: multipart/related; boundary=""',
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain",
    ):
        mailbox.put(head + b"\r\n\r\n<b>!!!")
    assert "fine" in read(page)[0]
    for one in mailbox.newest_first():
        for place in ("mail", "body"):
            assert read(f"{page}/{place}/{one.name}")


@pytest.mark.parametrize(
    "place", ["/mail/../../etc/passwd", "/mail/x", "/body/20260101T000000000000-0001", "/x/y"]
)
def test_there_is_nothing_but_mails(page: str, place: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(page + place)  # noqa: S310 (our own address)


def test_a_page_of_another_name_is_refused(page: str) -> None:
    """Else a page of the internet could read the mails, by a name of its own that leads here."""
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(page, headers={"Host": "evil.example"}))  # noqa: S310 (our own address)


def test_of_very_many_mails_the_newest_stay(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.demo.mailbox.MOST_KEPT", 5)
    for number in range(8):
        mailbox.put(mail(f"number {number}").as_bytes())
    kept = [str(one.message["Subject"]) for one in mailbox.newest_first()]
    assert kept == [f"number {number}" for number in (7, 6, 5, 4, 3)]
