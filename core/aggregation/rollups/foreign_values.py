"""Stored calls with values of types no call has, written by other tools: leave them out, and name them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from core.logging_config import get_logger
from core.models.calls.fields import CALL_FIELDS, Kind
from core.models.definitions import COST_PARTS
from core.types import Document

logger = get_logger("metrics")
MOST_NAMED = 1_000
_AT_ONCE = 100_000
"""Ids in one query, which must stay well below MongoDB's 16 MB."""
_MOST_SOUGHT = 100
"""How many calls are found by halves, in some twenty reads each; of more, single calls are not the reason."""
_UNREADABLE = (TypeError, ValueError, OverflowError, pa.ArrowException)
_SIZE_OF_NO_ARRAY = 17124
"""The server's code for an expression that counts the items of a value that has none."""
_NOTHING = ("null", "missing")
_TEXT = ("string", *_NOTHING)
_NUMBER = ("int", "long", "double", *_NOTHING)
_TYPES: dict[Kind, tuple[str, ...]] = {
    "moment": ("date", *_NOTHING),
    "text": _TEXT,
    "number": _NUMBER,
    "count": ("int", "long", *_NOTHING),
    "flag": ("bool", *_NOTHING),
    "errors": ("array", *_NOTHING),
    "cost": ("object", *_NOTHING),
}
"""BSON types that each kind of field may have."""
_FIELDS: dict[str, tuple[str, ...]] = {
    one.name: _TYPES[one.kind] for one in CALL_FIELDS if one.kind in _TYPES and (one.rolled_up or one.checked)
} | {f"cost.{part}": _NUMBER for part in COST_PARTS}


def _is_foreign(value: str, types: tuple[str, ...]) -> Document:
    # An expression, as {$type: …} in a query also looks at what an array holds.
    return {"$not": [{"$in": [{"$type": value}, list(types)]}]}


def _items(field: str, foreign: Document) -> Document:
    """Return an expression: does an array hold an item, ``$$one``, for which ``foreign`` is true?"""
    return {"$anyElementTrue": {"$map": {"input": in_array(field), "as": "one", "in": foreign}}}


def in_array(field: str, otherwise: Document | None = None) -> Document:
    """Return an expression: the items of a field, none or ``otherwise`` where it holds no array."""
    return {"$cond": [{"$isArray": f"${field}"}, f"${field}", otherwise or []]}


HAS_ERROR: Document = {"$gt": [{"$size": in_array("errors", in_array("error_types"))}, 0]}
"""An expression: has the call an error, in either form?"""
_ERROR: Document = {
    "$or": [
        _is_foreign("$$one", ("object",)),
        *(_is_foreign(f"$$one.{name}", _TEXT) for name in ("type", "fault")),
    ]
}
FOREIGN: Document = {
    "$expr": {
        "$or": [
            *(_is_foreign(f"${name}", types) for name, types in _FIELDS.items()),
            _items("errors", _ERROR),
            _is_foreign("$error_types", ("array", *_NOTHING)),
            _items("error_types", _is_foreign("$$one", _TEXT)),
        ]
    }
}
"""Matches calls that cannot be read as columns."""


class Found(NamedTuple):
    """The calls that were read, and id and start of those left out."""

    calls: Any
    left_out: list[Document]


def read_past(
    read: Callable[[Document], Any], collection: Collection[Document], query: Mapping[str, Any]
) -> Found:
    """Read the calls of a query; if one has a value of a foreign type, read all others.

    Costs nothing if there is none. ``read`` is called with the query to use.

    Raises:
        PyMongoError: the database does not answer.
    """
    try:
        return Found(read(dict(query)), [])
    except (*_UNREADABLE, OperationFailure) as error:
        _raise_unless_foreign(error)
    left_out = collection.find({"$and": [query, FOREIGN]}, {"start_time": 1}).limit(MOST_NAMED).to_list()
    others: Document = {"$and": [query, {"$nor": [FOREIGN]}]}
    try:
        calls = read(others)
    except _UNREADABLE:
        more = _found_by_halves(read, collection, others)
        if not more:
            raise
        left_out += more
        calls = read({"$and": [others, {"_id": {"$nin": [call["_id"] for call in more]}}]})
    if left_out:
        ids = [str(call["_id"]) for call in left_out[:10]]
        logger.error(
            "Calls with values of foreign types, left out", extra={"calls": len(left_out), "ids": ids}
        )
    return Found(calls, left_out)


def _raise_unless_foreign(error: Exception) -> None:
    if isinstance(error, OperationFailure) and error.code != _SIZE_OF_NO_ARRAY:
        raise error


def _found_by_halves(
    read: Callable[[Document], Any], collection: Collection[Document], query: Document
) -> list[Document]:
    """Return the calls that cannot be read for a reason that no query can ask about.

    Raises:
        TypeError: as ``read`` does, or whatever else: of more than _MOST_SOUGHT calls.
    """
    calls = collection.find(query, {"start_time": 1}).to_list()
    parts = [calls[start : start + _AT_ONCE] for start in range(0, len(calls), _AT_ONCE)]
    found: list[Document] = []
    while parts:
        part = parts.pop(0)
        try:
            read({"$and": [query, {"_id": {"$in": [call["_id"] for call in part]}}]})
        except _UNREADABLE:
            if len(found) >= _MOST_SOUGHT:
                raise
            middle = len(part) // 2
            if middle:
                parts[:0] = [part[:middle], part[middle:]]
            else:
                found += part
    return found
