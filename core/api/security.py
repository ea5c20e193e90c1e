"""Who may ask: holders of a key, and on the loopback address this machine's own programs."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Header, HTTPException, Request, Response, status

from core.errors import UserError
from core.settings import Settings, get_settings, is_loopback

Handler = Callable[[Request], Awaitable[Response]]


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


def is_foreign(request: Request) -> bool:
    """Whether another site's page in a browser on this machine sends the request.

    Without keys the loopback address alone guards the API: a rebound DNS name shows in Host, a form or
    script of another site in Sec-Fetch-Site.
    """
    if get_settings().api_keys:
        return False
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return True
    return not is_loopback(host) or request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
