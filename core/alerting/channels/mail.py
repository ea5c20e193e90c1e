"""Send a mail: plain text and HTML, encrypted unless that is waived, and report what the server answered."""

import base64
import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from typing import Literal
from uuid import uuid4

from core.alerting.channels.base import Failure, hide
from core.alerting.channels.layout import Picture
from core.alerting.channels.mail_headers import AddressHeader, TextHeader
from core.alerting.channels.message import Message
from core.settings import Settings

IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587
TIMEOUT_SECONDS = 10.0
"""For each answer of the server."""
FAREWELL_SECONDS = 2.0
_AUTHENTICATED = 235
_WITHOUT_STARTTLS = " Use port 465, or for your own relay ALERT_ALLOW_INSECURE=1 and a port other than 587"
Mode = Literal["ssl", "starttls", "plain"]


def mode_of(settings: Settings) -> Mode:
    """Return how to talk to the mail server."""
    if settings.smtp_port == IMPLICIT_TLS_PORT:
        return "ssl"
    plain = settings.alert_allow_insecure and settings.smtp_port != SUBMISSION_PORT
    return "plain" if plain else "starttls"


@contextlib.contextmanager
def connect(server: str, port: int, mode: Mode) -> Iterator[smtplib.SMTP]:
    """Yield a connection, encrypted as ``mode`` says; the server's certificate is verified.

    What the server answers on leaving is ignored: a mail it has accepted stays accepted.

    Raises:
        OSError: there is no such server, or it cannot prove its identity.
        SMTPException: it breaks the protocol, or has no STARTTLS.
    """
    connection = _opened(server, port, mode)
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            _take_leave(connection)
        connection.close()


def _opened(server: str, port: int, mode: Mode) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if mode == "ssl":
        return smtplib.SMTP_SSL(server, port, timeout=TIMEOUT_SECONDS, context=context)
    connection = smtplib.SMTP(server, port, timeout=TIMEOUT_SECONDS)
    try:
        if mode == "starttls":
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def log_in(connection: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; with non-ASCII letters by PLAIN, the only method that defines them as UTF-8 (RFC 4616).

    Raises:
        OSError: the connection broke.
        SMTPException: the server refuses the log-in, or offers no method for it.
    """
    if user.isascii() and password.isascii():
        connection.login(user, password)
        return
    connection.ehlo_or_helo_if_needed()
    if "PLAIN" not in connection.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError(
            "no log-in by PLAIN, which letters outside ASCII in SMTP_USERNAME or SMTP_PASSWORD need; "
            "choose a password of ASCII letters"
        )
    said = base64.b64encode(f"\0{user}\0{password}".encode(errors="replace")).decode()
    code, text = connection.docmd("AUTH", f"PLAIN {said}")
    if code != _AUTHENTICATED:
        raise smtplib.SMTPAuthenticationError(code, text)


def _take_leave(connection: smtplib.SMTP) -> None:
    """Send QUIT and wait a moment for an answer, whatever it is (RFC 5321, 4.1.1.10)."""
    connection.putcmd("quit")
    if connection.sock is not None:
        connection.sock.settimeout(FAREWELL_SECONDS)
        connection.sock.recv(512)


@dataclass(frozen=True)
class Mailer:
    """Sends messages to one address."""

    server: str
    port: int
    mode: Mode
    sender: str
    address: str
    identity: str
    user: str = ""
    password: str = field(default="", repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; return why it was not accepted, or None."""
        try:
            with connect(self.server, self.port, self.mode) as connection:
                if self.user:
                    log_in(connection, self.user, self.password)
                connection.send_message(self._mail(message), to_addrs=[self.address])
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            failure = _failure(error)
            return Failure(hide(failure.reason, (self.password, self.address)), failure.permanent)
        return None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = TextHeader("Subject", message.title)
        mail["From"] = AddressHeader("From", self.sender)
        mail["To"], mail["Date"] = AddressHeader("To", self.address), localtime()
        mail["Auto-Submitted"] = "auto-generated"
        # A retry has the same id, so that mail programs show it once. Many servers refuse mail without one.
        mail["Message-ID"] = f"<{message.reference or uuid4().hex}.{self.identity}@voice-agent.invalid>"
        if message.reference:
            mail["X-Alert-Reference"] = message.reference
        # One run of an alert is one thread, from its start to its end.
        if message.reference and message.incident:
            mail["References"] = f"<{message.incident.key}@voice-agent.invalid>"
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
            _show(mail, message.pictures)
        return mail


def _show(mail: EmailMessage, pictures: Sequence[Picture]) -> None:
    """Attach the pictures that the HTML shows."""
    *_, html = mail.iter_parts()
    for one in pictures:
        html.add_related(
            one.png, "image", "png", cid=f"<{one.name}>", disposition="inline", filename="chart.png"
        )


def _failure(error: OSError | smtplib.SMTPException | UnicodeError) -> Failure:
    if isinstance(error, UnicodeError):
        words = "has letters that the server, or its name, cannot take; check the mail settings"
        return Failure(f"{type(error).__name__}: {words}", permanent=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return _answer(code, text)
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        remedy = _WITHOUT_STARTTLS if "STARTTLS" in str(error) else ""
        return Failure(f"the server does not offer what is needed: {error}{remedy}", permanent=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(f"the certificate is not trusted: {error.verify_message}")
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Failure(f"{type(error).__name__}: {said}" if said else type(error).__name__)


def _answer(code: int, text: bytes | str) -> Failure:
    # RFC 5321, 4.2.1: 4xx is temporary, 5xx is permanent.
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return Failure(f"refused: {code} {' '.join(words.split())}", permanent=code >= 500)  # noqa: PLR2004 (RFC 5321: 5yz is final)
