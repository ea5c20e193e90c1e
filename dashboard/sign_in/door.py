"""The door in front of the dashboard: opens pages and websocket to those signed in, or named by a proxy."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs, quote

import pymongo
from pymongo.errors import PyMongoError
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.access.audit import Action, audit_read
from core.access.guesses import Guesses
from core.access.proxied import proxied_actor
from core.access.roles import Actor
from core.access.sessions import begin_session, end_session
from core.access.users import User, check_password, find_user, list_users
from core.errors import UserError
from core.logging_config import get_logger, log_security_event
from core.settings import get_settings
from core.storage import get_sync_database
from dashboard.queries.session_queries import session
from dashboard.sign_in import cookies, pages
from dashboard.sign_in.addresses import SIGN_IN, SIGN_OUT, base, sign_in_path
from dashboard.sign_in.peers import client_of, headers_of, is_trusted, peer_of

logger = get_logger("security")
_OPEN = {"/_stcore/health"}
_ASSETS = "/static/"
"""Streamlit's own scripts and styles, which are public anyway."""
MOST_FORM_BYTES = 8_192
CLIENT_TRIES, NAME_TRIES, TRIES_SECONDS = 5, 20, 300.0
"""Wrong passwords per five minutes, by client and by name; one client cannot lock anyone out."""
AT_ONCE = 2
"""Passwords checked concurrently; each takes 64 MB."""
LOOK_EVERY_SECONDS, GRACE_SECONDS = 5.0, 15.0
"""How often an open page's session is checked, and how long a page stays to say it has ended."""
_AWAY = "The database does not answer, so nobody can sign in. Try again in a moment."
FORM_SECONDS = 10.0
"""Timeout of the database for signing in and out."""
Holds = Callable[[], Awaitable[bool]]
Answer = TypeVar("Answer")


