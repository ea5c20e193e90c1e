"""Subjects and senders in any script, as a mail program shows them."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.alerting.channels.mail_headers import AddressHeader, TextHeader

WORDS = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cn")), min_size=1, max_size=40),
    min_size=1,
    max_size=30,
)


@given(WORDS)
@example(["दिवाली", "पर्सनल", "लोन", "दक्षिण", "भारत", "शाम", "की", "शिफ्ट"])
@example(["=?utf-8?q?Sign_in?=", "now"])
@example(["x" * 300, "y" * 300])
def test_a_subject_arrives_as_it_was_written_in_every_program(words: list[str]) -> None:
    """By the newer rules and by the older ones: no word runs into the next, no line is too long."""
    title = " ".join(words)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = TextHeader("Subject", title)
    mail.set_content("text")
    sent = mail.as_bytes()
    assert all(len(line) <= 78 for line in sent.split(b"\r\n"))
    title = " ".join(title.split())
    assert message_from_bytes(sent, policy=policy.default)["Subject"] == title
    older = message_from_bytes(sent, policy=compat32)["Subject"]
    assert str(make_header(decode_header(older.replace("\r\n", "")))) == title


@pytest.mark.parametrize(
    "name", ["Voice agent", "आवाज़ एजेंट की निगरानी और सूचनाएँ सबके लिए", "Kölsch & Söhne", "=?utf-8?q?Me?="]
)
def test_the_sender_keeps_its_name_and_address(name: str) -> None:
    """Whatever script the name is in."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = AddressHeader("From", f"{name} <alerts@example.com>")
    older = message_from_bytes(mail.as_bytes(), policy=compat32)["From"].replace("\r\n", "")
    shown, address = parseaddr(older)
    assert (str(make_header(decode_header(shown))), address) == (name, "alerts@example.com")
