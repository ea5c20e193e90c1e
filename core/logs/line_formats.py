"""The names that a line's fields have for the tool that reads it (LOG_FORMAT)."""

import socket
from collections.abc import Callable
from typing import Literal

from core.logs.event import LINE_FIELDS
from core.privacy.free_names import free_name
from core.types import Document

Format = Literal["json", "ecs", "datadog"]
_DATADOG_RESERVED = frozenset({"status", "source", "service", "host", "date", "ddsource", "ddtags", "env"})


def as_it_is(document: Document) -> Document:
    """Our own names."""
    return document


def as_ecs(document: Document) -> Document:
    """Elastic Common Schema 8: what it has no name for goes into ``labels``, which hold single values."""
    source = document["source"]
    shaped: Document = {
        "@timestamp": document["timestamp"],
        "log.level": document["level"],
        "message": document["message"],
        "ecs.version": "8.11.0",
        "log.logger": document["component"],
        "log.origin.file.name": source["file"],
        "log.origin.file.line": source["line"],
        "log.origin.function": source["function"],
    }
    if error := document.get("exception"):
        shaped["error.type"] = error["type"]
        shaped["error.message"] = error["message"]
        shaped["error.stack_trace"] = error["traceback"]
    elif stack := document.get("stack"):
        shaped["error.stack_trace"] = stack
    labels: Document = {}
    counts: dict[str, int] = {}
    for key, value in document.items():
        if key not in LINE_FIELDS and value is not None:
            name = free_name(key.replace(".", "_"), labels, counts)
            labels[name] = value if isinstance(value, str | int | float | bool) else _text(value)
    return {**shaped, "labels": labels} if labels else shaped


def _text(value: object) -> str:
    return str(value)


def as_datadog(document: Document) -> Document:
    """Datadog's standard attributes; a field with a name that is reserved there becomes ``field_…``."""
    source = document["source"]
    shaped: Document = {
        "date": document["timestamp"],
        "status": document["level"].lower(),
        "message": document["message"],
        "service": "voice-agent",
        "host": _host,
        "logger": {
            "name": document["component"],
            "method_name": source["function"],
            "file": source["file"],
            "line": source["line"],
        },
    }
    if error := document.get("exception"):
        shaped["error"] = {"kind": error["type"], "message": error["message"], "stack": error["traceback"]}
    elif stack := document.get("stack"):
        shaped["error"] = {"stack": stack}
    counts: dict[str, int] = {}
    for key, value in document.items():
        if key not in LINE_FIELDS:
            name = f"field_{key}" if key in _DATADOG_RESERVED or key in shaped else key
            shaped[free_name(name, shaped, counts)] = value
    return shaped


_host = socket.gethostname()
FORMATS: dict[Format, Callable[[Document], Document]] = {
    "json": as_it_is,
    "ecs": as_ecs,
    "datadog": as_datadog,
}
