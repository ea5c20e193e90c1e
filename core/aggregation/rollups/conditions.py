"""The conditions of a count, as a mask over columns of calls and as a MongoDB query."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.aggregation.rollups.cells import Floats
from core.models.definitions import COST_PARTS, Condition, Count, Test
from core.types import Document

Bools = NDArray[np.bool_]
_OPERATORS: dict[Test, str] = {
    "is": "$eq",
    "is not": "$ne",
    "at least": "$gte",
    "above": "$gt",
    "below": "$lt",
}
_FIXED: dict[Test, object] = {"true": True, "known": {"$ne": None}}
_MADE_UP: dict[str, Document] = {
    # Calls of schema version 1 have only the types.
    "has_error": {"$or": [{"errors.0": {"$exists": True}}, {"error_types.0": {"$exists": True}}]},
    "cost": {"$or": [{f"cost.{part}": {"$ne": None}} for part in COST_PARTS]},
}
"""Conditions on something that is not a stored field: ``has_error`` true, ``cost`` known."""


class Columns(Protocol):
    """Calls as columns, whatever holds them."""

    def __len__(self) -> int:
        """Return how many calls there are."""

    def matches(self, field: str, value: str) -> Bools:
        """Return which calls have this text in a field."""

    def true(self, field: str) -> Bools:
        """Return which calls have a flag set; unknown counts as not set."""

    def number(self, field: str) -> Floats:
        """Return a number of each call; NaN if unknown."""


def mask(where: Iterable[Condition], columns: Columns) -> Bools:
    """Return which calls meet every condition."""
    fulfilled = np.ones(len(columns), bool)
    for condition in where:
        fulfilled &= _mask(condition, columns)
    return fulfilled


def _mask(condition: Condition, columns: Columns) -> Bools:
    field, value = condition.field, condition.value
    match condition.test:
        case "is":
            found = columns.matches(field, str(value))
        case "is not":
            found = ~columns.matches(field, str(value))
        case "true":
            found = columns.true(field)
        case "known":
            found = ~np.isnan(columns.number(field))
        case "at least":
            found = columns.number(field) >= float(value)
        case "above":
            found = columns.number(field) > float(value)
        case "below":
            found = columns.number(field) < float(value)
        case "exceeds":
            found = columns.number(field) > columns.number(str(value))
    return np.asarray(found, bool)


def amounts(count: Count, columns: Columns) -> NDArray[np.generic]:
    """Return what each call adds to a count: 1 if it counts, or its capped value."""
    if count.total_of is None:
        return mask(count.where, columns)
    values = np.nan_to_num(columns.number(count.total_of))
    return np.asarray(values.clip(0, count.most))


def query(where: Iterable[Condition]) -> Document:
    """Return the MongoDB query for the calls that meet every condition."""
    parts = [_query(condition) for condition in where]
    return {"$and": parts} if len(parts) > 1 else parts[0] if parts else {}


def _query(condition: Condition) -> Document:
    field, value = condition.field, condition.value
    if field in _MADE_UP:
        return _MADE_UP[field]
    if condition.test == "exceeds":
        # In an expression a missing field is less than any number, so both must be present.
        there = [{field: {"$ne": None}}, {str(value): {"$ne": None}}]
        return {"$and": [*there, {"$expr": {"$gt": [f"${field}", f"${value}"]}}]}
    if condition.test in _FIXED:
        return {field: _FIXED[condition.test]}
    return {field: {_OPERATORS[condition.test]: value}}
