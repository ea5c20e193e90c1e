"""Stored rows as this version reads them: one that it cannot read is logged by its id and left out."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import ValidationError

from core.errors import UserError, one_line
from core.logging_config import get_logger
from core.types import Document

T = TypeVar("T")
logger = get_logger("database")
NAMED_AGAIN_SECONDS = 3_600.0
_MOST_NAMED = 10_000
UNREADABLE = (UserError, ValueError, TypeError, LookupError, AttributeError)
"""What reading a stored row may raise; the models expect the types that this version writes."""
_named: dict[tuple[str, str], float] = {}


def each_readable(rows: Iterable[Document], read: Callable[[Document], T], collection: str) -> Iterator[T]:
    """Yield what ``read`` makes of each row; one that it fails on stops none of the others.

    It stays stored, for the version or tool that wrote it. A process names it in the log once an hour,
    however often it is looked at.
    """
    for row in rows:
        try:
            found = read(row)
        except UNREADABLE as error:
            _name(collection, str(row.get("_id")), error)
        else:
            yield found


def is_due(collection: str, row_id: str) -> bool:
    """Return whether a row or file is to be named in the log: once an hour in a process."""
    now = time.monotonic()
    if now - _named.get((collection, row_id), -NAMED_AGAIN_SECONDS) < NAMED_AGAIN_SECONDS:
        return False
    if len(_named) >= _MOST_NAMED:
        _named.clear()
    _named[collection, row_id] = now
    return True


def _name(collection: str, row_id: str, error: Exception) -> None:
    if not is_due(collection, row_id):
        return
    extra = {"collection": collection, "id": row_id, "reason": _reason(error)}
    logger.warning("A stored row cannot be read and is left out", extra=extra)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return one_line(error)
    return str(error) if isinstance(error, UserError) else type(error).__name__
