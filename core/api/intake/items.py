"""The items of a request: one object, or an array of them; each is accepted, or refused with a reason."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import orjson
from fastapi import HTTPException
from pydantic import BaseModel, Field, ValidationError

from core.adapters.foreign_json import NoNumber
from core.api.problems import Problem
from core.errors import problem
from core.hooks.payloads import UnreadableError, UnsuitableError, read_json
from core.models.values import JSON
from core.privacy.masking import mask_text

MOST_ITEMS = 1_000
_MOST_MISTAKES = 10
"""Most mistakes listed for one item."""
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Refused(BaseModel):
    """Why an item or one of its fields was not accepted, or not as it was sent."""

    index: int = Field(description="Which of the array, from 0; 0 for a single object")
    field: str = Field(description="By dotted path; empty where it is the item as a whole")
    reason: str


class Accepted(BaseModel):
    """What was accepted: it is durable, in the database or on this machine's disk."""

    accepted: int
    refused: list[Refused] = Field(default_factory=list, description="Items that were not; the others were")
    changed: list[Refused] | None = Field(default=None, description="Values that were not taken as they came")


class Unusable(Problem):
    """Why nothing in a request was accepted."""

    refused: list[Refused] = Field(default_factory=list)


class NoNumberError(ValueError):
    """An item with NaN or an infinite number; the text is the dotted path of the first one."""


class Items(Generic[T]):
    """The valid items of a request by index, and what is wrong with the others."""

    def __init__(self) -> None:
        self.good: dict[int, T] = {}
        self.refused: list[Refused] = []
        self.changed: list[Refused] = []

    def refuse(self, index: int, reason: str, field: str = "") -> None:
        """Count an item as refused."""
        self.good.pop(index, None)
        self.refused.append(Refused(index=index, field=field, reason=reason))


def read_items(
    body: bytes, content_type: str, validate: Callable[[dict[str, Any]], T], names: Collection[str]
) -> Items[T]:
    """Return the items of a body, each as returned by ``validate``; ``names`` are the fields they may have.

    Raises:
        HTTPException: 400 if it is not JSON, 415 if it is something else, 422 if it is neither an object nor
            an array of at most 1,000, or too deep.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    items: Items[T] = Items()
    for index, one in enumerate(_objects(body)):
        if not isinstance(one, dict):
            items.refuse(index, "is not a JSON object")
            continue
        try:
            items.good[index] = validate(one)
        except ValidationError as error:
            for mistake in error.errors(include_url=False, include_context=False)[:_MOST_MISTAKES]:
                path = ".".join(str(part) for part in mistake["loc"])
                items.refuse(index, problem(mistake, names), mask_text(path[:200]))
        except RecursionError:
            items.refuse(index, "is nested too deep")
        except NoNumberError as error:
            items.refuse(index, "is no number that JSON has", mask_text(str(error)[:200]))
    return items


def as_sent(model: type[M], item: Mapping[str, Any]) -> M:
    """Return an item as a model, with flags, numbers and times only as JSON writes them.

    Raises:
        ValidationError: it is not one.
        NoNumberError: it has NaN or an infinite number.
    """
    try:
        text = orjson.dumps(item)
    except orjson.JSONEncodeError:
        raise NoNumberError(next(_no_numbers(item), "")) from None
    return model.model_validate_json(text, context=JSON)


def _no_numbers(value: object, path: str = "") -> Iterator[str]:
    """Yield where there is no number, by dotted paths."""
    if isinstance(value, NoNumber):
        yield path
    elif isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _no_numbers(one, f"{path}.{key}" if path else str(key))


def _objects(body: bytes) -> Sequence[Any]:
    try:
        content = read_json(body)
    except UnreadableError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
    except UnsuitableError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is neither an object nor an array")
    if not content:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "the array is empty: nothing is stored")
    if len(content) > MOST_ITEMS:
        detail = f"the array has {len(content):,} items; send at most {MOST_ITEMS:,} at once"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return content
