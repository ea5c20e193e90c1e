"""The types of values that records consist of: times, amounts, names of languages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from core.clock import FIRST_YEAR, LAST_YEAR, YEARS, note_naive, to_utc
from core.models.calls.languages import fold

MAX_METADATA_DEPTH = 50
_PERHAPS_UNSTORABLE = re.compile(rb"\\u0000|\d{19}")
JSON = {"written_as": "JSON"}
"""Context for ``model_validate_json`` that accepts flags, numbers and times only as JSON writes them.

From files, forms and programs, 1 is accepted as true, and "12" as a number."""


@dataclass(frozen=True)
class _OwnForm:
    """Refuses a value that JSON would write in another way; costs nothing where no JSON is read."""

    error: Literal["bool_type", "float_type", "int_type", "datetime_type"]
    fits: Callable[[object], bool]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        plain = handler(source)
        checked = core_schema.with_info_before_validator_function(self._check, plain)
        return core_schema.json_or_python_schema(checked, plain)

    def _check(self, value: object, info: ValidationInfo) -> object:
        if info.context is JSON and not self.fits(value):
            raise PydanticKnownError(self.error)
        return value


def _is_number(value: object) -> bool:
    return type(value) in {int, float}


def _is_moment(value: object) -> bool:
    """Return whether a text contains a date, rather than seconds since 1970."""
    return isinstance(value, str) and "-" in value[1:]


def _usable(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        note_naive()
    try:
        utc = to_utc(moment)
    except OverflowError:
        utc = None
    if utc is None or not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise ValueError(f"is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return utc


def _folded(value: object) -> object:
    return fold(value) if isinstance(value, str) else value


def _plain_metadata(value: object) -> object:
    """Return metadata in a form that JSON and MongoDB can hold, fit to be stored, served and spooled."""
    if not isinstance(value, Mapping) or not value:
        return value
    try:
        text = orjson.dumps(dict(value), default=_as_json, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    if _depth(plain := orjson.loads(text)) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested more than {MAX_METADATA_DEPTH} levels deep")
    return _storable(plain) if _PERHAPS_UNSTORABLE.search(text) else plain


def _storable(value: object) -> object:
    """Return the same as MongoDB accepts it: integers beyond 64 bits as text, names without NUL."""
    if isinstance(value, dict):
        return {name.replace("\0", "\N{SYMBOL FOR NULL}"): _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _as_json(value: object) -> object:
    if isinstance(value, set | frozenset):
        return list(value)
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _depth(value: object) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


def _not_a_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("has to be a number, not true or false")  # noqa: TRY004 (pydantic expects it)
    return value


NO_FLAG = BeforeValidator(_not_a_flag)
"""For numbers that people write in files: pydantic takes true as 1."""
NUMBER = _OwnForm("float_type", _is_number)
WHOLE = _OwnForm("int_type", _is_number)
"""NUMBER and WHOLE go after a number's bounds: bounds added later are ignored."""
Flag = Annotated[bool, _OwnForm("bool_type", lambda value: isinstance(value, bool))]
UtcDatetime = Annotated[
    datetime,
    AfterValidator(_usable),
    _OwnForm("datetime_type", _is_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": rf"^({YEARS})-"}),
]
Language = Annotated[str, Field(min_length=1, max_length=32, pattern=r"\S"), BeforeValidator(_folded)]
"""An English name in lower case; codes and other spellings are mapped to it."""
Metadata = Annotated[dict[str, Any], BeforeValidator(_plain_metadata)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False), NUMBER]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False), NUMBER]
MOST_RUPEES = 1_000_000.0
"""For one part of one call's cost."""
Rupees = Annotated[float, Field(ge=0, le=MOST_RUPEES, allow_inf_nan=False), NUMBER]
Rate = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=-1, le=1), NUMBER]
MOST_COUNTED = 1_000_000
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED), WHOLE]
"""For a call's turns and the like: more than one per second for a whole week is a mistake."""
Ordinal = Annotated[int, Field(ge=1, le=MOST_COUNTED), WHOLE]
Stage = Annotated[int, Field(ge=0, le=99), WHOLE]
MOST_TOTAL = 2**53
"""The largest number that is exact as a double too."""
Total = Annotated[int, Field(ge=0, le=MOST_TOTAL), WHOLE]
"""For many requests."""
