"""Connections to the configured store: MONGODB_URI, or the embedded server when it is unset."""

import asyncio
import atexit
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakValueDictionary, finalize

from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from core.errors import UserError
from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.server.embedded import Embedded, embedded_uri, release_embedded, start_embedded
from core.storage.server.folder import Folder, socket_uri
from core.types import Document
from core.variables.kinds import is_loopback

DURABLE = WriteConcern(w="majority", j=True)
"""Write concern for everything that must not be lost: a majority of nodes, and their journals."""
SELECT_TIMEOUT_MS = 5_000
_START_TIMEOUT_MS = 30_000
"""How long an operation waits for a server that is still starting."""


class StoreUnavailableError(UserError):
    """The database does not answer; the message says which one, and what to do."""


def _check_uri(uri: str) -> None:
    """Refuse a server on another machine that is reached without TLS, or without credentials.

    Raises:
        UserError: the URI is invalid, names an unreadable file, or is unsafe; says what to change.
    """
    try:
        # An SRV name is resolved only on connecting, and its servers always use TLS.
        parsed = parse_uri(uri.replace("mongodb+srv://", "mongodb://", 1))
    except (InvalidURI, ConfigurationError, ValueError):
        raise UserError(
            "MONGODB_URI is not a valid MongoDB address; write mongodb://user:password@host:27017"
        ) from None
    except OSError as error:
        raise UserError(f"MONGODB_URI names a file that cannot be read: {error.filename}") from None
    if get_settings().mongodb_allow_insecure:
        return
    remote = [host for host, _ in parsed["nodelist"] if not (host.startswith("/") or is_loopback(host))]
    if not remote:
        return
    tls = parsed["options"].get("tls", uri.startswith("mongodb+srv://"))
    if not (tls and (parsed["username"] or parsed["options"].get("authmechanism"))):
        lacks = "credentials: add a user and password" if tls else "TLS: add tls=true"
        raise UserError(
            f"MONGODB_URI points to {remote[0]} without {lacks}, "
            "or set MONGODB_ALLOW_INSECURE=1 on a network you trust"
        )


def _uri() -> str:
    """Return the URI of the store, starting the embedded server if need be and waiting for it."""
    settings = get_settings()
    if settings.mongodb_uri is None:
        return embedded_uri(settings.data_dir)
    uri = settings.mongodb_uri.get_secret_value()
    _check_uri(uri)
    return uri


def _uri_at_once() -> tuple[str, bool]:
    """Return the URI of the store, and whether its server may still be starting.

    For event loops, which must not wait for a start. If the socket's path is known in advance, the client is
    made before the server listens, and its operations wait for the server instead.
    """
    settings = get_settings()
    if settings.mongodb_uri is None:
        share, inside = start_embedded(settings.data_dir), Folder(settings.data_dir).inside
        if not share.done() and inside is not None:
            share.add_done_callback(_say_why_not_started)
            return socket_uri(inside), True
    return _uri(), False


def _say_why_not_started(share: Future[Embedded]) -> None:
    if (error := share.exception()) is not None:
        get_logger("database").error("The embedded database did not start", extra={"reason": str(error)})


def wait_for_server(seconds: float) -> None:
    """Wait until the embedded server has started, if the store is one; a timeout does not stop the start.

    Raises:
        TimeoutError: it takes longer than ``seconds``.
        EmbeddedServerError: it cannot run here.
    """
    settings = get_settings()
    if settings.mongodb_uri is None:
        start_embedded(settings.data_dir).result(seconds)


def store_name() -> str:
    """Return the store in words, without credentials, for messages and the dashboard."""
    settings = get_settings()
    if settings.mongodb_uri is None:
        return f"embedded MongoDB in {settings.data_dir.absolute()}"
    hosts = urlsplit(settings.mongodb_uri.get_secret_value()).netloc.rpartition("@")[2]
    return f"MongoDB at {hosts}"


_OPTIONS: dict[str, Any] = {
    "tz_aware": True,
    "serverSelectionTimeoutMS": SELECT_TIMEOUT_MS,
    "connectTimeoutMS": SELECT_TIMEOUT_MS,
    "appname": "voice-agent-monitoring",
}


def _options(uri: str) -> dict[str, Any]:
    """Return our client options, except those that the URI sets itself."""
    named = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query)}
    return {name: value for name, value in _OPTIONS.items() if name.lower() not in named}


_by_loop: dict[asyncio.AbstractEventLoop, AsyncMongoClient[Document]] = {}
# Keyed by id because two clients of the same address compare equal, while a caller's own may have other
# options. A weak mapping: a client that has been collected must not claim a new client's id.
_ours: WeakValueDictionary[int, AsyncMongoClient[Document]] = WeakValueDictionary()
_twins: dict[int, MongoClient[Document]] = {}


