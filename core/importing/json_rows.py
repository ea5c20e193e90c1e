"""Calls in JSON however it is laid out: one a line, pretty-printed, in a list, in an object's list."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from core.errors import UserError

MAX_DOCUMENT = 200_000_000
"""Characters of a file that is not one object a line, and is read whole."""
CONTAINERS = ("calls", "records", "data", "results", "items", "rows")
"""Keys that are taken for a list of calls, where ``source.records`` names none."""


def is_lines(first: str = "", second: str = "") -> bool:
    """Whether the first two lines that are not blank are those of a file with one object a line."""
    text = first.strip()
    if text.startswith("["):
        return False
    try:
        json.loads(text)
    except ValueError:
        # Else an object that goes on in the next line, with a key, its end, or the first call of a list.
        goes_on = text.startswith("{") and text[-1] in "{[,"
        return not (goes_on and second.lstrip()[:1] in {'"', "}", "{", "]"})
    except RecursionError:
        return True
    return True


def documents(lines: Iterable[str], path: object) -> Iterator[tuple[int, Any]]:
    """The values of a text that is JSON, one after the other, each with the line it begins in.

    Numbers stay as they are written.

    Raises:
        UserError: the text is too long, or not JSON from some place on.
    """
    parts, size = [], 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size > MAX_DOCUMENT:
            raise UserError(
                f"{path} is one JSON document of more than 200 MB; write one object a line instead"
            )
    text = "".join(parts)
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    at, line_number, counted = 0, 1, 0
    while (at := _skip(text, at)) < len(text):
        line_number += text.count("\n", counted, at)
        counted = at
        if text[at] == "[":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise UserError(f"{path} is not valid JSON: {error.msg} (line {error.lineno})") from None
        except RecursionError:
            raise UserError(f"{path} is JSON that is nested too deeply (line {line_number})") from None
        yield line_number, value


def _skip(text: str, at: int) -> int:
    """The next place that is neither white space, nor between the items of a list, nor its end."""
    while at < len(text) and text[at] in " \t\r\n,]\ufeff":
        at += 1
    return at


def calls_in(value: object, records: str | None) -> list[object] | None:
    """The list of calls that an object holds; None where it is a call itself."""
    if not isinstance(value, dict):
        return None
    if records is not None:
        found: Any = value
        for key in records.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, list) else None
    for key in CONTAINERS:
        found = value.get(key)
        if isinstance(found, list) and found and all(isinstance(item, dict) for item in found):
            return found
    return None
