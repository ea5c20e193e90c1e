"""RECORD_WAIT_SECONDS: the longest a caller waits for the database."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import OperationFailure

from core.settings import get_settings
from core.storage.server.connection import OURS, blocking, store_key, wait_for_server
from core.threads import Threads
from core.types import Document

T = TypeVar("T")
_openers = Threads("open-database", 4)


async def within_wait(work: Awaitable[T]) -> T:
    """Return the result of some work if it takes RECORD_WAIT_SECONDS at most.

    The driver gets the same deadline, because in Python 3.11 a cancellation may get lost inside it.

    Raises:
        TimeoutError, PyMongoError: it took longer.
    """
    seconds = get_settings().record_wait_seconds
    with pymongo.timeout(seconds):
        async with asyncio.timeout(seconds):
            return await work


def open_blocking(database: AsyncDatabase[Document] | None, wait: float) -> Database[Document]:
    """Return the database for blocking code within ``wait`` seconds; the embedded server may have to start.

    Raises:
        TimeoutError: it takes longer; the start continues.
    """
    deadline = time.monotonic() + wait
    if store_key(database)[0] == OURS:
        # Not on a thread of the pool, since the interpreter waits for those before it exits.
        wait_for_server(wait)
    try:
        return _openers.submit(blocking, database).result(max(0.0, deadline - time.monotonic()))
    except RuntimeError:  # the interpreter is ending
        return blocking(database)


def reason_of(error: Exception) -> str:
    """Return why a record did not reach the database, in words for the log and the spool."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    # The name that the server gives to what is wrong, such as Unauthorized.
    named = (error.details or {}).get("codeName") if isinstance(error, OperationFailure) else None
    return str(named or type(error).__name__)
