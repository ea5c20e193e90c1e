"""Answer identical queries once: everyone who asked before the answer was begun shares it."""

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.access.permissions import Permission
from core.api.keys import key_of, keys_for
from core.api.security import note_access

if TYPE_CHECKING:
    from core.access.guesses import Guesses

_API = "/api/"
_ROUND = "round"
_LIKE = ("accept", "accept-encoding", "if-none-match")
"""Headers that answers depend on."""
Question = tuple[str, ...]


class _Round:
    """One answer for everyone who asked before it was begun."""

    def __init__(self) -> None:
        self.readers = 0
        self.abandoned = asyncio.Event()
        self.answer: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Note that a reader no longer waits; an answer nobody waits for need not be begun."""
        self.readers -= 1
        if not self.readers:
            self.abandoned.set()


class Together:
    """Lets readers share the answer to the same query if it has not been begun; comes before the queue.

    Nobody gets an answer that was begun before they asked, so none is older than one of their own would be.
    Requests without a valid key, and those with a body, are not shared.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: dict[Question, _Round] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not _can_share(scope):
            await self._app(scope, receive, send)
            return
        question = _question(scope)
        joined = self._waiting.get(question)
        if joined is None:
            joined = self._waiting[question] = _Round()
            task = asyncio.create_task(self._run(scope, question, joined))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            _note_access(scope)
        joined.readers += 1
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            either: set[asyncio.Future[Any]] = {gone, joined.answer}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if joined.answer.done():
                for message in joined.answer.result():
                    await send(_copy(message))
        finally:
            gone.cancel()
            joined.leave()

    async def _run(self, scope: Scope, question: Question, mine: _Round) -> None:
        said: list[Message] = []
        unread: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if unread:
                return unread.pop()
            await mine.abandoned.wait()
            return {"type": "http.disconnect"}

        async def keep(message: Message) -> None:
            said.append(message)

        def begin() -> None:
            if self._waiting.get(question) is mine:
                del self._waiting[question]

        state = {**scope.get("state", {}), _ROUND: begin}
        try:
            await self._app({**scope, "state": state}, receive, keep)
            mine.answer.set_result(said)
        except Exception as error:  # noqa: BLE001 (whoever waits for the answer gets it)
            mine.answer.set_exception(error)
            mine.answer.exception()  # even if nobody waits
        finally:
            begin()
            if not mine.answer.done():
                mine.answer.cancel()


class Begins:
    """Notes that an answer is begun: those who ask from now on wait for the next; comes after the queue."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if begin := scope.get("state", {}).get(_ROUND):
            begin()
        await self._app(scope, receive, send)


def _can_share(scope: Scope) -> bool:
    if (
        scope["type"] != "http"
        or scope["method"] not in {"GET", "HEAD"}
        or not scope["path"].startswith(_API)
    ):
        return False
    headers = Headers(scope=scope)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return False
    key = key_of(scope)
    client = scope["client"][0] if scope.get("client") else ""
    slowed = cast("Guesses", scope["app"].state.guesses).wait_seconds(client)
    return not keys_for(scope) or (key is not None and Permission.READ in key.may and not slowed)


def _question(scope: Scope) -> Question:
    headers = Headers(scope=scope)
    query: bytes = scope.get("query_string", b"")
    key = key_of(scope)
    may = ",".join(sorted(permission.name for permission in key.may)) if key else ""
    asked = scope["method"], scope["path"], query.decode("latin-1"), may
    return *asked, *(headers.get(name, "") for name in _LIKE)


def _note_access(scope: Scope) -> None:
    """Log who asked, as for a query that is not shared."""
    key = key_of(scope)
    if key is not None:
        note_access(Request(scope), key)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _copy(message: Message) -> MutableMapping[str, object]:
    """Return what each reader gets; headers are added to it on its way."""
    if "headers" not in message:
        return message
    return {**message, "headers": list(message["headers"])}
