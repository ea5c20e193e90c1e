"""Turn an event into its line: a masked document, then JSON in UTF-8.

Everything here runs on the writer's thread, one event at a time, so the caches need no locks. They are
cleared by ``forget_contexts`` when the masking changes.
"""

import logging
import os
import sys
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import CodeType
from typing import Any

import orjson

from core.logs.event import LINE_FIELDS, TAKEN, ErrorInfo, Event, Origin, formatted
from core.logs.sanitize import cut, cut_middle, plain, safe_repr
from core.privacy.keys import Kind, extra_name
from core.privacy.masking import SHORT, field, mask_field, mask_short_text, mask_text

_PREFIX = "voice_agent."
_OPEN = Kind.OPEN  # reading an enum member takes as long as masking a short text
_TAKEN = TAKEN | LINE_FIELDS
_PERSONAL = 1_000_000  # no smaller number can identify a person
_MOST_KNOWN = 4_096
_Fields = tuple[tuple[str, Kind], ...]
_last_context: tuple[Mapping[str, Any], dict[str, Any]] = ({}, {})
_last_milli: tuple[int, str] = (0, "1970-01-01T00:00:00.000Z")
_origins: dict[tuple[int, int], tuple[object, dict[str, Any]]] = {}
_search_path = tuple(sys.path)
"""``sys.path`` as it was at import: an interpreter that is shutting down no longer has one."""
_components: dict[str, str] = {}
_shapes: dict[tuple[Any, ...], _Fields | None] = {}


def document_of(event: Event) -> dict[str, Any]:
    """Return what an event's line says, masked, as JSON data in the order of the line.

    Context fields come before extras. An extra that has the name of one of the line's own fields, or of a
    context field with another value, is kept as ``extra_…``, so that nothing logged is lost or forged.
    """
    created, level, name, message, args, context, extras, code, at, failure, stack, span = event
    if args:
        message = formatted(message, args)
    document: dict[str, Any] = {
        "timestamp": _timestamp(created),
        "level": logging.getLevelName(level),
        "component": _components.get(name) or _component(name),
        "message": mask_short_text(message) if len(message) <= SHORT else mask_text(cut(message)),
    }
    if context:
        known, masked = _last_context
        document |= masked if known is context else _masked_context(context)
    if extras:
        _add_extras(document, context, extras)
    if span and "trace_id" not in document and "span_id" not in document:
        document |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    document["source"] = _source(code, at)
    if failure:
        document["exception"] = _describe(failure)
    if stack:
        document["stack"] = mask_text(cut_middle(stack))
    return document


def forget_contexts() -> None:
    """Clear all caches of masked values, because what is masked has changed."""
    global _last_context  # noqa: PLW0603 (one writer at a time)
    _last_context = ({}, {})
    for known in (_shapes, _components, _origins):
        known.clear()


def encode(document: dict[str, Any]) -> bytes:
    """Return a document as one line of JSON, line end included.

    Never fails because of what a caller logged.
    """
    try:
        return orjson.dumps(document, default=safe_repr, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, ValueError):
        return orjson.dumps(_repaired(document), default=safe_repr, option=orjson.OPT_APPEND_NEWLINE)


def _component(name: str) -> str:
    """Return a logger's name, masked: some programs have one logger per lead."""
    if len(_components) >= _MOST_KNOWN:
        _components.clear()
    masked = _components[name] = mask_text(cut(name.removeprefix(_PREFIX)))
    return masked


