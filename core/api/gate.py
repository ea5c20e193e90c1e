"""Limit how many requests run at once, and how long each may query the database; queries have no body."""

import asyncio
from contextlib import suppress
from typing import Any

import pymongo
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.intake.bodies import takes_body
from core.api.manners import methods_of
from core.api.problems import ProblemResponse

AT_WORK = 3
"""Requests that compute at the same time; more would share one interpreter, and all would finish later."""
LISTS = 2
"""Lists of calls, and recomputed days: they may take long, and figures do not wait for them."""
_LISTS = {"/api/v1/analytics/calls", "/api/v1/analytics/compliance"}
LOOKS = 2
"""Queries of monitoring systems; separate, so that readers do not starve them."""
_MONITORS = {"/readyz", "/metrics"}
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 2
LONGEST_SECONDS = 10.0
LONGEST_CHANGE_SECONDS = 120.0
"""For reading all calls of a day again."""
_BUSY = "too many requests are at work; try again in a moment"
_BODY = "this request takes no body; send it without"
_NOWHERE = "there is no such path; /openapi.json lists them"
_READS = {"GET", "HEAD"}


class Gate:
    """Lets a limited number of requests through to the application at a time; the others wait, then get 503.

    A client that gives up while waiting leaves the queue. A request's database queries end after
    ``LONGEST_SECONDS``, even if nobody is waiting for the answer any more. Requests that bring calls pass:
    they wait RECORD_WAIT_SECONDS for the database at most, and what they hold is limited elsewhere.
    """

    def __init__(
        self, app: ASGIApp, *, at_work: int = AT_WORK, patience_seconds: float | None = None
    ) -> None:
        self._app = app
        self._patience_seconds = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._places = asyncio.Semaphore(at_work)
        self._lists = asyncio.Semaphore(LISTS)
        self._looks = asyncio.Semaphore(LOOKS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer that there is too much to do."""
        if scope["type"] != "http" or scope["path"] == "/healthz" or takes_body(scope):
            await self._app(scope, receive, send)
            return
        first = await self._begin(scope, receive)
        if first is None or first.get("body"):
            await _refusal(scope)(scope, receive, send)
            return
        later = asyncio.ensure_future(receive())
        places = self._places_of(scope)
        try:
            if not await self._enter(places, later):
                busy = ProblemResponse(503, _BUSY, headers={"Retry-After": str(RETRY_SECONDS)})
                await busy(scope, receive, send)
                return
            try:
                longest = LONGEST_SECONDS if scope["method"] in _READS else LONGEST_CHANGE_SECONDS
                with pymongo.timeout(longest):
                    await self._app(scope, _again(first, later), send)
            finally:
                places.release()
        finally:
            later.cancel()

    def _places_of(self, scope: Scope) -> asyncio.Semaphore:
        if scope["path"] in _MONITORS:
            return self._looks
        return self._places if scope["method"] in _READS and scope["path"] not in _LISTS else self._lists

    async def _begin(self, scope: Scope, receive: Receive) -> Message | None:
        """Return the end of an empty body, a part of one, or None if one is announced or does not arrive."""
        headers = Headers(scope=scope)
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_seconds):
                while (message := await receive()).get("more_body") and not message.get("body"):
                    pass
                return message
        return None

    async def _enter(self, places: asyncio.Semaphore, gone: "asyncio.Future[Message]") -> bool:
        """Take a place; return False if none becomes free in time, or the client has gone."""
        place: asyncio.Future[bool] = asyncio.ensure_future(places.acquire())
        either: set[asyncio.Future[Any]] = {place, gone}
        try:
            await asyncio.wait(either, timeout=self._patience_seconds, return_when=asyncio.FIRST_COMPLETED)
            has_gone = gone.done() and gone.result()["type"] == "http.disconnect"
            if place.done() and not has_gone:
                return True
        except BaseException:
            _give_back(place, places)
            raise
        _give_back(place, places)
        return False


def _refusal(scope: Scope) -> ProblemResponse:
    """Return the answer to a request with a body; a wrong path or method is reported first."""
    allowed = methods_of(scope)
    if not allowed:
        return ProblemResponse(404, _nowhere(scope))
    if scope["method"] in allowed:
        return ProblemResponse(400, _BODY)
    return ProblemResponse(405, "Method Not Allowed", headers={"Allow": ", ".join(allowed)})


def _nowhere(scope: Scope) -> str:
    shorter: str = scope["path"].rstrip("/")
    meant = shorter != scope["path"] and methods_of({**scope, "path": shorter})
    return f"there is no such path; did you mean {shorter}?" if meant else _NOWHERE


def _give_back(place: "asyncio.Future[bool]", places: asyncio.Semaphore) -> None:
    """Leave the queue, or give up the place obtained in the meantime."""
    if place.done():
        places.release()
    else:
        place.cancel()


def _again(first: Message, later: "asyncio.Future[Message]") -> Receive:
    """Yield what was already received, then what follows."""
    unread = [first]

    async def receive() -> Message:
        return unread.pop() if unread else await asyncio.shield(later)

    return receive
