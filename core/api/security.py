"""Who may ask, change and send.

Holders of a key and, on the loopback address, this machine's own programs.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Security, status
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.access.api_keys import list_api_keys
from core.access.permissions import LEAST, Permission
from core.api.intake.bodies import ACKNOWLEDGE, HOOKS
from core.api.keys import (
    NO_KEY_NEEDED,
    Key,
    StoredKeys,
    find_key,
    given_keys,
    keys_for,
    keys_of,
    matching,
    stored_keys,
)
from core.api.problems import ProblemResponse
from core.errors import UserError
from core.logging_config import get_logger, log_security_event
from core.settings import Settings, get_settings
from core.storage import get_sync_database
from core.variables.kinds import is_loopback

if TYPE_CHECKING:
    from core.access.guesses import Guesses

logger = get_logger("security")
SHORTEST_KEY = 22
"""Length of a random 128-bit key in base64."""
_CLOSED = (
    "without API_KEYS only programs of this machine and user may ask, of python -m core api; set API_KEYS"
)
_UNREAD = "the keys of the API cannot be read while the database is away; try again in a moment"
_RETRY_SECONDS = 5
_ALWAYS = {"/healthz", "/readyz"}
"""Shows the process's health; needs no key, and reveals nothing else without one."""
_MOST_AUTHOR = 128
_X_API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="One of API_KEYS")
_BEARER = HTTPBearer(auto_error=False, description="One of API_KEYS")
Keyless = Callable[[Request], bool]
"""Whether a request may pass without a key if none is configured."""
_OWN_PAGES = {"same-origin", "none"}
"""Sec-Fetch-Site of our own pages, and of an address that somebody typed."""


def refuse_open_door(settings: Settings) -> None:
    """Refuse to listen beyond this machine without keys, or anywhere with keys that are easy to guess.

    Raises:
        UserError: API_HOST is not a loopback address and there are no keys, or a key is weak.
    """
    refuse_weak_keys(settings)
    if is_loopback(settings.api_host) or keys_of(settings) or list_api_keys(get_sync_database()):
        return
    raise UserError(
        f"API_HOST={settings.api_host} opens the API to the network but API_KEYS is empty; "
        "set API_KEYS=<a long random key>, or API_HOST=127.0.0.1"
    )


def refuse_weak_keys(settings: Settings) -> None:
    """Refuse keys that are easy to guess, or that no header can carry.

    Raises:
        UserError: a key is shorter than 22 characters, or has characters other than printable ASCII.
    """
    for key in (*settings.api_keys, *settings.api_write_keys, *settings.api_ingest_keys):
        text = key.get_secret_value()
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
) -> Key:
    """Let a request pass if it carries one of the keys; if there are none, let every request pass.

    Raises:
        HTTPException: 401 without a valid key or with an expired one, 429 after many wrong ones.
    """
    keys = keys_for(request.scope)
    if not keys:
        return NO_KEY_NEEDED
    guesses = cast("Guesses", request.app.state.guesses)
    client = request.client.host if request.client else ""
    if wait := guesses.wait_seconds(client):
        tell("api_key_guessing", request)
        raise HTTPException(
            status.HTTP_429_TOO_MANY_REQUESTS, "too many wrong keys", {"Retry-After": str(wait)}
        )
    given = [text for text in (x_api_key, bearer.credentials if bearer else None) if text]
    key = find_key(keys, given)
    if key is not None:
        note_access(request, key)
        return key
    if expired := matching(keys, given):
        tell("api_key_expired", request, key_id=expired[0].id)
        raise _unauthorized(_expired(expired[0]))
    if given:
        guesses.add(client)
    tell("api_key_refused" if given else "api_key_missing", request)
    raise _unauthorized("send one of API_KEYS as X-API-Key, or as Authorization: Bearer")


def note_access(request: Request, key: Key) -> None:
    """Log who asked: by the key's id, and its program's name if the store knows it."""
    program = {"program": key.name} if key.name else {}
    tell("api_access", request, logging.INFO, key_id=key.id, **program)


def _unauthorized(why: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"WWW-Authenticate": "Bearer"})


def _expired(key: Key) -> str:
    day = f" on {key.expires_at.astimezone(get_settings().tz):%Y-%m-%d}" if key.expires_at else ""
    return f"the key {key.name} expired{day}; python -m core api-keys add makes another"


