"""Copy logged values as plain JSON data at the time of the call, so that later changes are not logged."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from itertools import islice
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from core.privacy.keys import free_name

MAX_TEXT = 32_768
"""Longest logged text, in characters; the rest is cut off and counted."""
_NOTE = 64
_MAX_DEPTH = 16
_MAX_NODES = 2_000
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
"""Whole numbers beyond these are written as text: rsyslog, for one, changes them to the largest it knows."""
_OUR_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
_READY = (bool, type(None), float, datetime, date, time, UUID)


def cut(text: str) -> str:
    """Return the text, shortened to MAX_TEXT characters with a note of how many are missing."""
    if len(text) <= MAX_TEXT + _NOTE:  # leaves room for the note, so that a shortened text is not cut again
        return text
    return f"{text[:MAX_TEXT]}… [{len(text) - MAX_TEXT} more characters]"


def cut_middle(text: str) -> str:
    """Return the text, without its middle if it is too long: a traceback says most at its two ends."""
    if len(text) <= MAX_TEXT + _NOTE:
        return text
    end = MAX_TEXT // 2
    left_out = len(text) - 2 * end
    return f"{text[:end]}\n… [{left_out} characters left out] …\n{text[-end:]}"


def safe_repr(value: object) -> str:
    """Return the repr of anything; never raises."""
    try:
        return cut(repr(value))
    except Exception:  # noqa: BLE001 (a foreign __repr__ may raise anything)
        return f"[unprintable {type(value).__name__}]"


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return named values as plain data; of a foreign mapping, which may be endless, a limited part.

    Raises:
        Exception: whatever a foreign mapping raises when it is read.
    """
    if type(fields) is dict:
        return {key: plain(value) for key, value in fields.items()}
    names, walk = iter(fields), _Copy()
    copy = {name: walk.safely(fields[name]) for name in islice(names, _MAX_NODES)}
    if next(names, None) is not None:
        copy["…"] = "[more]"
    return copy


def plain(value: object) -> Any:  # noqa: ANN401 (JSON data)
    """Return a copy of a value as JSON data, limited in size and depth; never raises."""
    kind = type(value)
    if kind is str and len(value) <= MAX_TEXT:  # type: ignore[arg-type]  # kind is str
        return value
    if kind in _READY or (kind is int and _SMALLEST <= value <= _LARGEST):  # type: ignore[operator]  # an int
        return value
    return _Copy().safely(value)


class _Copy:
    """One limited walk through a nested value."""

    def __init__(self) -> None:
        self._nodes_left = _MAX_NODES
        self._open: set[int] = set()

    def safely(self, value: object) -> Any:  # noqa: ANN401 (JSON data)
        try:
            return self.of(value, 0)
        except Exception:  # noqa: BLE001 (foreign containers may raise anything)
            return safe_repr(value)

    def of(self, value: object, depth: int) -> Any:  # noqa: ANN401 (JSON data)
        self._nodes_left -= 1
        if not _is_container(value):
            return _leaf(value)
        if depth >= _MAX_DEPTH or self._nodes_left <= 0:
            return "[too large to log]"
        if id(value) in self._open:
            return "[circular]"
        self._open.add(id(value))
        try:
            return self._container(_children(value, self._nodes_left + 1), depth + 1)
        finally:
            self._open.discard(id(value))

    def _container(self, children: Mapping[Any, Any] | list[Any], depth: int) -> Any:  # noqa: ANN401 (JSON data)
        if isinstance(children, list):
            kept = [self.of(item, depth) for item in children[: max(self._nodes_left, 0)]]
            return kept if len(kept) == len(children) else [*kept, f"[{len(children) - len(kept)} more]"]
        copy: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for count, (key, item) in enumerate(children.items()):
            if self._nodes_left <= 0:
                copy["…"] = f"[{len(children) - count} more]"
                break
            name = key if type(key) is str else _key(key)
            copy[free_name(name, copy, counts)] = self.of(item, depth)
        return copy


def _is_container(value: object) -> bool:
    if isinstance(value, BaseModel | Mapping | list | tuple | set | frozenset):
        return True
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _children(value: Any, most: int) -> Mapping[Any, Any] | list[Any]:  # noqa: ANN401 (a container)
    """Return what a container holds, as a copy that other threads cannot modify.

    Of a foreign one, a limited part.
    """
    if isinstance(value, BaseModel):
        return dict(value)
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    if type(value) in _OUR_CONTAINERS:
        return dict(value) if isinstance(value, dict) else list(value)
    # A foreign container may be endless.
    if isinstance(value, Mapping):
        return {key: value[key] for key in islice(value, most)}
    return list(islice(value, most))


def _key(key: object) -> str:
    if isinstance(key, str):
        return cut(str.__str__(key))
    leaf = _leaf(key) if isinstance(key, Integral | Real | date | time | UUID) else key
    return leaf if isinstance(leaf, str) else safe_repr(leaf)


def _leaf(value: object) -> Any:  # noqa: ANN401 (JSON data)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return cut(str.__str__(value))
    try:
        return value if type(value) in _READY else _foreign(value)
    except Exception:  # noqa: BLE001 (one odd value must not cost its neighbours)
        return safe_repr(value)


def _foreign(value: Any) -> Any:  # noqa: ANN401, PLR0911 (any value, and JSON data)
    """Return a value that JSON has no type for.

    Subclasses of known types come first, as the encoder rejects them.
    """
    if type(value).__module__ == "numpy" and not hasattr(value, "__len__"):
        own = value.item()
        if type(own) is not type(value):
            return plain(own)
    if isinstance(value, datetime | date | time):
        return _without_subclass(value)
    if isinstance(value, UUID):
        return UUID.__str__(value)
    if isinstance(value, timedelta):
        return timedelta.__str__(value)
    if isinstance(value, Integral):
        number = int(value)
        return number if _SMALLEST <= number <= _LARGEST else safe_repr(number)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return cut(bytes(value[: MAX_TEXT + 1]).decode("utf-8", "backslashreplace"))
    if isinstance(value, PurePath) or type(value).__module__ in {"decimal", "ipaddress", "datetime"}:
        return str(value)
    return safe_repr(value)


def _without_subclass(value: datetime | date | time) -> object:
    """Return a plain date or time, for example of a pandas Timestamp; None for one that is no time (NaT)."""
    if value != value:  # noqa: PLR0124 (only what is no time is unlike itself)
        return None
    if isinstance(value, datetime):
        parts = (
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        )
        return datetime(*parts, tzinfo=value.tzinfo, fold=value.fold)
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    return time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)
