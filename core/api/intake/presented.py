"""Take secrets out of the addresses of requests, before anything can log them or echo them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, unquote_plus, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.intake.bodies import ACKNOWLEDGE, HOOKS
from core.api.keys import keys_for, matching
from core.hooks.secrets import SHORTEST_SECRET, hook_secrets
from core.settings import get_settings

SECRET_HEADER = "x-hook-secret"  # noqa: S105 (a name)
_PARAMETER = "secret"
_STATE = "presented"
_BLANK = "***"
_WORDS = re.compile(rf"[\w-]{{{SHORTEST_SECRET},}}", re.ASCII)
"""What may be a key that the store knows by its hash alone."""


@dataclass(frozen=True)
class Presented:
    """The secrets a request presents; ``address`` is its path and query as received."""

    secrets: tuple[str, ...] = field(repr=False)
    address: str = field(repr=False)


class HiddenSecrets:
    """Takes the secret of ``/hooks/{source}/{secret}``, and of ``?secret=``, out of the request's address.

    Everything after it, including the request log, sees only ``/hooks/{source}``; likewise for
    ``/acknowledge``. Keys of the API, which belong in a header, are blanked in any address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = _blanked(_hidden(scope) if scope["path"].startswith(HOOKS) else _link_hidden(scope))
        await self._app(scope, receive, send)


def _blanked(scope: Scope) -> Scope:
    """Return an address without secrets even if it is slightly wrong: in capitals, or without the source."""
    path: str = scope["path"]
    query: str = scope.get("query_string", b"").decode("latin-1")
    secrets = _secrets_in(scope, {path, unquote(query), unquote_plus(query)})
    if not secrets:
        return scope
    for secret in secrets:
        path = path.replace(secret, _BLANK)
    shown = "&".join(_part_without(secrets, part) for part in query.split("&"))
    return {**scope, "path": path, "raw_path": path.encode(), "query_string": shown.encode("latin-1")}


def _part_without(secrets: Iterable[str], part: str) -> str:
    """Return one parameter of a query without the secrets, encoded or not."""
    name, equals, _ = part.partition("=")
    if _has(secrets, name) or (not equals and _has(secrets, part)):
        return _BLANK
    return f"{name}={_BLANK}" if _has(secrets, part) else part


def _has(secrets: Iterable[str], text: str) -> bool:
    return any(secret in form for secret in secrets for form in (unquote(text), unquote_plus(text)))


def _secrets_in(scope: Scope, texts: Iterable[str]) -> list[str]:
    """Return the secrets of webhooks, and the keys of the API, in these texts."""
    settings = get_settings()
    known = [one for secrets in hook_secrets(settings).values() for one in secrets]
    known += [*settings.api_keys, *settings.api_write_keys, *settings.api_ingest_keys]
    plain = [one.get_secret_value() for one in known]
    found = [secret for secret in plain if any(secret in text for text in texts)]
    words = {word for text in texts if len(text) >= SHORTEST_SECRET for word in _WORDS.findall(text)}
    return found + [word for word in words if matching(keys_for(scope), [word])]


def _hidden(scope: Scope) -> Scope:
    raw = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    _, _, in_path = scope["path"].removeprefix(HOOKS).partition("/")
    source, _, _ = _blanked(scope)["path"].removeprefix(HOOKS).partition("/")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    in_query = [value for name, value in pairs if name.lower() == _PARAMETER]
    rest = urlencode([(name, value) for name, value in pairs if name.lower() != _PARAMETER]).encode()
    in_header = Headers(scope=scope).get(SECRET_HEADER, "")
    address = raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    given = tuple(filter(None, (in_path, in_header, *in_query)))
    path = HOOKS + unquote(source)
    state = {**scope.get("state", {}), _STATE: Presented(given, address)}
    return {**scope, "path": path, "raw_path": path.encode(), "query_string": rest, "state": state}


def _link_hidden(scope: Scope) -> Scope:
    """Return an address without the signed part of a link to acknowledge."""
    path = scope["path"]
    if path != ACKNOWLEDGE and not path.startswith(f"{ACKNOWLEDGE}/"):
        return scope
    shown = Presented((path.removeprefix(ACKNOWLEDGE).strip("/"),), path)
    state = {**scope.get("state", {}), _STATE: shown}
    return {
        **scope,
        "path": ACKNOWLEDGE,
        "raw_path": ACKNOWLEDGE.encode(),
        "query_string": b"",
        "state": state,
    }


def presented(scope: Scope) -> Presented:
    """Return what a request presented."""
    found: Presented = scope["state"][_STATE]
    return found
