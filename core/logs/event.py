"""The content of one log line, captured at the call; nothing in it changes afterwards."""

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
"""Types whose values cannot change, so that the writer can format and encode them later."""


class Origin(NamedTuple):
    """Where a stdlib record says it was logged."""

    path: str
    function: str


class ErrorInfo(NamedTuple):
    """An exception: its type and, if it has one, its traceback, whose source lines are looked up later."""

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
    CodeType | Origin,  # where it was logged:
    int,  # code and instruction, or file and line
    ErrorInfo | None,
    str | None,  # the stack
    SpanIds | None,  # the active span of OpenTelemetry
]
"""A plain tuple: building anything with named fields takes longer than all the rest of a log call."""

_BARE = vars(logging.makeLogRecord({}))
TAKEN = frozenset(_BARE) | {"message", "asctime", "taskName"}
"""Attributes of a record, whose names extras cannot have."""
LINE_FIELDS = frozenset({"timestamp", "level", "component", "message", "source", "exception", "stack"})
"""Our own fields of a line; all others come from the context and extras."""


def event_of(record: logging.LogRecord, span: SpanIds | None = None) -> Event:
    """Return the event of a record, copying whatever could still change."""
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
    """Return the message with its arguments, as the stdlib would format it; never raises."""
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
    """Return extras as a copy that no caller can change; never raises."""
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
        # Without source lines, which would be read from disk at the caller's expense.
        return ErrorInfo(name, TracebackException(kind, error, trace, lookup_lines=False, compact=True))
    except Exception:  # noqa: BLE001 (no exception, or one that raises itself)
        return ErrorInfo(safe_repr(exc_info), None)
