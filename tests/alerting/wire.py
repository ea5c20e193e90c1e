"""Real servers for real sends: mail with STARTTLS and a password, and Slack behind a proxy.

Apprise's Slack plugin talks to hooks.slack.com alone. Its own HTTPS client is led here through a small
CONNECT proxy to a TLS server whose certificate a test authority signed; the plugin is untouched.
"""

import json
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.ports import free_port

if TYPE_CHECKING:
    from email.message import EmailMessage

USER, PASSWORD = "alerts@example.com", "p@ss:w/rd %?#&"
WEBHOOK_PATH = "/services/T0SECRETAA/B0SECRETBB/c0secretCCcc0secretCCcc"


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

    def context(self, host: str) -> ssl.SSLContext:
        """TLS of a server of that name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host).configure_cert(context)
        return context


class Mails:
    """Keeps the mails; refuses recipients that begin with ``nobody``."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Accept or refuse a recipient."""
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail."""
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)


def mail_server(authority: Authority, mails: Mails) -> Controller:
    """A mail server that insists on STARTTLS and on the password."""
    return Controller(
        mails,
        hostname="localhost",
        port=free_port(),
        tls_context=authority.context("localhost"),
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticate,
    )


class SlackServer(ThreadingHTTPServer):
    """Answers as hooks.slack.com does and keeps what was posted."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _SlackHandler)
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.socket = authority.context("hooks.slack.com").wrap_socket(self.socket, server_side=True)


class _SlackHandler(BaseHTTPRequestHandler):
    server: SlackServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, json.loads(body)))
        answer = b"ok" if self.server.status == 200 else b"invalid_token"
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Stay quiet."""


class Proxy(socketserver.ThreadingTCPServer):
    """Leads a CONNECT to hooks.slack.com to the local server, and nowhere else."""

    daemon_threads = True

    def __init__(self, slack: SlackServer) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.slack = ("127.0.0.1", slack.server_port)


class _Tunnel(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        request = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        if not request.startswith("CONNECT hooks.slack.com:443 "):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(self.server.slack) as onward:
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
