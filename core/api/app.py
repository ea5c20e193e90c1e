"""The FastAPI application and the process that serves it."""

import gc
from functools import cache
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pymongo.errors import PyMongoError
from starlette.middleware.gzip import GZipMiddleware

from core import __version__
from core.access.guesses import Guesses
from core.access.permissions import Permission
from core.adapters.otlp.gathering import Conversations
from core.api import acknowledging, docs_page, exposition
from core.api.audit.lists import AuditedLists
from core.api.gate import Gate
from core.api.intake import hooks, otlp
from core.api.intake import routes as intake
from core.api.intake.bodies import MOST_HELD, Bodies
from core.api.intake.document import describe_bodies
from core.api.intake.presented import HiddenSecrets
from core.api.keys import StoredKeys
from core.api.manners import Manners, Methods, PromptProtocol, Validators
from core.api.operating import routes as operating
from core.api.pace import Pace
from core.api.problems import add_handlers, describe
from core.api.reading import calls as listed
from core.api.reading import compliance, one_call
from core.api.responses import Health, Readiness, RollUps
from core.api.routes import router
from core.api.security import (
    Door,
    Keyless,
    Require,
    carries_key,
    nobody,
    refuse_open_door,
    refuse_weak_keys,
    this_machine,
)
from core.api.together import Begins, Together
from core.errors import UserError
from core.health import RollUpState, rollup_health
from core.hooks.secrets import hook_secrets
from core.logging_config import RequestLogMiddleware, get_logger
from core.peers import is_own_user
from core.ports import check_free
from core.scheduler.heartbeat import scheduler_heartbeat
from core.settings import PRODUCT, get_settings
from core.storage import get_sync_database
from core.storage.collections import ensure_indexes
from core.storage.server.connection import check_reachable, store_name

logger = get_logger("api")
_DEGRADED = {RollUpState.STALE, RollUpState.FAILING}
_PACKED_BYTES = 1_000
_PACKING = 3
"""zlib's level: compressing a year of figures takes the event loop some milliseconds."""


async def _health() -> Health:
    """Whether this process serves; takes no thread, so that it answers at once under any load."""
    return Health(version=__version__)


def _readiness(request: Request, response: Response) -> Readiness:
    """Whether the store answers; 503 where it does not. Only holders of a key are told which store it is."""
    store = store_name() if carries_key(request) else store_name().partition(" in ")[0].partition(" at ")[0]
    try:
        check_reachable()
        heartbeat, found = scheduler_heartbeat(get_sync_database()), rollup_health(get_sync_database())
    except (UserError, PyMongoError):
        response.status_code = 503
        return Readiness(status="store unavailable", store=store, scheduler_silent=True)
    return Readiness(
        status="degraded" if found.state in _DEGRADED else "ok",
        store=store,
        scheduler_heartbeat_at=heartbeat.at if heartbeat else None,
        scheduler_silent=heartbeat is None or heartbeat.is_silent(found.now),
        roll_ups=RollUps(state=found.state, until=found.until, set_apart=len(found.set_apart)),
    )


def create_app(keyless: Keyless = nobody) -> FastAPI:
    """Return the application, for any ASGI server.

    Args:
        keyless: who may ask if API_KEYS is empty; by default nobody, because only the server knows where it
            listens and what is in front of it.

    Raises:
        UserError: a key or secret in the settings is easy to guess, or belongs to no source.
    """
    refuse_weak_keys(get_settings())
    hook_secrets(get_settings())
    app = FastAPI(
        title=PRODUCT,
        version=__version__,
        description="Figures, calls and alerts of an AI voice agent. Rates run from 0 to 1.",
        docs_url=None,  # the framework's pages load scripts from another host; docs_page does not
        redoc_url=None,
        openapi_url=None,  # below, as it requires a key as well
    )
    app.state.guesses, app.state.hook_guesses = Guesses(), Guesses()
    app.state.stored_keys = StoredKeys()
    app.state.bodies, app.state.unsigned_bodies = Bodies(), Bodies(MOST_HELD // 2)
    app.state.conversations = Conversations()
    # The last one added is the first that a request meets.
    app.add_middleware(Validators)
    app.add_middleware(Methods)
    app.add_middleware(Begins)
    app.add_middleware(Gate)
    app.add_middleware(GZipMiddleware, minimum_size=_PACKED_BYTES, compresslevel=_PACKING)
    app.add_middleware(Together)
    app.add_middleware(AuditedLists)
    app.add_middleware(Pace)
    app.add_middleware(Door, keyless=keyless)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(Manners)
    app.add_middleware(HiddenSecrets)
    add_handlers(app)
    app.add_exception_handler(intake.NothingUsableError, intake.nothing_usable)
    app.add_api_route("/healthz", _health, tags=["health"])
    app.add_api_route("/readyz", _readiness, tags=["health"], responses={503: {"model": Readiness}})
    for one in (
        router,
        exposition.router,
        docs_page.router,
        listed.router,
        one_call.router,
        compliance.router,
        operating.router,
        intake.router,
        hooks.router,
        otlp.router,
        acknowledging.router,
    ):
        app.include_router(one)

    @cache
    def document() -> dict[str, Any]:
        """Return the document, made on first use: it takes longer than all the rest of a start."""
        return describe_bodies(describe(get_openapi(**_about(app))))

    app.add_api_route(
        "/openapi.json", document, dependencies=[Depends(Require(Permission.READ))], include_in_schema=False
    )
    return app


def _about(app: FastAPI) -> dict[str, Any]:
    servers = [{"url": "/", "description": "Where this document comes from"}]
    about = {"title": app.title, "version": app.version, "description": app.description}
    return about | {"routes": app.routes, "servers": servers}


def _own_user(request: Request) -> bool:
    return this_machine(request) and is_own_user(request.client, request.scope.get("server"))


def serve() -> None:
    """Serve the API on API_HOST:API_PORT until a signal ends it.

    Raises:
        UserError: the configuration is invalid, or the store does not answer.
    """
    settings = get_settings()
    refuse_weak_keys(settings)
    check_free("API", settings.api_host, settings.api_port)
    refuse_open_door(settings)
    check_reachable()
    ensure_indexes(get_sync_database())
    app = create_app(_own_user)
    gc.collect()
    gc.freeze()  # what is there now stays, and a full collection would stop all answers while it looks at it
    uvicorn.run(
        app,
        host=settings.api_host,
        port=settings.api_port,
        http=PromptProtocol,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
