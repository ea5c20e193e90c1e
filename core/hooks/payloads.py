"""Parse the body of a webhook in any notation: JSON, a form, or JSON inside a form."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from core.adapters import foreign_json

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_DEPTH = 64
MOST_VALUES = 200_000
"""Most commas and brackets in a JSON text; an object in memory is many times larger than its two brackets."""
MOST_FIELDS = 1_000
"""Most fields in a form."""
MOST_HEADER = 1_024
"""Most bytes in the Content-Type of a form, and in a header of its parts: parsing them is quadratic."""
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
    if len(content_type) > MOST_HEADER:
        raise UnreadableError(f"the Content-Type has more than {MOST_HEADER:,} characters")
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise UnreadableError("the form names no boundary")
    if body.count(b"--" + boundary) > MOST_FIELDS:
        raise UnsuitableError(f"the form has more than {MOST_FIELDS:,} fields")
    form = _Parts()
    try:
        MultipartParser(boundary, form.callbacks(), max_header_size=MOST_HEADER).write(body)
    except FormParserError as error:
        raise UnreadableError(f"the form is not multipart: {error}") from None
    if not form.ended:
        raise UnreadableError("the form is cut off, or has no parts")
    return form.fields


class _Parts:
    """Takes in the parts of a form while it is parsed."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.ended = False

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_header_end": self._header,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        self._named, self._header_name, self._header_value, self._content = "", b"", b"", bytearray()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            options = parse_options_header(self._header_value)[1]
            self._named = options.get(b"name", b"").decode(errors="replace")
        self._header_name = self._header_value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end(self) -> None:
        if self._named:
            self.fields[self._named] = self._content.decode(errors="replace")

    def _all(self) -> None:
        self.ended = True