Asking = Annotated[Key, Depends(known_key)]
"""The key that a request carries."""


@dataclass(frozen=True)
class Require:
    """Lets a request pass only with a key that may do this."""

    permission: Permission

    async def __call__(self, key: Asking) -> None:
        """Refuse a key that may not.

        Raises:
            HTTPException: 403 for such a key.
        """
        if self.permission in key.may:
            return
        if not key.may:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "this key only sends; API_KEYS may read")
        least = LEAST[self.permission].label
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"this key may not {self.permission}: that takes one of API_WRITE_KEYS, or a key of the role "
            f"{least}",
        )


async def require_sending_key(key: Asking) -> None:
    """Let calls pass only with a key that may send.

    Raises:
        HTTPException: 403 for a key that only reads.
    """
    if not key.sends:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this key only reads; API_INGEST_KEYS may send")


def written_by(author: str, key: Key) -> str:
    """Return who did something: the person the program names, and the stored key it used."""
    if key.name is None:
        return author
    by = f" (key {key.name})"
    return author.strip()[: _MOST_AUTHOR - len(by)] + by


def tell(event: str, request: Request, level: int = logging.WARNING, **about: str) -> None:
    """Log who asked for what, as a security event."""
    client = request.client.host if request.client else None
    query: bytes = request.scope["query_string"]
    asked = {"method": request.method, "path": request.scope["path"], "query": query.decode("latin-1")}
    log_security_event(logger, event, level, client=client, **asked, **about)


def carries_key(request: Request) -> bool:
    """Return whether a request carries a key that may read, or there are none."""
    keys = keys_for(request.scope)
    reading = [key for key in keys if Permission.READ in key.may]
    if find_key(reading, given_keys(request.headers)) is not None:
        return True
    return not keys and not _is_undecided(request.scope)


class Door:
    """Turns everybody away if there are no keys, except those who need none; webhooks have secrets.

    Links to acknowledge are signed.
    """

    def __init__(self, app: ASGIApp, keyless: "Keyless") -> None:
        self._app = app
        self._keyless = keyless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        signed = scope["type"] == "http" and (scope["path"].startswith(HOOKS) or scope["path"] == ACKNOWLEDGE)
        asks = scope["type"] == "http" and not signed
        refusal = await self._refusal(scope) if asks else None
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> ProblemResponse | None:
        stored = _deciding(scope)
        if stored is not None:
            # Liveness is answered at once, whatever the database does.
            await stored.renew(waits=scope["path"] != "/healthz")
        undecided = stored is not None and stored.are_unknown and scope["path"] not in _ALWAYS
        if keys_for(scope) and not undecided:
            return None  # without asking who it is: the kernel's answer takes longer than most of ours
        opens = self._keyless(Request(scope))
        if undecided and (opens or any(_given(scope))):
            away = {"Retry-After": str(_RETRY_SECONDS)}
            return ProblemResponse(status.HTTP_503_SERVICE_UNAVAILABLE, _UNREAD, headers=away)
        if not opens and not keys_for(scope):
            return ProblemResponse(status.HTTP_403_FORBIDDEN, _CLOSED)
        return None


def _is_undecided(scope: Scope) -> bool:
    """Return whether the store's keys decide about a request, and could not be read yet."""
    stored = _deciding(scope)
    return stored is not None and stored.are_unknown


def _deciding(scope: Scope) -> StoredKeys | None:
    """Return the store's keys, unless those of the settings already decide about a request."""
    known = keys_of(get_settings())
    given = _given(scope)
    return None if (known and not given) or matching(known, given) else stored_keys(scope)


def _given(scope: Scope) -> list[str]:
    return [text for text in given_keys(Headers(scope=scope)) if text]


def nobody(_request: Request) -> bool:
    """Return False for every request: it is not known how the application is served."""
    return False


def this_machine(request: Request) -> bool:
    """Return whether a program of this machine asks a server that listens on the loopback address only.

    If a proxy passes on a request from elsewhere, the client is by now its X-Forwarded-For.
    """
    ends = request.client, request.scope.get("server")
    return all(end is not None and is_loopback(end[0]) for end in ends) and not is_foreign(request)


def is_foreign(request: Request) -> bool:
    """Return whether another site's page, in a browser on this machine, sends the request.

    A rebound DNS name shows in Host; a form or script of another site shows in Sec-Fetch-Site, or in Origin
    if the browser is too old or too small to send that.
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
