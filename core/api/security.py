"""Who may ask: holders of a key, and on the loopback address this machine's own programs."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Header, HTTPException, Request, Response, status

from core.errors import UserError
from core.settings import Settings, get_settings, is_loopback

Handler = Callable[[Request], Awaitable[Response]]
Keyless = Callable[[Request], bool]
"""Whether a request may go without a key where none is configured."""
_OWN_PAGES = {"same-origin", "none"}
"""Sec-Fetch-Site of a page of ours, and of an address that somebody typed."""


def refuse_open_door(settings: Settings) -> None:
    """Refuse to listen beyond this machine without keys.

    Raises:
        UserError: API_HOST is not a loopback address and API_KEYS is empty.
    """
    if not is_loopback(settings.api_host) and not settings.api_keys:
        raise UserError(
            f"API_HOST={settings.api_host} opens the API to the network but API_KEYS is empty; "
            "set API_KEYS=<a long random key>, or API_HOST=127.0.0.1"
        )


def require_key(
    x_api_key: Annotated[str | None, Header(description="One of API_KEYS")] = None,
    authorization: Annotated[str | None, Header(description="Bearer and one of API_KEYS")] = None,
) -> None:
    """Let a request pass that carries one of API_KEYS; where none is configured, every request."""
    keys = get_settings().api_keys
    if not keys:
        return
    scheme, _, bearer = (authorization or "").partition(" ")
    given = (x_api_key or (bearer.strip() if scheme.lower() == "bearer" else "")).encode()
    # Every key is compared, so that the time taken says nothing.
    if not any([hmac.compare_digest(given, key.get_secret_value().encode()) for key in keys]):  # noqa: C419 (every key is compared: the time tells nothing)
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "send one of API_KEYS as X-API-Key, or as Authorization: Bearer",
            headers={"WWW-Authenticate": "Bearer"},
        )


def nobody(_request: Request) -> bool:
    """No request at all: how the application is served is not known."""
    return False


def this_machine(request: Request) -> bool:
    """Whether a program of this machine asks a server that listens on the loopback address alone.

    Where a proxy passes on what it got from elsewhere, its X-Forwarded-For is the client by now.
    """
    ends = request.client, request.scope.get("server")
    return all(end is not None and is_loopback(end[0]) for end in ends) and not is_foreign(request)


def is_foreign(request: Request) -> bool:
    """Whether another site's page in a browser on this machine sends the request.

    A rebound DNS name shows in Host, a form or script of another site in Sec-Fetch-Site, and in Origin where
    the browser is too old, or too small, to send that.
    """
    host = _host_of(f"//{request.headers.get('host', '')}")
    if host is None or not is_loopback(host):
        return True
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in _OWN_PAGES
    origin = request.headers.get("origin")
    return origin is not None and origin.lower() != f"http://{request.headers['host']}".lower()


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
