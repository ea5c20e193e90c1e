"""What the demo sets up for itself: its own database, mail server and encryption key."""

import base64
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.demo.mail_page import MailPage
from core.demo.mailbox import FROM, HOST, TO, Mailbox, MailServer
from core.ports import is_taken
from core.settings import get_settings

DATABASE_SUFFIX = "_demo"
PAGE_PORT = 8025
"""Usual port of mail catchers; a free one is used if it is taken."""
_KEY_FILE, _MAIL_FOLDER = "demo.key", "demo_mail"


def prepare() -> None:
    """Set the demo's defaults, for this process and its children; the user's settings take precedence."""
    settings = get_settings()
    os.environ["MONGODB_DATABASE"] = f"{settings.mongodb_database}{DATABASE_SUFFIX}"
    os.environ.setdefault("ALERT_CHECK_INTERVAL_SECONDS", "30")  # so that a demo does not wait five minutes
    os.environ.setdefault("LOG_TO_DATABASE", "1")  # so that a call's page shows its log lines
    get_settings.cache_clear()


def keep_key() -> None:
    """Set the demo's own encryption key, created on first use; without one, no transcript is stored."""
    settings = get_settings()
    if settings.encryption_keys:
        return
    file = settings.data_dir / _KEY_FILE
    if not file.exists():
        with open(file, "w", encoding="ascii", opener=_private) as new:
            new.write(base64.b64encode(secrets.token_bytes(32)).decode())
    os.environ["ENCRYPTION_KEYS"] = f"demo:{file.read_text(encoding='ascii').strip()}"
    get_settings.cache_clear()


@contextmanager
def mail() -> Iterator[str | None]:
    """Run a mail server for alerts and a page with its emails; yield the page's address.

    If the user has configured a mail server, neither is run, and None is yielded.
    """
    settings = get_settings()
    if settings.smtp_server:
        yield None
        return
    mailbox = Mailbox(settings.data_dir / _MAIL_FOLDER)
    port = _free_port()
    server, page = MailServer(mailbox, port), MailPage(mailbox, 0 if is_taken(HOST, PAGE_PORT) else PAGE_PORT)
    server.start()
    page.start()
    # Nothing leaves this machine, so encryption is not needed.
    told = {"SMTP_SERVER": HOST, "SMTP_PORT": str(port), "ALERT_ALLOW_INSECURE": "1"}
    told |= {"ALERT_EMAIL_FROM": FROM, "ALERT_EMAIL_TO": TO}
    before = {name: os.environ[name] for name in told if name in os.environ}
    os.environ.update(told)
    get_settings.cache_clear()
    try:
        yield page.address
    finally:
        page.stop()
        server.stop()
        for name in told:
            del os.environ[name]
        os.environ.update(before)
        get_settings.cache_clear()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _private(path: str, flags: int) -> int:
    return os.open(Path(path), flags, 0o600)
