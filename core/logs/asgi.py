"""An ASGI middleware that logs and measures each request of the agent's own API."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from core.logs.context import call_context
from core.logs.logger import component_logger
from core.logs.requests import log_api_request

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_CLIENT_WENT_AWAY = 499
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestLogMiddleware:
    """Logs method, path, status and milliseconds of each HTTP request, once its response is out.

    ``app.add_middleware(RequestLogMiddleware)`` in Starlette and FastAPI, or around any ASGI application. A
    request that raises counts as 500, and raises on. The call context of one request does not reach another.
    """

    def __init__(self, app: ASGIApp, component: str = "api") -> None:
        self._app = app
        self._logger = component_logger(component)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with call_context():
            started = time.perf_counter()
            try:
                await self._app(scope, receive, watch)
            except Exception:
                status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
                raise
            except BaseException:
                status = _CLIENT_WENT_AWAY
                raise
            finally:
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log_api_request(self._logger, scope["method"], scope.get("path", ""), status, milliseconds)
