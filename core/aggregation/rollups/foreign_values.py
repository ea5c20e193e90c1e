"""Stored calls with values of types no call has, written by other tools: leave them out, and name them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pymongo.collection import Collection

from core.logging_config import get_logger
from core.models.calls.fields import CALL_FIELDS, Kind
from core.models.definitions import COST_PARTS
from core.types import Document

logger = get_logger("metrics")
MOST_NAMED = 1_000
_NUMBERS = ("int", "long", "double", "null")
_TYPES: dict[Kind, tuple[str, ...]] = {
    "moment": ("date", "null"),
    "text": ("string", "null"),
    "number": _NUMBERS,
    "count": ("int", "long", "null"),
    "flag": ("bool", "null"),
    "errors": ("array", "null"),
}
"""BSON types that each kind of field may have."""
_FIELDS: dict[str, tuple[str, ...]] = {
    one.name: _TYPES[one.kind] for one in CALL_FIELDS if one.kind in _TYPES and (one.rolled_up or one.checked)
} | {f"cost.{part}": _NUMBERS for part in COST_PARTS}
FOREIGN: Document = {
    "$or": [{name: {"$exists": True, "$not": {"$type": list(types)}}} for name, types in _FIELDS.items()]
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
    except (TypeError, ValueError, OverflowError, pa.ArrowException):
        foreign = {"$and": [query, FOREIGN]}
        left_out = collection.find(foreign, {"start_time": 1}).limit(MOST_NAMED).to_list()
        if not left_out:
            raise
    ids = [str(call["_id"]) for call in left_out]
    logger.error("Calls with values of foreign types, left out", extra={"calls": len(ids), "ids": ids[:10]})
    return Found(read({"$and": [query, {"$nor": [FOREIGN]}]}), left_out)