class SignedInOnly:
    """Middleware that admits only those signed in, for HTTP and websocket."""

    installed = False
    """Whether this process uses it: ``streamlit run`` has no middleware."""

    def __init__(self, app: ASGIApp) -> None:
        type(self).installed = True
        self._app = app
        self._clients = Guesses(most=CLIENT_TRIES, window_seconds=TRIES_SECONDS)
        self._names = Guesses(most=NAME_TRIES, window_seconds=TRIES_SECONDS)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, ask to sign in, or refuse it before Streamlit sees it."""
        if scope["type"] not in {"http", "websocket"} or _is_open(scope):
            await self._app(scope, receive, send)
        elif get_settings().dashboard_sign_in == "proxy":
            await self._proxied(scope, receive, send)
        elif scope["type"] == "http" and _path(scope) in {SIGN_IN, SIGN_OUT}:
            await (await self._own_page(Request(scope, receive)))(scope, receive, send)
        else:
            await self._with_session(scope, receive, send)

    async def _with_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = cookies.token_of(HTTPConnection(scope).cookies)
        try:
            holds = await _holds(token)
        except (PyMongoError, UserError):
            answer = pages.refusal("Unavailable", _AWAY, HTTPStatus.SERVICE_UNAVAILABLE)
            await _refuse(scope, receive, send, answer)
            return
        if not holds:
            await _refuse(scope, receive, send, _to_the_form(scope))
        elif scope["type"] == "websocket":
            watched = _Watched(receive, send, lambda: _still_holds(token))
            await self._app(scope, watched.receive, watched.send)
        else:
            await self._app(scope, receive, send)

    async def _proxied(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = get_settings()
        named = headers_of(scope, settings.dashboard_user_header.lower().encode())
        if not is_trusted(peer_of(scope)):
            why = "The dashboard is behind a sign-in proxy: open it at its public address."
            _tell("dashboard_proxy_refused", scope)
        elif len(named) != 1 or not named[0].strip():
            why = f"The proxy must name the user in exactly one header {settings.dashboard_user_header}."
            _tell("dashboard_user_missing", scope)
        elif proxied_actor(settings, named[0]) is None:
            why = f"{named[0]} has no role here. Roles are set in DASHBOARD_ROLES."
            _tell("dashboard_user_refused", scope, user=named[0])
        else:
            if scope["type"] == "websocket":
                _tell("dashboard_access", scope, logging.INFO, user=named[0])
                # The browser reconnects by itself, and the proxy authenticates again.
                end = time.monotonic() + 60 * settings.session_idle_minutes
                watched = _Watched(receive, send, _before(end))
                receive, send = watched.receive, watched.send
            await self._app(scope, receive, send)
            return
        await _refuse(scope, receive, send, pages.refusal("Access denied", why, HTTPStatus.FORBIDDEN))

    async def _own_page(self, request: Request) -> Response:
        try:
            if _path(request.scope) == SIGN_IN and request.method in {"GET", "HEAD"}:
                return await _show(request)
            if request.method != "POST":
                return PlainTextResponse("Method Not Allowed", 405)
            if "origin" not in request.headers:  # the guard has already checked its value
                return pages.refusal(
                    "Not signed in", "The request has no Origin header.", HTTPStatus.FORBIDDEN
                )
            if _path(request.scope) == SIGN_OUT:
                return await _leave(request)
            return await self._enter(request)
        except (PyMongoError, UserError):
            return pages.refusal("Unavailable", _AWAY, HTTPStatus.SERVICE_UNAVAILABLE)

    async def _enter(self, request: Request) -> Response:
        fields = await _form(request)
        if fields is None:
            return pages.refusal(
                "Not signed in", "The name or password is too long.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
        name, onward = fields.get("name", "").strip().lower(), _onward(fields.get("next"))
        client = client_of(request.scope)
        if wait := max(self._clients.wait_seconds(client), self._names.wait_seconds(name)):
            _tell("sign_in_guessing", request.scope)
            problem = f"Too many wrong passwords. Try again in {-(-wait // 60)} minutes."
            return _ask(onward, name, problem, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(wait)})
        # Counted before the check, so that concurrent requests do not allow more tries.
        self._clients.add(client)
        self._names.add(name)
        async with self._places:
            user = await _bounded(lambda: _check(name, fields.get("password", "")))
        if user is None:
            # After the answer: only known names are logged, and timing must not reveal which are known.
            # Not as a task, which the end of the loop would cancel: a loop waits for its threads.
            asyncio.get_running_loop().run_in_executor(None, _note_failure, request.scope, name)
            return _ask(onward, name, "Wrong name or password.", HTTPStatus.FORBIDDEN)
        self._clients.take_back(client)
        self._names.take_back(name)
        old = cookies.token_of(request.cookies)
        token = await _bounded(lambda: _begin(user, old))
        _tell("signed_in", request.scope, logging.INFO, user=user.name, role=user.role.label)
        return _redirect(onward, cookies.set_cookie(token))


class _Watched:
    """A websocket that closes shortly after its session ends; until then, its page says so."""

    def __init__(self, receive: Receive, send: Send, holds: Holds) -> None:
        self._receive, self._send, self._holds = receive, send, holds
        self._looked = time.monotonic()
        self._over_since: float | None = None
        self._closed = False

    async def receive(self) -> Message:
        """Return the next message, or a disconnect."""
        message = await self._receive()
        if message["type"] != "websocket.receive" or not await self._is_over():
            return message
        await self.send({"type": "websocket.close", "code": 1008, "reason": "signed out"})
        self._closed = True
        return {"type": "websocket.disconnect", "code": 1008}

    async def send(self, message: Message) -> None:
        """Send a message, unless the websocket is closed."""
        if not self._closed:
            await self._send(message)

    async def _is_over(self) -> bool:
        now = time.monotonic()
        if self._over_since is None and now - self._looked >= LOOK_EVERY_SECONDS:
            self._looked = now
            if not await self._holds():
                self._over_since = now
        return self._over_since is not None and now - self._over_since >= GRACE_SECONDS


def _before(end: float) -> Holds:
    async def holds() -> bool:
        return time.monotonic() < end

    return holds


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(base()) if path.startswith(f"{base()}/") else path


def _is_open(scope: Scope) -> bool:
    path = _path(scope)
    return scope["type"] == "http" and (path in _OPEN or path.startswith(_ASSETS))


async def _holds(token: str | None) -> bool:
    if token is None:
        return False
    return await asyncio.to_thread(session, token, clicked=False) is not None


async def _still_holds(token: str | None) -> bool:
    """Return the same for an open page, which stays open while the database is down."""
    try:
        return await _holds(token)
    except (PyMongoError, UserError):
        return True


async def _bounded(work: Callable[[], Answer]) -> Answer:
    """Run a database query of a sign-in page in a thread, with a timeout."""

    def within() -> Answer:
        with pymongo.timeout(FORM_SECONDS):
            return work()

    return await asyncio.to_thread(within)


async def _show(request: Request) -> Response:
    """Return the sign-in form, or a redirect for those already signed in."""
    onward = _onward(request.query_params.get("next"))
    if await _holds(cookies.token_of(request.cookies)):
        return _redirect(onward)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return pages.bounce(pages.leading_to(sign_in_path(), onward))
    nobody = not await _bounded(lambda: list_users(get_sync_database()))
    note = "No users yet. On the server, run: python -m core users add NAME --role admin" if nobody else ""
    return _ask(onward, note=note)


async def _leave(request: Request) -> Response:
    token = cookies.token_of(request.cookies)
    name = await _bounded(lambda: end_session(get_sync_database(), token)) if token else None
    if name is not None:
        _tell("signed_out", request.scope, logging.INFO, user=name)
    return _redirect(sign_in_path(), cookies.clear_cookie())


def _ask(
    onward: str,
    name: str = "",
    problem: str = "",
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    note: str = "",
) -> Response:
    action = sign_in_path()
    return pages.form(action, onward, name=name, problem=problem, note=note, status=status, headers=headers)


def _to_the_form(scope: Scope) -> Response:
    if scope.get("method") not in {"GET", "HEAD"}:
        return PlainTextResponse("Sign in first", HTTPStatus.UNAUTHORIZED)
    query = scope.get("query_string", b"").decode("latin-1")
    onward = quote(scope["path"]) + (f"?{query}" if query else "")
    return _redirect(pages.leading_to(sign_in_path(), onward))


def _redirect(path: str, cookie: str | None = None) -> Response:
    headers = {"Cache-Control": "no-store", **({"Set-Cookie": cookie} if cookie else {})}
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers)


def _onward(wanted: str | None) -> str:
    """Return where to go after signing in: a path of ours, but neither of these two pages."""
    home = f"{base()}/"
    if not wanted or not pages.is_own_path(wanted):
        return home
    path = wanted.partition("?")[0].removeprefix(base())
    return home if path in {SIGN_IN, SIGN_OUT} else wanted


async def _form(request: Request) -> dict[str, str] | None:
    """Return a form's fields; None if it is too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            return None
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _check(name: str, password: str) -> User | None:
    return check_password(get_sync_database(), name, password)


def _note_failure(scope: Scope, name: str) -> None:
    """Log a failed sign-in, by name if there is such a user."""
    try:
        database = get_sync_database()
        with pymongo.timeout(FORM_SECONDS):
            user = find_user(database, name)
    except (PyMongoError, UserError):
        user = None
    _tell("sign_in_refused", scope, user="unknown" if user is None else user.name)
    if user is not None:
        audit_read(database, Actor(user.name, user.role), Action.SIGN_IN_FAILED, each=True)


def _begin(user: User, old: str | None) -> str:
    database = get_sync_database()
    if old:
        end_session(database, old)
    return begin_session(database, user)


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    if scope["type"] == "websocket":
        # Closing before accepting makes the server answer the handshake with 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    await answer(scope, receive, send)


def _tell(event: str, scope: Scope, level: int = logging.WARNING, **about: str) -> None:
    """Log a security event with client and path, which may contain filters but no names."""
    log_security_event(logger, event, level, client=client_of(scope), path=scope["path"], **about)