def _masked_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked fields of a context.

    As contexts never change, the lines of a call share the result.
    """
    global _last_context  # noqa: PLW0603 (one writer at a time)
    masked: dict[str, Any] = {}
    _add(masked, context)
    _last_context = (context, masked)
    return masked


def _add_extras(document: dict[str, Any], context: Mapping[str, Any], extras: Mapping[Any, Any]) -> None:
    """Add extras, masked.

    The same few sets of names come again and again, so each set is analysed only once.
    """
    shape = (*context, None, *extras)
    try:
        fields = _shapes[shape]
    except KeyError:
        if len(_shapes) >= _MOST_KNOWN:
            _shapes.clear()
        fields = _shapes[shape] = _fields(document, extras)
    if fields is None:
        _add(document, extras)
        return
    for (name, kind), value in zip(fields, extras.values(), strict=True):
        # The first case of _shown, inlined: most values take it.
        if kind is _OPEN and type(value) is str and len(value) <= SHORT:
            document[name] = mask_short_text(value)
        else:
            document[name] = _shown(value, kind)


def _fields(document: dict[str, Any], extras: Mapping[Any, Any]) -> _Fields | None:
    """Return name and kind of each extra; None if a name is taken or is not a text."""
    if not all(type(key) is str for key in extras):
        return None
    fields = tuple(map(field, extras))
    names = {name for name, _ in fields}
    free = len(names) == len(fields) and names.isdisjoint(document) and names.isdisjoint(_TAKEN)
    return fields if free else None


def _add(document: dict[str, Any], fields: Mapping[Any, Any]) -> None:
    """Add fields, masked; one whose name is taken becomes ``extra_…``, unless it has the same value."""
    counts: dict[str, int] = {}
    around, taken = frozenset(document), _TakenNames(document)
    for key, value in fields.items():
        name, kind = field(key) if type(key) is str else field(safe_repr(key))
        shown = _shown(value, kind)
        if name in document or name in _TAKEN:
            if name in around and document[name] == shown and name not in _TAKEN:
                continue
            name = extra_name(name, taken, counts)
        document[name] = shown


class _TakenNames(Container[str]):
    """The names in a line so far, and those of the product's own fields."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def __contains__(self, name: object) -> bool:
        return name in self._document or name in _TAKEN


def _shown(value: Any, kind: Kind) -> Any:  # noqa: ANN401 (any logged value, and JSON data)
    """Return a field's value, masked.

    Most values are short texts and small numbers, which take a shortcut.
    """
    type_ = type(value)
    if type_ is str and kind is _OPEN:
        return mask_short_text(value) if len(value) <= SHORT else mask_text(cut(value))
    if type_ is int and kind is _OPEN and -_PERSONAL < value < _PERSONAL:
        return value
    return mask_field(plain(value), kind)


def _source(code: CodeType | Origin, at: int) -> dict[str, Any]:
    """Return where a line was logged.

    Cached, as finding the line of an instruction is too slow for every call.
    """
    key = (id(code), at)
    known = _origins.get(key)
    if known is not None and known[0] is code:
        return known[1]
    if isinstance(code, Origin):
        return {"file": mask_text(_short_path(code.path)), "line": at, "function": mask_text(code.function)}
    lines = list(code.co_positions())
    source = {
        "file": mask_text(_short_path(code.co_filename)),
        "line": lines[at // 2][0] if 0 <= at // 2 < len(lines) else code.co_firstlineno,
        "function": mask_text(code.co_name),
    }
    if len(_origins) >= _MOST_KNOWN:
        _origins.clear()
    _origins[key] = (code, source)  # holds a reference to the code, so that its id is not reused
    return source


def _describe(failure: ErrorInfo) -> dict[str, str]:
    trace = failure.traceback
    try:
        message, text = str(trace or ""), "".join(trace.format()) if trace else ""
    except Exception:  # noqa: BLE001 (an exception of a foreign library may hold anything)
        message, text = "[exception that could not be formatted]", ""
    return {
        "type": mask_text(failure.type),
        "message": mask_text(cut(message)),
        "traceback": mask_text(cut_middle(text)),
    }


def _repaired(value: Any) -> Any:  # noqa: ANN401 (JSON data)
    """Return the same data with lone surrogates, which UTF-8 cannot express, as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    return value


def _timestamp(created: float) -> str:
    global _last_milli  # noqa: PLW0603 (one writer at a time)
    milli = round(created * 1_000_000) // 1_000
    known, text = _last_milli
    if known != milli:
        text = f"{_to_the_second(milli // 1_000)}.{milli % 1_000:03d}Z"
        _last_milli = (milli, text)
    return text


@lru_cache(maxsize=4)
def _to_the_second(seconds: int) -> str:
    # strftime would import a module, which an interpreter that is shutting down refuses.
    return datetime.fromtimestamp(seconds, UTC).isoformat()[: len("2024-10-24T15:30:00")]


@lru_cache(maxsize=1024)
def _short_path(path: str) -> str:
    """Return a source file as its import path shows it: ``core/api/app.py``."""
    entries = sys.path or _search_path
    roots = [os.path.abspath(entry) + os.sep for entry in entries]  # noqa: PTH100 (no links resolved)
    inside = [root for root in roots if path.startswith(root)]
    return path[len(max(inside, key=len)) :] if inside else path
