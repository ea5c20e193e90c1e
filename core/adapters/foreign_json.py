"""JSON as other languages write it: half a surrogate pair where a text was cut, numbers that are none.

Such a value must not cost everything that came with it.
"""

import json
import math
import re
from typing import Any

_HALF = re.compile(
    rb"(?<!\\)(\\++)(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Backslashes, and behind them a pair or half of one; after an even number of them it is plain text."""
_REPLACED = rb"\ufffd"
_INT64, _UINT64 = -(2**63), 2**64


class NoNumber(float):
    """NaN, or a number that is infinite; JSON has neither, so that no model accepts it."""


def whole_characters(body: bytes) -> bytes:
    """Return a JSON text in which half a surrogate pair is U+FFFD.

    JavaScript writes halves as escapes, wherever a text is cut within an emoji.
    """
    if rb"\ud" not in body and rb"\uD" not in body:
        return body
    return _HALF.sub(_whole_character, body)


def _whole_character(found: re.Match[bytes]) -> bytes:
    slashes, pair = found[1], found[2]
    if len(slashes) % 2:
        return found[0] if pair else slashes[:-1] + _REPLACED
    return slashes + pair[: pair.index(b"\\")] + _REPLACED if pair else found[0]


def load(body: bytes) -> Any:  # noqa: ANN401 (whatever it says)
    """Return the content of a JSON text; NaN and what is infinite are NoNumber.

    Raises:
        ValueError: it is not JSON in UTF-8.
        RecursionError: it is nested too deep.
    """
    text = whole_characters(body).decode()
    return json.loads(text, parse_constant=NoNumber, parse_int=_whole, parse_float=_number)


def _whole(digits: str) -> int | float:
    number = _number(digits)
    return int(digits) if _INT64 <= number < _UINT64 else number


def _number(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else NoNumber(number)
