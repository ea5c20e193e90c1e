"""Parse the body of a webhook in any notation: JSON, a form, or JSON inside a form."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl

import orjson

from core.adapters import foreign_json

MOST_DEPTH = 64
MOST_VALUES = 200_000
"""Most commas and brackets in a JSON text; an object in memory is many times larger than its two brackets."""
MOST_FIELDS = 1_000
"""Most fields in a form."""
_LARGE = 64_000
"""From how many bytes on a body is dealt with beside the event loop."""
Asked = ParamSpec("Asked")
Result = TypeVar("Result")
_WITHIN = "data"
"""The form field into which some carriers write their JSON."""


class UnreadableError(ValueError):
    """A body that cannot be parsed; the text says why."""


class UnsuitableError(ValueError):
    """A body that can be parsed and is not what is expected; the text says why."""


@dataclass(frozen=True)
class Content:
    """The content of a body; ``form`` holds its fields as they were sent, if it is a form."""

    payload: Mapping[str, Any]
    form: Mapping[str, str] = field(default_factory=dict)


async def beside(
    size: int, work: Callable[Asked, Result], *args: Asked.args, **kwargs: Asked.kwargs
) -> Result:
    """Return what is made of a body of this size; seconds of work on a large one keep nobody else waiting."""
    if size < _LARGE:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def read_json(body: bytes) -> Any:  # noqa: ANN401 (whatever it says)
    """Return the content of a JSON text, also as other languages write it (:mod:`foreign_json`).

    Raises:
        UnreadableError: it is not JSON.
        UnsuitableError: it is nested more than 64 levels deep, or has too many values.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise UnsuitableError(f"the body has more than {MOST_VALUES:,} values")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise UnsuitableError(f"the body is nested more than {MOST_DEPTH} levels deep") from None
        content = _foreign(body, error)
    level, depth = [content], 0
    while level := [child for value in level for child in _children(value)]:
        depth += 1
        if depth > MOST_DEPTH:
            raise UnsuitableError(f"the body is nested more than {MOST_DEPTH} levels deep")
    return content


def _foreign(body: bytes, why: orjson.JSONDecodeError) -> Any:  # noqa: ANN401 (whatever it says)
    try:
        return foreign_json.load(body)
    except RecursionError:
        raise UnsuitableError(f"the body is nested more than {MOST_DEPTH} levels deep") from None
    except ValueError:
        raise UnreadableError(f"the body is not JSON: {why.msg} at character {why.pos}") from None


def _children(value: object) -> Any:  # noqa: ANN401 (an iterable of anything)
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def read_content(body: bytes, content_type: str) -> Content:
    """Return the content of a webhook's body.

    Args:
        body: as received.
        content_type: the header's value; if missing or unknown, a body that begins with ``{`` is JSON.

    Raises:
        UnreadableError: it is neither JSON nor a form.
        UnsuitableError: it is not an object, is too deep, or has too many fields.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded" and body.lstrip()[:1] != b"{":
        return _from_form(_urlencoded(body))
    if kind == "multipart/form-data":
        return _from_form(_multipart(body, content_type))
    return Content(_object(body))


def _object(body: bytes) -> Mapping[str, Any]:
    payload = read_json(body)
    if not isinstance(payload, dict):
        raise UnsuitableError("the body is not a JSON object")
    return payload


def _from_form(form: dict[str, str]) -> Content:
    within = form.get(_WITHIN, "")
    if within.lstrip()[:1] == "{":
        others = {name: value for name, value in form.items() if name != _WITHIN}
        return Content({**others, **_object(within.encode(errors="replace"))}, form)
    return Content(form, form)


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise UnreadableError("the form is not UTF-8 text") from None
    except ValueError:
        raise UnsuitableError(f"the form has more than {MOST_FIELDS:,} fields") from None
    return dict(pairs)


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise UnreadableError("the form names no boundary")
    if body.count(b"--" + boundary.encode(errors="replace")) > MOST_FIELDS:
        raise UnsuitableError(f"the form has more than {MOST_FIELDS:,} fields")
    head = f"Content-Type: {content_type}\r\n\r\n".encode(errors="replace")
    whole = BytesParser().parsebytes(head + body)
    if not whole.is_multipart():
        raise UnreadableError("the form has no parts")
    fields = {}
    for part in whole.get_payload():
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        content = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode(errors="replace")
    return fields
