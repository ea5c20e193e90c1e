"""What one log line says: taken from a LogRecord at the call, rendered later on the writer thread."""

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from traceback import TracebackException
from typing import Any, NamedTuple

import orjson

from core.logs.context import current_context
from core.logs.plain import cut, plain, safe_repr
from core.privacy.masking import mask_text, mask_value

NAMESPACE = "voice_agent"
"""Our loggers live below this name, so that an application's own getLogger("api") stays its own."""
_PREFIX = f"{NAMESPACE}."
_OWN_KEYS = frozenset({"timestamp", "level", "component", "message", "source", "exception", "stack"})
_BARE = vars(logging.makeLogRecord({}))
_STANDARD = frozenset(_BARE) | {"message", "asctime", "taskName"}
_NO_EXTRAS: Mapping[str, Any] = {}


class Failure(NamedTuple):
    """An exception: its type, and the traceback with the line texts still to be looked up."""

    type: str
    traceback: TracebackException


class Event(NamedTuple):
    """Everything one line says; nothing in it changes after the call."""

    created: float
    level: int
    level_name: str
    component: str
    message: str
    context: Mapping[str, Any]
    extras: Mapping[str, Any]
    path: str
    line: int
    function: str
    failure: Failure | None = None
    stack: str | None = None


class ComponentLogger(logging.Logger):
    """A stdlib logger that renames extras where stdlib would raise KeyError into the caller."""

    def makeRecord(  # noqa: N802 - the stdlib's name
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,  # noqa: ANN401 - as in the stdlib
        exc_info: Any,  # noqa: ANN401 - as in the stdlib
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        """A record with the extras as attributes, ``extra_name`` where ``name`` is the record's own."""
        record = super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, None, sinfo)
        if extra is not None:
            fields = extra if isinstance(extra, Mapping) else {"extra": extra}
            for key, value in fields.items():
                record.__dict__[f"extra_{key}" if key in _STANDARD else str(key)] = value
        return record


def capture(record: logging.LogRecord) -> Event:
    """Take from a record what its line will say, copying what could still change."""
    name = record.name
    return Event(
        record.created,
        record.levelno,
        record.levelname,
        name.removeprefix(_PREFIX),
        _message(record),
        current_context(),
        _extras(record),
        record.pathname,
        record.lineno,
        record.funcName or "",
        _failure(record.exc_info) if record.exc_info else None,
        record.stack_info,
    )


def render(event: Event) -> bytes:
    """The line of an event: masked JSON in UTF-8 with its line end."""
    document: dict[str, Any] = {
        "timestamp": _timestamp(event.created),
        "level": event.level_name,
        "component": event.component,
        "message": mask_text(event.message),
    }
    _add(document, event.context)
    _add(document, event.extras)
    document["source"] = {
        "file": _short_path(event.path),
        "line": event.line,
        "function": event.function,
    }
    if event.failure:
        document["exception"] = _describe(event.failure)
    if event.stack:
        document["stack"] = mask_text(cut(event.stack))
    return _encode(document)


def _message(record: logging.LogRecord) -> str:
    message = record.msg
    try:
        return cut(record.getMessage())
    except Exception:  # noqa: BLE001 - wrong arguments, or a __str__ that raises
        text = message if isinstance(message, str) else safe_repr(message)
        return cut(f"{text} {safe_repr(record.args)}")


def _extras(record: logging.LogRecord) -> Mapping[str, Any]:
    fields = record.__dict__
    if len(fields) <= len(_BARE):
        return _NO_EXTRAS
    return {key: plain(value) for key, value in fields.items() if key not in _STANDARD}


def _failure(exc_info: Any) -> Failure | None:  # noqa: ANN401 - whatever a caller put there
    kind, error, trace = exc_info
    if error is None:
        return None
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    # Without the source lines, which would be read from disk on the caller's time.
    return Failure(name, TracebackException(kind, error, trace, lookup_lines=False, compact=True))


def _describe(failure: Failure) -> dict[str, str]:
    text = "".join(failure.traceback.format())
    return {
        "type": failure.type,
        "message": mask_text(cut(str(failure.traceback))),
        "traceback": mask_text(cut(text)),
    }


def _add(document: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Add fields; one whose name is taken comes under ``extra_…``, unless it says the same."""
    for key, value in mask_value(fields).items():
        if key in document and document[key] == value and key not in _OWN_KEYS:
            continue
        free = key
        while free in document or free in _OWN_KEYS:
            free = f"extra_{free}"
        document[free] = value


def _encode(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=safe_repr, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError):
        return orjson.dumps(_repaired(document), default=safe_repr, option=orjson.OPT_APPEND_NEWLINE)


def _repaired(value: Any) -> Any:  # noqa: ANN401 - JSON data
    """The same data with lone surrogates, which UTF-8 cannot carry, written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    return value


def _timestamp(created: float) -> str:
    seconds, micros = divmod(round(created * 1_000_000), 1_000_000)
    return f"{_to_the_second(seconds)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=4)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=1024)
def _short_path(path: str) -> str:
    """A source file as its import path sees it: ``core/api/app.py``."""
    roots = [os.path.abspath(entry) + os.sep for entry in sys.path]  # noqa: PTH100 - no links resolved
    inside = [root for root in roots if path.startswith(root)]
    return path[len(max(inside, key=len)) :] if inside else path
