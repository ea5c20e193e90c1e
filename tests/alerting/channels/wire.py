"""Real servers for real sends: mail with TLS and a password, and Slack and pagers behind a proxy.

Apprise's plugins talk to the services' own hosts alone. Their HTTPS clients are led here through a small
CONNECT proxy to a TLS server whose certificate a test authority signed; the plugins are untouched.
"""

import asyncio
import json
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from pymongo.database import Database

from core.alerting.notify.sender import deliver_due
from core.models.outbox import OutboxRow
from core.services.alert_service import CheckReport, check_and_send_alerts
from core.storage.server.connection import get_database
from core.types import Document
from tests.ports import free_port

if TYPE_CHECKING:
    from email.message import EmailMessage

HOSTS = (
    "hooks.slack.com",
    "events.pagerduty.com",
    "alert.victorops.com",
    "api.opsgenie.com",
    "api.atlassian.com",
    "webhook.example.com",
)
USER, PASSWORD = "alerts@example.com", "p@ss:w/rd %?#&"
UMLAUT_PASSWORD = "Kölsch-पास-42"
WEBHOOK_PATH = "/services/T0SECRETAA/B0SECRETBB/c0secretCCcc0secretCCcc"
PAGERDUTY = "pagerduty://R0UTINGKEY0123456789@apikey-0123456789"


@dataclass
class Authority:
    """A certificate authority of the test, and the environment in which a process trusts it."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.bundle = self.folder / "ca.pem"
        self.bundle.write_bytes(Path(certifi.where()).read_bytes() + self.ca.cert_pem.bytes())

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make OpenSSL and requests trust it."""
        return {"SSL_CERT_FILE": str(self.bundle), "REQUESTS_CA_BUNDLE": str(self.bundle)}

    def context(self, *hosts: str) -> ssl.SSLContext:
        """TLS of a server of these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*hosts).configure_cert(context)
        return context


class Mails:
    """Keeps the mails; refuses recipients that begin with ``nobody``."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.delay = 0.0
        self.farewell: str | bytes = "221 Bye"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str | bytes:  # noqa: N802 (aiosmtpd's name)
        """Say what is said to whoever leaves."""
        return self.farewell

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Accept or refuse a recipient."""
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("later"):
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep a mail, after a while."""
        await asyncio.sleep(self.delay)
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    known = {(USER.encode(), PASSWORD.encode()), (USER.encode(), UMLAUT_PASSWORD.encode())}
    right = isinstance(data, LoginPassword) and (data.login, data.password) in known
    return AuthResult(success=right, handled=False)


def mail_server(authority: Authority, mails: Mails, mode: str = "starttls") -> Controller:
    """A mail server that insists on STARTTLS and the password; or is ``ssl`` from the start, or ``plain``."""
    if mode == "plain":
        return Controller(mails, hostname="localhost", port=free_port())
    if mode == "ssl":
        context = authority.context("localhost")
        return Controller(
            mails,
            hostname="localhost",
            port=free_port(),
            ssl_context=context,
            auth_required=True,
            auth_require_tls=False,  # it does not know that it is inside TLS
            authenticator=_authenticate,
        )
    return Controller(
        mails,
        hostname="localhost",
        port=free_port(),
        tls_context=authority.context("localhost"),
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticate,
    )


class WebServer(ThreadingHTTPServer):
    """Answers in the name of each service and keeps what was posted: host, path, JSON."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, str, dict[str, Any]]] = []
        self.keys: list[str] = []
        """What each post had as Authorization."""
        self.taken: list[tuple[float, str, dict[str, Any]]] = []
        """When, by the monotonic clock, and what was about to be answered with 200."""
        self.status = 200
        self.retry_after: str | None = None
        # The handshake is the handler's: a client that is stopped in the middle of it holds up nobody else.
        context = authority.context(*HOSTS)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def answer(self) -> int:
        """The status of the next answer."""
        return self.status

    @property
    def posts(self) -> list[tuple[str, dict[str, Any]]]:
        """What was posted, wherever."""
        return [(path, payload) for _, path, payload in self.received]


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    timeout = 20

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        host = self.headers["Host"].partition(":")[0]
        status = self.server.answer()
        self.server.received.append((host, self.path, json.loads(body)))
        self.server.keys.append(self.headers.get("Authorization", ""))
        if status == 200:
            self.server.taken.append((time.monotonic(), self.path, json.loads(body)))
        right = b"ok" if host == "hooks.slack.com" else b'{"requestId": "1"}'
        answer = right if status == 200 else b"invalid_token"
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "https://webhook.example.com/elsewhere")
        if self.server.retry_after is not None:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Stay quiet."""


class Proxy(socketserver.ThreadingTCPServer):
    """Leads a CONNECT to any of the services to the local server, and nowhere else."""

    daemon_threads = True

    def __init__(self, web: WebServer) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.web = ("127.0.0.1", web.server_port)


class _Tunnel(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        request = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        if not request.startswith(tuple(f"CONNECT {host}:443 " for host in HOSTS)):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(self.server.web) as onward:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(onward, self.connection), daemon=True)
            back.start()
            _copy(self.connection, onward)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def key_of(database: Database[Document], alert: Document) -> str:
    """An alert's key at a pager: the installation, and the alert's fingerprint."""
    (installation,) = database["installation"].find()
    return f"{installation['name']}.{alert['_id']}"


def check(at: datetime) -> CheckReport:
    """One check, with the channels of the settings."""
    return asyncio.run(check_and_send_alerts(get_database(), at=at))


def one_row(database: Database[Document]) -> OutboxRow:
    """The only message of the outbox."""
    (document,) = database["outbox"].find()
    return OutboxRow.model_validate(document)


async def deliver() -> int:
    """What the scheduler does every few seconds: send what is due; how many were sent."""
    return await deliver_due(get_database())
