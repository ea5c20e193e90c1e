"""ASGI middleware that logs and measures each request to the agent's own API."""

import logging
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
    """Logs method, path, status and milliseconds of each HTTP request once its response has been sent.

    That is after the last part of the body, so background tasks neither count nor delay the line.

    Use ``app.add_middleware(RequestLogMiddleware)`` in Starlette and FastAPI, or wrap any ASGI application. A
    request that raises counts as 500, and the exception is raised on. One request's call context is not
    visible to the next.
    """

    def __init__(self, app: ASGIApp, component: str = "api") -> None:
        self._app = app
        self._logger = component_logger(component)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with call_context():
            request = _Request(self._logger, scope, send)
            try:
                await self._app(scope, receive, request.send)
            except Exception:
                request.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
                raise
            except BaseException:
                request.status = _CLIENT_WENT_AWAY
                raise
            finally:
                request.log()


class _Request:
    """One request in progress: its status and its clock, which stops with the last part of the response."""

    def __init__(self, logger: logging.Logger, scope: Scope, send: Send) -> None:
        self._logger, self._scope, self._send = logger, scope, send
        self._started = time.perf_counter()
        self._logged = self._has_trailers = False
        self.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def send(self, message: Message) -> None:
        """Pass on a part of the response; what the application does afterwards is not part of the request."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._has_trailers = bool(message.get("trailers"))
        await self._send(message)
        if self._is_last(message):
            self.log()

    def log(self) -> None:
        """Log the request, once."""
        if self._logged:
            return
        self._logged = True
        milliseconds = round((time.perf_counter() - self._started) * 1000, 1)
        scope = self._scope
        log_api_request(self._logger, scope["method"], scope.get("path", ""), self.status, milliseconds)

    def _is_last(self, message: Message) -> bool:
        kind = message["type"]
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        whole = kind == "http.response.pathsend" or (
            kind == "http.response.body" and not message.get("more_body", False)
        )
        return whole and not self._has_trailers
