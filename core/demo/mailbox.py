"""A mail server for the demo: receives alert emails on this machine only, and keeps them as files."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.files import private_folder

HOST = "127.0.0.1"
MOST_KEPT = 300
"""Older emails are deleted."""
LARGEST_BYTES = 2_000_000
FROM, TO = "alerts@voice-agent.example", "on-call@voice-agent.example"
_NAME = re.compile(r"\d{8}T\d{12}-\d{4}")


@dataclass(frozen=True)
class Mail:
    """A received email: its unique name, when it arrived (UTC), and the message."""

    name: str
    at: datetime
    message: EmailMessage


class Mailbox:
    """Emails as files in a folder, newest last."""

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._taken = 0

    def put(self, content: bytes) -> None:
        """Keep an email, and delete the oldest if there are too many."""
        with self._lock:
            self._taken += 1
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{self._taken % 10_000:04d}"
            (self._folder / f"{name}.eml").write_bytes(content)
            for file in self._files()[:-MOST_KEPT]:
                file.unlink(missing_ok=True)

    def newest_first(self) -> Iterator[Mail]:
        """Yield all emails, newest first."""
        for file in reversed(self._files()):
            if (mail := self.find(file.stem)) is not None:
                yield mail

    def find(self, name: str) -> Mail | None:
        """Return the email with a name; None if there is none."""
        if not _NAME.fullmatch(name):
            return None
        try:
            message: Message = message_from_bytes((self._folder / f"{name}.eml").read_bytes(), policy=default)
        except FileNotFoundError:
            return None
        at = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
        return Mail(name, at, message) if isinstance(message, EmailMessage) else None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.eml"))


class _Taking:
    """The handler for each email."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        self._mailbox.put(envelope.original_content or b"")
        return "250 Taken"


class MailServer:
    """An SMTP server in a thread, on a port of the loopback address."""

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self._controller = Controller(
            _Taking(mailbox), hostname=HOST, port=port, data_size_limit=LARGEST_BYTES, ident="demo"
        )

    def start(self) -> None:
        """Start listening; return once emails are accepted.

        Raises:
            OSError: the port is taken.
        """
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()
