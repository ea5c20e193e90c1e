"""What one log line says, taken at the call; nothing in it changes afterwards."""

import logging
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from traceback import TracebackException
from types import CodeType
from typing import Any, NamedTuple
from uuid import UUID

from core.logs.context import SpanIds, current_context
from core.logs.sanitize import cut, plain, plain_fields, safe_repr

FIXED = frozenset({str, int, float, bool, type(None), bytes, datetime, date, time, timedelta, Decimal, UUID})
"""Types whose values cannot change: they are formatted and encoded later, by the writer."""


class Origin(NamedTuple):
    """Where a record of the stdlib says it was logged."""

    path: str
    function: str


class ErrorInfo(NamedTuple):
    """An exception: its type, and the traceback, if it has one, with the line texts still to be looked up."""

    type: str
    traceback: TracebackException | None


Event = tuple[
    float,  # seconds since 1970
    int,  # level
    str,  # name of the logger
    str,  # message, still to be formatted with
    tuple[Any, ...],  # its arguments
    Mapping[str, Any],  # the call context
    Mapping[Any, Any] | None,  # extras
    CodeType | Origin,  # where it was logged, and
    int,  # the instruction of that code, or the line
    ErrorInfo | None,
    str | None,  # the stack
    SpanIds | None,  # the active span of OpenTelemetry
]
"""A plain tuple, since making anything with a name takes longer than all the rest of a log call."""

_BARE = vars(logging.makeLogRecord({}))
TAKEN = frozenset(_BARE) | {"message", "asctime", "taskName"}
"""Attributes of a record: an extra cannot have their names."""
LINE_FIELDS = frozenset({"timestamp", "level", "component", "message", "source", "exception", "stack"})
"""Fields of a line that are the product's own; all others are context and extras."""


def event_of(record: logging.LogRecord, span: SpanIds | None = None) -> Event:
    """Take from a record what its line will say, copying what could still change."""
    fields = record.__dict__
    extras = None
    if len(fields) > len(_BARE):
        extras = {key: plain(value) for key, value in fields.items() if key not in TAKEN}
    return (
        record.created,
        record.levelno,
        record.name,
        formatted(record.msg, record.args),
        (),
        current_context(),
        extras,
        Origin(record.pathname, record.funcName or ""),
        record.lineno,
        _error_info(record.exc_info) if record.exc_info else None,
        record.stack_info,
        span,
    )


def formatted(message: object, args: Any) -> str:  # noqa: ANN401 (whatever a caller put there)
    """The message with its arguments as the stdlib would write it; never raises."""
    try:
        text = str(message)
        if not args:
            return cut(text)
        if len(args) == 1 and isinstance(args, tuple) and args[0] and isinstance(args[0], Mapping):
            args = args[0]
        return cut(text % args)
    except Exception:  # noqa: BLE001 (wrong arguments, or a __str__ that raises)
        text = str.__str__(message) if issubclass(type(message), str) else safe_repr(message)
        return cut(f"{text} {safe_repr(args)}")


def copied(extra: object) -> Mapping[Any, Any]:
    """Extras that no caller can change any more; never raises."""
    try:
        return plain_fields(extra) if isinstance(extra, Mapping) else {"extra": plain(extra)}
    except Exception:  # noqa: BLE001 (a foreign mapping may raise anything)
        return {"extra": safe_repr(extra)}


def _error_info(exc_info: Any) -> ErrorInfo | None:  # noqa: ANN401 (whatever a caller put there)
    try:
        kind, error, trace = exc_info
        if error is None:
            return None
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        name = f"{module}{kind.__qualname__}"
        # Without the source lines, which would be read from disk on the caller's time.
        return ErrorInfo(name, TracebackException(kind, error, trace, lookup_lines=False, compact=True))
    except Exception:  # noqa: BLE001 (no exception, or one that raises itself)
        return ErrorInfo(safe_repr(exc_info), None)
