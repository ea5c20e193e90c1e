"""Take the secret of a webhook out of its address, before anything can log it or echo it."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.intake.bodies import ACKNOWLEDGE, HOOKS
from core.hooks.secrets import hook_secrets
from core.settings import get_settings

SECRET_HEADER = "x-hook-secret"  # noqa: S105 (a name)
_PARAMETER = "secret"
_STATE = "presented"


@dataclass(frozen=True)
class Presented:
    """The secrets a request presents; ``address`` is its path and query as received."""

    secrets: tuple[str, ...] = field(repr=False)
    address: str = field(repr=False)


class HiddenSecrets:
    """Takes the secret of ``/hooks/{source}/{secret}``, and of ``?secret=``, out of the request's address.

    Everything after it, including the request log, sees only ``/hooks/{source}``; likewise for
    ``/acknowledge``.
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
    found = [
        secret
        for secrets in hook_secrets(get_settings()).values()
        for one in secrets
        if (secret := one.get_secret_value()) in scope["path"] or secret.encode() in scope["query_string"]
    ]
    for secret in found:
        path, query = (
            scope["path"].replace(secret, "***"),
            scope["query_string"].replace(secret.encode(), b"***"),
        )
        scope = {**scope, "path": path, "raw_path": path.encode(), "query_string": query}
    return scope


def _hidden(scope: Scope) -> Scope:
    raw = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    source, _, in_path = scope["path"].removeprefix(HOOKS).partition("/")
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
