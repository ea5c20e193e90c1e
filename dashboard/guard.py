"""Refuse requests that do not come from the dashboard's own pages, under its own address.

Addresses below a page's, which Streamlit would answer with a blank page, lead to the one that says so.
"""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.peers import is_here, is_one_of, is_own_user, number_of
from core.settings import get_settings
from core.variables.kinds import is_loopback
from dashboard.sign_in.addresses import base
from dashboard.sign_in.peers import headers_of

_SECURE = {"https", "wss"}
_PORTS = {"http": 80, "https": 443}
_EMBEDDED = {"iframe", "frame", "embed", "object"}
_NOT_OURS = (
    b"The dashboard does not answer at this address: see DASHBOARD_PUBLIC_URL in docs/configuration.md\n"
)
_NOT_YOURS = b"This dashboard belongs to another user of this machine: see Access in docs/dashboard.md\n"

_FILES = {"_stcore", "app", "component", "media", "static"}
"""First parts of the paths of Streamlit's own files."""

Origin = tuple[str, str, int]
"""Scheme, host and port: an origin as browsers define it."""


def _origin(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        return None
    return parts.scheme, host, port or _PORTS[parts.scheme]


def refuses(scheme: str, hosts: Iterable[str], origins: Iterable[str], *, origin_needed: bool) -> bool:
    """Return whether to refuse a request, because of its host name or the page it comes from.

    A foreign site can bind its own name to the loopback address, which shows in Host. Pages of other sites,
    and of other programs on this machine, show in Origin.

    Args:
        scheme: of the request: http, https, ws or wss.
        hosts: all Host headers; there must be exactly one.
        origins: all Origin headers.
        origin_needed: refuse requests without an Origin; browsers always send one with a websocket.
    """
    hosts, origins = list(hosts), list(origins)
    public = _origin(get_settings().dashboard_public_url or "")
    here = _origin(f"{'https' if scheme in _SECURE else 'http'}://{hosts[0]}") if len(hosts) == 1 else None
    if here is None or not (is_loopback(here[1]) or (public and here[1] == public[1])):
        return True
    if not origins:
        return origin_needed
    return len(origins) > 1 or _origin(origins[0]) not in {here, public} - {None}


def refuses_headers(headers: Mapping[str, str]) -> bool:
    """Return the same for a websocket's headers; without any, it is not from a browser."""
    names = {name.lower(): value for name, value in headers.items()}
    if not names:
        return False
    given = [names[name] for name in ("origin",) if name in names]
    return refuses("ws", [names.get("host", "")], given, origin_needed=True)


class OwnPagesOnly:
    """Middleware that answers 403 to foreign pages, foreign host names, and other users of this machine.

    Without sign-in and proxy, other users are refused; with DASHBOARD_PROXY_USER, all but that one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before Streamlit sees it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"
        given = partial(headers_of, scope)
        foreign_frame = (
            not _EMBEDDED.isdisjoint(given(b"sec-fetch-dest"))
            and not {"cross-site", "same-site"}.isdisjoint(given(b"sec-fetch-site"))
        )  # fmt: skip
        if foreign_frame or refuses(
            scope.get("scheme", "http"), given(b"host"), given(b"origin"), origin_needed=is_socket
        ):
            await _refuse(send, _NOT_OURS, is_socket=is_socket)
            return
        if not lets_in(scope):
            await _refuse(send, _NOT_YOURS, is_socket=is_socket)
            return
        if "document" in given(b"sec-fetch-dest") and is_below_a_page(scope["path"]):
            await RedirectResponse(f"{base()}/not-found")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_below_a_page(path: str) -> bool:
    """Return whether a path is below that of a page, as ``/calls/call_1``; pages have none below them."""
    first, _, below = path.removeprefix(base()).strip("/").partition("/")
    return bool(below) and first not in _FILES


def lets_in(scope: Scope) -> bool:
    """Return whether the user of this machine whose program asks may; other machines are let through."""
    settings, client, server = get_settings(), scope.get("client"), scope.get("server")
    if settings.dashboard_proxy_user is not None:
        users = {os.getuid(), number_of(settings.dashboard_proxy_user)}
        return not is_here(client, server) or is_one_of(users, client, server)
    asks_nobody = settings.dashboard_sign_in == "none" and not settings.dashboard_has_proxy
    return not asks_nobody or is_own_user(client, server)


async def _refuse(send: Send, words: bytes, *, is_socket: bool) -> None:
    if is_socket:
        # Closing before accepting makes the server answer the handshake with 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(words))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": words})
