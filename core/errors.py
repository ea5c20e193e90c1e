"""The one error that people are meant to read, and pydantic's errors in the same form: one line."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class UserError(Exception):
    """Something the person at the keyboard can fix.

    The text is one line that names the problem and the remedy. Commands print it without a traceback and exit
    with 2.
    """


class TooMuchError(UserError):
    """More was asked for than is read at once; the text says what to ask for instead."""


def names_of(*models: type[BaseModel]) -> frozenset[str]:
    """Return the names of all fields of models, including those of nested models."""
    found: dict[type[BaseModel], frozenset[str]] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = frozenset(model.model_fields)
            waiting += [one for field in model.model_fields.values() for one in _models_in(field.annotation)]
    return frozenset().union(*found.values())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (any type)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def problem(error: ErrorDetails, names: Collection[str] = ()) -> str:
    """Return what is wrong with one value, without the value; names of variables keep their capitals.

    Args:
        error: pydantic's error.
        names: the fields that exist; for an unknown one the nearest is suggested.
    """
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(error["loc"][-1]).lower(), sorted(names), 1)
        return f"is not a known field; did you mean {near[0]}?" if near else "is not a known field"
    text = error["msg"].removeprefix("Value error, ")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def one_line(error: ValidationError, names: Collection[str] = ()) -> str:
    """Return the first problem of a model as ``key.part: what is wrong``, without the value.

    An unknown field comes first: where its name is misspelt, it is why another one is missing.
    """
    found = error.errors()
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    return f"{key}: {problem(first, names)}" if key else problem(first, names)
