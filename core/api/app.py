"""The FastAPI application and the process that serves it."""

from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pymongo.errors import ExecutionTimeout, PyMongoError

from core import __version__
from core.api.gate import Gate
from core.api.peers import is_own_user
from core.api.responses import Health, Readiness
from core.api.routes import router
from core.api.security import Handler, Keyless, nobody, refuse_open_door, this_machine
from core.clock import utc_now
from core.errors import UserError
from core.logging_config import RequestLogMiddleware, get_logger
from core.ports import check_free
from core.scheduler.heartbeat import scheduler_heartbeat
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.collections import ensure_indexes
from core.storage.server.connection import check_reachable, store_name, unavailable_text

logger = get_logger("api")
_CLOSED = (
    "without API_KEYS only programs of this machine and user may ask, of python -m core api; set API_KEYS"
)


def _guard(keyless: Keyless) -> Callable[[Request, Handler], Awaitable[Response]]:
    """Turn everybody away where there are no keys, but those who need none."""

    async def guard(request: Request, call_next: Handler) -> Response:
        if not get_settings().api_keys and not keyless(request):
            return JSONResponse({"detail": _CLOSED}, 403)
        return await call_next(request)

    return guard


def _store_failed(_request: Request, error: Exception) -> JSONResponse:
    text = str(error)
    if isinstance(error, ExecutionTimeout):
        text = "the database needs too long for this; ask for fewer days"
    elif isinstance(error, PyMongoError):
        text = unavailable_text(error)
    return JSONResponse({"detail": text}, 503, {"Retry-After": "5"})


async def _health() -> Health:
    """Whether this process serves; takes no thread, so that it is told at once under any load."""
    return Health(version=__version__)


def _readiness(response: Response) -> Readiness:
    """Whether the store answers; 503 where it does not."""
    try:
        check_reachable()
        heartbeat = scheduler_heartbeat(get_sync_database())
    except (UserError, PyMongoError):
        response.status_code = 503
        return Readiness(status="store unavailable", store=store_name(), scheduler_silent=True)
    return Readiness(
        status="ok",
        store=store_name(),
        scheduler_heartbeat_at=heartbeat.at if heartbeat else None,
        scheduler_silent=heartbeat is None or heartbeat.is_silent(utc_now()),
    )


def create_app(keyless: Keyless = nobody) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        keyless: who may ask where API_KEYS is empty; nobody, for only the server knows where it listens, and
            who stands in front of it.
    """
    app = FastAPI(
        title="Voice agent monitoring",
        version=__version__,
        description="Figures, calls and alerts of an AI voice agent. Rates run from 0 to 1.",
        docs_url=None,  # the pages load scripts from another host; /openapi.json is all here
        redoc_url=None,
    )
    app.add_middleware(Gate)
    app.middleware("http")(_guard(keyless))
    app.add_middleware(RequestLogMiddleware)
    app.add_exception_handler(PyMongoError, _store_failed)
    app.add_exception_handler(UserError, _store_failed)
    app.add_api_route("/healthz", _health, tags=["health"])
    app.add_api_route("/readyz", _readiness, tags=["health"], responses={503: {"model": Readiness}})
    app.include_router(router)
    return app


def serve() -> None:
    """Serve the API on API_HOST:API_PORT until a signal ends it.

    Raises:
        UserError: the configuration cannot be used, or the store does not answer.
    """
    settings = get_settings()
    refuse_open_door(settings)
    check_free("API", settings.api_host, settings.api_port)
    check_reachable()
    ensure_indexes(get_sync_database())
    uvicorn.run(
        create_app(lambda request: this_machine(request) and is_own_user(request)),
        host=settings.api_host,
        port=settings.api_port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
