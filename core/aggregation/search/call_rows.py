"""Stored calls as rows of a list, without values that no call has, as other tools may write them."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from core.models.calls.fields import CALL_FIELDS, Kind
from core.models.definitions import COST_PARTS
from core.types import Document

LEFT_OUT = "unreadable"
"""The key under which a row names the fields that were left out."""


def rows_of(calls: Iterable[Mapping[str, object]]) -> list[Document]:
    """Return stored calls without what cannot be read; one such value leaves all others of a list."""
    return [_row(call) for call in calls]


def _row(call: Mapping[str, object]) -> Document:
    wrong = [name for name, value in call.items() if value is not None and not _is_readable(name, value)]
    if not wrong:
        return dict(call)
    return {name: value for name, value in call.items() if name not in wrong} | {LEFT_OUT: wrong}


def _is_readable(name: str, value: object) -> bool:
    check = _CHECKS.get(name)
    return check is None or check(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_cost(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_number(value.get(part) or 0) for part in COST_PARTS)


def _are_errors(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("type"), str) for one in value
    )


_OF_KIND: dict[Kind, Callable[[object], bool]] = {
    "moment": lambda value: isinstance(value, datetime),
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "count": _is_number,
    "flag": lambda value: isinstance(value, bool),
    "errors": _are_errors,
    "cost": _is_cost,
}
_CHECKS = {one.name: _OF_KIND[one.kind] for one in CALL_FIELDS[1:] if one.kind in _OF_KIND} | {
    "error_types": lambda value: isinstance(value, list)
}