@contextlib.contextmanager
def _usable_uri() -> Iterator[None]:
    """Turn the errors of making a client (unknown option, missing certificate) into one line."""
    try:
        yield
    except (ConfigurationError, InvalidURI, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        file = f": {error.filename}" if isinstance(error, OSError) and error.filename else ""
        raise StoreUnavailableError(f"MONGODB_URI cannot be used ({reason}{file}); {store_name()}") from None


def _new_async_client() -> AsyncMongoClient[Document]:
    with _usable_uri():
        uri, starting = _uri_at_once() if _is_on_loop() else (_uri(), False)
        options = _options(uri) | ({"serverSelectionTimeoutMS": _START_TIMEOUT_MS} if starting else {})
        client: AsyncMongoClient[Document] = AsyncMongoClient(uri, **options)
    _ours[id(client)] = client
    return client


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def get_database() -> AsyncDatabase[Document]:
    """Return the configured database for asyncio code; also usable in a second ``asyncio.run``.

    Starts the embedded server if MONGODB_URI is unset. On an event loop it does not wait for the start: the
    first operation does. Each event loop gets a client of its own, because pymongo's asyncio client belongs
    to the loop it was first used on.

    Raises:
        UserError: MONGODB_URI cannot be used, or the embedded server cannot run here.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _new_async_client()[get_settings().mongodb_database]
    if loop not in _by_loop:
        for closed in [other for other in _by_loop if other.is_closed()]:
            del _by_loop[closed]
        _by_loop[loop] = _new_async_client()
    return _by_loop[loop][get_settings().mongodb_database]


OURS = 0


def store_key(database: AsyncDatabase[Document] | None) -> tuple[int, str]:
    """Return a key shared by all handles of one database: OURS for None and every client we made."""
    if database is None:
        return OURS, get_settings().mongodb_database
    return (OURS if id(database.client) in _ours else id(database.client)), database.name


def client_of(loop: asyncio.AbstractEventLoop) -> AsyncMongoClient[Document] | None:
    """Return the loop's own client, if it has one."""
    return _by_loop.get(loop)


def database_for_loop(database: AsyncDatabase[Document] | None) -> AsyncDatabase[Document]:
    """Return the same store, bound to the running loop.

    An asyncio client belongs to the loop it was first used on. One of ours is exchanged for the running
    loop's; a client the caller made is returned unchanged, since only the caller knows its options.
    """
    if database is None:
        return get_database()
    if id(database.client) in _ours:
        return get_database().client[database.name]
    return database


async def open_database(database: AsyncDatabase[Document] | None) -> AsyncDatabase[Document]:
    """Return :func:`database_for_loop`'s database.

    The loop keeps running while the embedded server starts.
    """
    if database is None and asyncio.get_running_loop() not in _by_loop:
        settings = get_settings()
        if settings.mongodb_uri is None:
            await asyncio.wrap_future(start_embedded(settings.data_dir))
    return database_for_loop(database)


@lru_cache(maxsize=4)
def _sync_client(_pid: int, uri: str) -> MongoClient[Document]:
    with _usable_uri():
        return MongoClient(uri, **_options(uri))


def get_sync_database() -> Database[Document]:
    """Return the configured database for code without an event loop; one client per process.

    The process id is part of the cache key: a client must not be shared with a forked child.

    Raises:
        UserError: MONGODB_URI cannot be used, or the embedded server cannot run here.
    """
    return _sync_client(os.getpid(), _uri())[get_settings().mongodb_database]


def blocking(database: AsyncDatabase[Document] | None) -> Database[Document]:
    """Return the same database for blocking code; None means the configured one. Call it off the event loop.

    A client that the caller made gets a blocking twin with the same options, which lives as long as it does.
    """
    if database is None:
        return get_sync_database()
    if id(database.client) in _ours:
        return get_sync_database().client[database.name]
    key = id(database.client)
    if key not in _twins:
        # The options the caller's client was made from; a blocking client can be made from them too.
        options = database.client._init_kwargs | {"tz_aware": True}  # noqa: SLF001 (nothing public has them)
        _twins[key] = MongoClient(**options)
        finalize(database.client, _twins.pop, key, None)
    return _twins[key][database.name]


def server_time(database: Database[Document]) -> datetime:
    """Return the database server's time, in UTC: the one clock that all processes share."""
    now: datetime = database.client.admin.command("hello")["localTime"]
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now


async def server_time_async(database: AsyncDatabase[Document]) -> datetime:
    """Return the database server's time, in UTC, for asyncio code."""
    now: datetime = (await database.client.admin.command("hello"))["localTime"]
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now


def check_reachable() -> None:
    """Check that the store answers.

    Raises:
        UserError: it does not within 5 s, or the configuration cannot be used.
    """
    try:
        get_sync_database().command("ping")
    except PyMongoError as error:
        raise StoreUnavailableError(unavailable_text(error)) from None


_NO_RIGHT = 13
_NO_ENTRY = frozenset({18, 8_000})


def is_shut_out(error: Exception) -> bool:
    """Return whether the server answers, and refuses the user in MONGODB_URI, or what it wants to do."""
    return isinstance(error, OperationFailure) and error.code in {_NO_RIGHT, *_NO_ENTRY}


def unavailable_text(error: PyMongoError) -> str:
    """Return one line about a database that does not answer, or refuses us, without credentials."""
    code = getattr(error, "code", None)
    if code in _NO_ENTRY:
        return f"{store_name()} refuses the credentials in MONGODB_URI"
    if code == _NO_RIGHT:
        needs = f"MONGODB_URI needs a user with the role readWrite on {get_settings().mongodb_database}"
        return f"{store_name()} refuses this (not authorized); {needs}"
    return f"{store_name()} does not answer; is it running, and is MONGODB_URI right?"


async def close_connections() -> None:
    """Close the running loop's client, if it has one."""
    client = _by_loop.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.close()


_before_close: list[Callable[[], object]] = []


def before_close(action: Callable[[], object]) -> None:
    """Run an action before this process's clients are closed, or when the process exits if they never are.

    The recorder uses it to finish its writes; an action must not raise, and may run twice.
    """
    _before_close.append(action)
    atexit.register(action)


def close_all(*, wait_seconds: float = 0) -> None:
    """Close this process's own clients and give up its share in the embedded server.

    Runs the actions of :func:`before_close` first. ``wait_seconds`` is how long to wait for the embedded
    server to end if this was its last user.
    """
    for action in _before_close:
        action()
    _sync_client.cache_clear()
    with contextlib.suppress(PyMongoError):
        release_embedded(wait_seconds=wait_seconds)
