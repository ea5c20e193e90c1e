"""The fields of a call that a mapping can fill, and what they hold; derived from the model."""

import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel

from core.importing.amounts import Unit
from core.models.definitions import COST_PARTS
from core.models.metrics import CallError, CallMetrics

Kind = Literal["text", "moment", "span", "number", "cost", "flag", "list"]
REQUIRED_FIELDS = ("call_id", "status", "direction")
_UNITS: dict[str, Unit] = {"_ms": "milliseconds", "_seconds": "seconds"}


def _types(annotation: object) -> Iterator[type]:
    """Return the plain types that an annotation allows."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _types(typing.get_args(annotation)[0])
    elif origin in {typing.Union, types.UnionType}:
        for part in typing.get_args(annotation):
            yield from _types(part)
    elif isinstance(origin or annotation, type):
        yield typing.cast("type", origin or annotation)


def _items(annotation: object) -> Iterator[type]:
    """Return the item types of a list that an annotation allows."""
    for part in (annotation, *typing.get_args(annotation)):
        if typing.get_origin(part) is list:
            yield from _types(typing.get_args(part)[0])


def _kind(name: str, annotation: object) -> Kind | None:
    """Return what a field holds; None if a single cell cannot express it."""
    allowed = set(_types(annotation))
    inner = set(_items(annotation)) - {CallError}
    if any(issubclass(one, BaseModel | dict) for one in allowed | inner):
        return None
    if datetime in allowed:
        return "moment"
    if allowed & {list, tuple}:
        return "list"
    if bool in allowed:
        return "flag"
    if allowed & {int, float}:
        return "span" if unit_of(name) else "number"
    return "text"


def unit_of(name: str) -> Unit | None:
    """Return the unit in which a call stores a duration; None if the field is not one."""
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), None)


def _kinds(model: type[BaseModel]) -> dict[str, Kind]:
    """Return the fields of a model that a cell can express."""
    found = {name: _kind(name, field.annotation) for name, field in model.model_fields.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _tables() -> dict[str, dict[str, Kind]]:
    """Return the parts of a call that are objects, with their fields."""
    tables: dict[str, dict[str, Kind]] = {}
    for name, field in CallMetrics.model_fields.items():
        for model in set(_types(field.annotation)):
            if issubclass(model, BaseModel):
                amounts = COST_PARTS if name == "cost" else ()
                tables[name] = {
                    part: "cost" if part in amounts else kind for part, kind in _kinds(model).items()
                }
    return tables


TABLES = _tables()
"""Every table beside ``[fields]`` that fills a part of a call, by name, with what its fields hold."""
OWN_TABLES = frozenset({"start_time", "end_time", "metadata", *TABLES})
KINDS = {name: kind for name, kind in _kinds(CallMetrics).items() if name not in OWN_TABLES}
"""Every field that ``[fields]`` accepts, in the model's order, with what it holds."""
