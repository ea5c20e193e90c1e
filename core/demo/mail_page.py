"""A web page with the demo's emails: a list, and each email as a mail program would show it."""

import threading
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from core.clock import utc_now
from core.demo.mailbox import HOST, Mail, Mailbox
from core.settings import get_settings
from core.types import counted

LONGEST_WAIT = 10.0
"""Seconds for a request to arrive."""
_STYLE = """
:root { color-scheme: light dark; --line: #d7dbe0; --quiet: #565d66; --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --line: #3a4048; --quiet: #a6adb6; --link: #56b4e9; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; }
h1 { font-size: 1.5rem; margin: 0; } p { color: var(--quiet); margin: .25rem 0 1.25rem; }
ol { list-style: none; margin: 0; padding: 0; } li { border-top: 1px solid var(--line); }
li a { display: flex; gap: 1rem; padding: .7rem .25rem; text-decoration: none; color: inherit; }
li a:hover b, li a:focus-visible b { color: var(--link); text-decoration: underline; }
b { flex: 1; font-weight: 550; } time { color: var(--quiet); white-space: nowrap; }
a { color: var(--link); }
iframe { border: 1px solid var(--line); width: 100%; height: 75vh; background: #fff; }
@media (max-width: 40rem) { li a { flex-direction: column; gap: 0; } }
"""
_BODY_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
_POLICY = "default-src 'none'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
_STYLES = "style-src 'unsafe-inline'"


class MailPage:
    """An HTTP server in a thread that shows a mailbox, to this machine only."""

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self._server = ThreadingHTTPServer((HOST, port), _handler(mailbox))
        self._server.daemon_threads = True
        self.address = f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Start serving."""
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        threading.Thread(target=serve, name="demo-mail", daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _handler(mailbox: Mailbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = LONGEST_WAIT

        def do_GET(self) -> None:
            if (self.headers["Host"] or "").partition(":")[0] not in {HOST, "localhost"}:
                self.send_error(HTTPStatus.FORBIDDEN)
                return
            place, _, name = unquote(self.path).strip("/").partition("/")
            mail = mailbox.find(name) if name else None
            if not place and not name:
                self._answer(_list(list(mailbox.newest_first())), _POLICY + _STYLES)
            elif mail is not None and place == "mail":
                self._answer(_frame(mail), _POLICY + _STYLES)
            elif mail is not None and place == "body":
                self._answer(_body(mail.message), _BODY_POLICY + _STYLES)
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _answer(self, page: str, policy: str) -> None:
            content = page.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Do not log requests, to keep the launcher's terminal clean."""

    return Handler


def _page(title: str, *parts: str) -> str:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = "".join(parts)
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def _list(mails: list[Mail]) -> str:
    rows = "".join(
        f'<li><a href="/mail/{mail.name}"><b>{escape(_subject(mail))}</b><time>{_when(mail)}</time></a></li>'
        for mail in mails
    )
    words = f"{counted(len(mails), 'email')}, newest first. "
    about = (
        "Sent by the demo's alerts to its own mail server; nothing leaves this machine. "
        "Emails about the simulated past were sent when the demo started."
    )
    title = "Demo mail"
    return _page(title, f"<h1>{title}</h1>", f"<p>{words}{about}</p>", f"<ol>{rows}</ol>")


def _frame(mail: Mail) -> str:
    subject = escape(_subject(mail))
    to = escape(_header(mail.message, "To"))
    return _page(
        subject,
        '<a href="/">\N{LEFTWARDS ARROW} All emails</a>',
        f"<h1>{subject}</h1><p>To {to} \N{MIDDLE DOT} {_when(mail)}</p>",
        f'<iframe src="/body/{mail.name}" title="{subject}" sandbox="allow-popups '
        'allow-popups-to-escape-sandbox"></iframe>',
    )


def _subject(mail: Mail) -> str:
    return _header(mail.message, "Subject") or "No subject"


def _header(message: EmailMessage, name: str) -> str:
    """Return a header's text; '' if it cannot be read, so that one bad mail does not break the page."""
    try:
        return str(message[name] or "")
    except Exception:  # noqa: BLE001 (email parses headers as they are read, and fails in many ways)
        return ""


def _when(mail: Mail) -> str:
    local = mail.at.astimezone(get_settings().tz)
    today = local.date() == utc_now().astimezone(get_settings().tz).date()
    return f"{local:%H:%M}" if today else f"{local:%-d %b, %H:%M}"


def _body(message: EmailMessage) -> str:
    """Return an email's HTML with its images inlined, or its plain text; links open in a new tab."""
    part = message.get_body(("html", "plain"))
    text = _text(part) if part is not None else ""
    if part is None or part.get_content_subtype() == "plain":
        return f"<pre>{escape(text)}</pre>"
    for cid, picture in _pictures(message):
        text = text.replace(f"cid:{cid}", picture)
    return f'<base target="_blank">{text}'


def _text(part: MIMEPart) -> str:
    """Return the text of a part; undecoded if its encoding is unknown."""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        return str(part.get_payload())


def _pictures(message: EmailMessage) -> Iterator[tuple[str, str]]:
    for part in message.walk():
        if part.get_content_maintype() == "image" and part["Content-ID"]:
            data = "".join(str(part.get_payload()).split())
            yield str(part["Content-ID"]).strip("<>"), f"data:{part.get_content_type()};base64,{data}"
