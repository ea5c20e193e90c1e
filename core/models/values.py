"""The types of values that records are made of: moments, amounts, names of languages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from core.clock import FIRST_YEAR, LAST_YEAR, note_naive, to_utc
from core.models.calls.languages import fold

MAX_METADATA_DEPTH = 50


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
    """Metadata as JSON can say it, so that it can be stored, served and spooled."""
    if not isinstance(value, Mapping) or not value:
        return value
    try:
        text = orjson.dumps(dict(value), default=_as_json, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    if _depth(plain := orjson.loads(text)) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested more than {MAX_METADATA_DEPTH} levels deep")
    return plain


def _as_json(value: object) -> object:
    if isinstance(value, set | frozenset):
        return list(value)
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _depth(value: object) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


UtcDatetime = Annotated[datetime, AfterValidator(_usable)]
Language = Annotated[str, BeforeValidator(_folded), Field(min_length=1, max_length=32)]
"""By its English name in lower case; codes and other spellings are folded to it."""
Metadata = Annotated[dict[str, Any], BeforeValidator(_plain_metadata)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]
MOST_RUPEES = 1_000_000.0
"""Of one part of one call's cost."""
Rupees = Annotated[float, Field(ge=0, le=MOST_RUPEES, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(le=1_000_000)]
"""Of a call's turns and the like: more than one a second for a whole week is no count but a slip."""
Total = Annotated[int, Field(le=2**53)]
"""Of many requests; the greatest that is exact as a double too."""
