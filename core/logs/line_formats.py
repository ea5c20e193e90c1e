"""Field names that the tool reading the lines expects (LOG_FORMAT)."""

import socket
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from core.logs.event import LINE_FIELDS
from core.privacy.keys import free_name
from core.types import Document

Format = Literal["json", "ecs", "datadog", "emf"]
_DATADOG_RESERVED = frozenset({"status", "source", "service", "host", "date", "ddsource", "ddtags", "env"})


_ECS_NAMES = {"trace_id": "trace.id", "span_id": "span.id"}


def as_it_is(document: Document) -> Document:
    """Return the line under our own names."""
    return document


def as_ecs(document: Document) -> Document:
    """Return it in Elastic Common Schema 8.

    Fields it has no name for go into ``labels``, as single values; Elasticsearch accepts no blank names.
    """
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
        if (known := _ECS_NAMES.get(key)) and isinstance(value, str):
            shaped[known] = value
        elif key not in LINE_FIELDS and value is not None:
            name = free_name(key.replace(".", "_").strip() or "_", labels, counts)
            labels[name] = value if isinstance(value, str | int | float | bool) else _text(value)
    return {**shaped, "labels": labels} if labels else shaped


def _text(value: object) -> str:
    return str(value)


def as_datadog(document: Document) -> Document:
    """Return it with Datadog's standard attributes; a field with a reserved name becomes ``field_…``."""
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


def as_emf(document: Document) -> Document:
    """Return it in CloudWatch's embedded metric format: our own names, plus which numbers are metrics.

    Metrics are the fields that end in ``_ms`` or ``_seconds``, ``Lines``, and ``Errors`` (1 from level ERROR
    on). Dimensions are the component and, for a request to a service, that service. Calls and leads are never
    dimensions, since CloudWatch bills each combination of values as a separate metric.
    """
    values: Document = {"Lines": 1, "Errors": int(document["level"] in _FAILURES)}
    metrics: list[Document] = [{"Name": name, "Unit": "Count"} for name in values]
    for name, value in document.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST_IN_EMF:
            unit = next((unit for suffix, unit in _EMF_UNITS.items() if name.endswith(suffix)), None)
            if unit and len(metrics) < _MOST_METRICS and len(name) <= _LONGEST_METRIC and _is_plain(name):
                metrics.append({"Name": name, "Unit": unit})
    component, service = document["component"], document.get("service")
    dimensions = [["component"]] if _may_be_dimension(component) else [[]]
    if dimensions[0] and isinstance(service, str) and _may_be_dimension(component, service):
        dimensions.append(["component", "service"])
    moment = datetime.fromisoformat(document["timestamp"])
    about = {
        "Timestamp": round(moment.timestamp() * 1000),
        "CloudWatchMetrics": [{"Namespace": "VoiceAgent", "Dimensions": dimensions, "Metrics": metrics}],
    }
    shaped: Document = {"_aws": about, **values}
    counts: dict[str, int] = {}
    for name, value in document.items():
        shaped[free_name(name, shaped, counts)] = value
    return shaped


def _may_be_dimension(*values: str) -> bool:
    """Return whether values become dimensions: CloudWatch accepts them, and there are not too many others.

    Each combination is billed, and some programs have one logger for each lead.
    """
    if values in _dimensions:
        return True
    if len(_dimensions) >= MOST_DIMENSIONS or not all(map(_is_dimension, values)):
        return False
    _dimensions.add(values)
    return True


def _is_dimension(value: str) -> bool:
    """Return whether CloudWatch accepts a dimension value.

    1 to 1,024 printable ASCII characters, not all blank, not starting with a colon.
    """
    return (
        0 < len(value) <= _LONGEST_DIMENSION and _is_plain(value) and not value.isspace() and value[0] != ":"
    )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


MOST_DIMENSIONS = 200
"""Most components, and pairs of component and service, that a process makes metrics of, those seen first."""
_dimensions: set[tuple[str, ...]] = set()


_FAILURES = frozenset({"ERROR", "CRITICAL"})
_EMF_UNITS = {"_ms": "Milliseconds", "_seconds": "Seconds"}
_MOST_METRICS = 100
_LONGEST_METRIC, _LONGEST_DIMENSION = 255, 1_024
_MOST_IN_EMF = 2.0**360
_host = socket.gethostname()
FORMATS: dict[Format, Callable[[Document], Document]] = {
    "json": as_it_is,
    "ecs": as_ecs,
    "datadog": as_datadog,
    "emf": as_emf,
}
