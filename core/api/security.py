"""Who may ask, change and send: holders of a key, and on the loopback address this machine's own programs."""

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Security, status
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.intake.bodies import ACKNOWLEDGE, HOOKS
from core.api.problems import ProblemResponse
from core.errors import UserError
from core.logging_config import get_logger, log_security_event
from core.settings import Settings, get_settings
from core.variables.kinds import is_loopback

if TYPE_CHECKING:
    from core.api.guesses import Guesses

logger = get_logger("security")
SHORTEST_KEY = 22
"""Characters of a random key of 128 bits in base64."""
_CLOSED = (
    "without API_KEYS only programs of this machine and user may ask, of python -m core api; set API_KEYS"
)
_X_API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="One of API_KEYS")
_BEARER = HTTPBearer(auto_error=False, description="One of API_KEYS")
Keyless = Callable[[Request], bool]
"""Whether a request may go without a key where none is configured."""
_OWN_PAGES = {"same-origin", "none"}
"""Sec-Fetch-Site of a page of ours, and of an address that somebody typed."""


@dataclass(frozen=True)
class Key:
    """A key of the settings; ``id`` may be shown: it tells keys apart, and says nothing of the key."""

    id: str
    secret: bytes = field(repr=False)
    writes: bool = False
    reads: bool = True
    sends: bool = False


def keys_of(settings: Settings) -> list[Key]:
    """The keys that are configured; one that is in several lists may do what each allows."""
    writing = {key.get_secret_value() for key in settings.api_write_keys}
    reading = {key.get_secret_value() for key in settings.api_keys} | writing
    sending = {key.get_secret_value() for key in settings.api_ingest_keys} | writing
    return [
        Key(_id(text), text.encode(), writes=text in writing, reads=text in reading, sends=text in sending)
        for text in sorted(reading | sending)
    ]


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def refuse_open_door(settings: Settings) -> None:
    """Refuse to listen beyond this machine without keys, and anywhere with keys that can be guessed.

    Raises:
        UserError: API_HOST is not a loopback address and API_KEYS is empty, or a key is weak.
    """
    refuse_weak_keys(settings)
    if not is_loopback(settings.api_host) and not keys_of(settings):
        raise UserError(
            f"API_HOST={settings.api_host} opens the API to the network but API_KEYS is empty; "
            "set API_KEYS=<a long random key>, or API_HOST=127.0.0.1"
        )


def refuse_weak_keys(settings: Settings) -> None:
    """Refuse keys that can be guessed, or that no header can carry.

    Raises:
        UserError: a key is shorter than 22 characters, or has others than printable ASCII.
    """
    for key in keys_of(settings):
        text = key.secret.decode()
        if len(text) < SHORTEST_KEY or not text.isascii() or not text.isprintable():
            raise UserError(
                "each key of API_KEYS, API_WRITE_KEYS and API_INGEST_KEYS needs "
                f"{SHORTEST_KEY} ASCII characters or more; "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
            )


async def known_key(
    request: Request,
    x_api_key: Annotated[str | None, Security(_X_API_KEY)] = None,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
) -> Key | None:
    """Let a request pass that carries one of the keys; where none is configured, every request.

    Raises:
        HTTPException: 401 without a right key, 429 after many wrong ones.
    """
    keys = keys_of(get_settings())
    if not keys:
        return None
    guesses = cast("Guesses", request.app.state.guesses)
    client = request.client.host if request.client else ""
    if wait := guesses.wait_seconds(client):
        tell("api_key_guessing", request)
        raise HTTPException(
            status.HTTP_429_TOO_MANY_REQUESTS, "too many wrong keys", {"Retry-After": str(wait)}
        )
    given = [text for text in (x_api_key, bearer.credentials if bearer else None) if text]
    key = find_key(keys, given)
    if key is None:
        if given:
            guesses.add(client)
        tell("api_key_refused" if given else "api_key_missing", request)
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "send one of API_KEYS as X-API-Key, or as Authorization: Bearer",
            {"WWW-Authenticate": "Bearer"},
        )
    tell("api_access", request, logging.INFO, key_id=key.id)
    return key


def find_key(keys: Sequence[Key], given: Sequence[str]) -> Key | None:
    """The configured key among those that a request carries."""
    # Every key is compared with every one, so that the time taken says nothing.
    right = [key for key in keys for text in given if hmac.compare_digest(text.encode(), key.secret)]
    return right[0] if right else None


async def require_key(key: Annotated[Key | None, Depends(known_key)]) -> None:
    """Let a question pass only with a key that may read; where none is configured, every request.

    Raises:
        HTTPException: 403 for a key that only sends.
    """
    if key is not None and not key.reads:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this key only sends; API_KEYS may read")


async def require_sending_key(key: Annotated[Key | None, Depends(known_key)]) -> None:
    """Let calls pass only with a key that may send; where none is configured, every request.

    Raises:
        HTTPException: 403 for a key that only reads.
    """
    if key is not None and not key.sends:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this key only reads; API_INGEST_KEYS may send")


async def require_writing_key(key: Annotated[Key | None, Depends(known_key)]) -> None:
    """Let a change pass only with a key that may write; where none is configured, every request.

    Raises:
        HTTPException: 403 for a key that may not.
    """
    if key is not None and not key.writes:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this key changes nothing; API_WRITE_KEYS may")


def tell(event: str, request: Request, level: int = logging.WARNING, **about: str) -> None:
    """Log who asked for what, as an event of security."""
    client = request.client.host if request.client else None
    asked = {"method": request.method, "path": request.url.path, "query": request.url.query}
    log_security_event(logger, event, level, client=client, **asked, **about)


def carries_key(request: Request) -> bool:
    """Whether a request carries a key that may read, or none is configured."""
    keys = keys_of(get_settings())
    reading = [key for key in keys if key.reads]
    return not keys or find_key(reading, given_keys(request.headers)) is not None


def given_keys(headers: Headers) -> list[str]:
    """What a request shows as keys."""
    _, _, bearer = headers.get("authorization", "").partition(" ")
    return [headers.get("x-api-key", ""), bearer.strip()]


class Door:
    """Turns everybody away where there are no keys, but those who need none; webhooks have secrets.

    Links to acknowledge are signed.
    """

    def __init__(self, app: ASGIApp, keyless: "Keyless") -> None:
        self._app = app
        self._keyless = keyless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        signed = scope["type"] == "http" and (scope["path"].startswith(HOOKS) or scope["path"] == ACKNOWLEDGE)
        asks = scope["type"] == "http" and not signed
        if asks and not keys_of(get_settings()) and not self._keyless(Request(scope)):
            await ProblemResponse(status.HTTP_403_FORBIDDEN, _CLOSED)(scope, receive, send)
            return
        await self._app(scope, receive, send)


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
