"""What HTTP requires of every answer: methods, headers, validators, time limits."""

import asyncio
import hashlib
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.logging_config import call_context

HEADER_SECONDS = 10.0
"""How long the head of a request may take to arrive."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIGURES = "/api/v1/analytics/metrics"
_MOMENT = re.compile(rb'"(?:computed_at|period_start|period_end)":"[^"]{0,64}"')
"""When figures were computed; if nothing else has changed, they are the same."""


class Manners:
    """Gives each request an id, and keeps its answer from being cached or interpreted as something else.

    The id is that of ``X-Request-ID``, or made here; it is in every line logged during the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        client = scope["client"][0] if scope.get("client") else None

        async def polite(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                if scope["path"].startswith("/api/"):
                    figures = scope["path"].startswith(_FIGURES)
                    headers.setdefault("Cache-Control", "private, no-cache" if figures else "no-store")
                if "location" in headers:
                    headers["Location"] = _relative(headers["location"])
            await send(message)

        with call_context(request_id=request_id, client=client):
            await self._app(scope, receive, polite)


def _relative(location: str) -> str:
    """Return an address without the host named by the request, which may be anybody's."""
    parts = urlsplit(location)
    query = f"?{parts.query}" if parts.query else ""
    return f"/{parts.path.lstrip('/')}{query}"


class Methods:
    """Answers HEAD as GET without the body, and OPTIONS with the methods of a path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in {"HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            if allowed := methods_of(scope):
                await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return

        async def bare(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, bare)


def methods_of(scope: Scope) -> list[str]:
    """Return the methods that the path of a request accepts."""
    routes: list[BaseRoute] = scope["app"].routes
    own = [
        method
        for method in ("GET", "POST")
        if any(route.matches(dict(scope, method=method))[0] is Match.FULL for route in routes)
    ]
    return [*own, *(["HEAD"] if "GET" in own else []), "OPTIONS"] if own else []


class Validators:
    """Gives figures an ETag, and answers 304 if the client already has them.

    The tag is weak: it does not depend on when the figures were computed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        reads = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if not reads or not scope["path"].startswith(_FIGURES):
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        held: list[Message] = []

        async def tagged(message: Message) -> None:
            held.append(message)
            if message["type"] != "http.response.body" or message.get("more_body"):
                return
            body = b"".join(part.get("body", b"") for part in held[1:])
            start = held[0]
            headers = MutableHeaders(scope=start)
            if start["status"] == 200:  # noqa: PLR2004 (HTTP OK)
                tag = f'W/"{hashlib.sha256(_MOMENT.sub(b"", body)).hexdigest()[:32]}"'
                headers["ETag"] = tag
                if _has(known, tag):
                    start["status"], body = 304, b""
                    del headers["Content-Length"], headers["Content-Type"]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, tagged)


def _has(known: str, tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


class PromptProtocol(H11Protocol):
    """HTTP on a connection that is closed if the head of a request does not arrive in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 (uvicorn's)
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Receive part of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
