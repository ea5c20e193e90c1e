"""What the columnar copy contains about a call: dimensions and measures, nothing personal."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyarrow as pa

from core.models.calls.fields import CALL_FIELDS
from core.models.definitions import COST_PARTS
from core.privacy.sensitive import is_personal
from core.settings import get_settings

VERSION = 1
"""Version of the copy's format; a new one is written from scratch, next to the old."""
Order = Literal["most calls", "value"]
METADATA = "metadata."
LONGEST_TEXT = 64
"""Longest value, in letters; longer ones are cut."""


@dataclass(frozen=True)
class Field:
    """A dimension: its column, and the order in which its values are shown.

    The ``most`` values with the most calls are shown separately; the others are merged.
    """

    key: str
    label: str
    order: Order = "most calls"
    most: int = 20


Where = tuple[tuple[str, str], ...]
"""Pairs of a field's key and a value: any of the values of one field, and all fields together."""


_OF_CALLS = (
    Field("direction", "Direction"),
    Field("language", "Language"),
    Field("campaign", "Campaign"),
    Field("status", "Outcome"),
    Field("agent", "Agent"),
    Field("agent_version", "Agent version"),
    Field("provider", "Carrier"),
    Field("number_series", "Number series"),
    Field("end_reason", "End reason"),
    Field("fault", "Fault"),
    Field("hangup_by", "Hung up by"),
    Field("purpose", "Purpose"),
    Field("qualification", "Qualified for"),
    Field("attempt", "Attempt", "value"),
    Field("hour", "Hour of the day", "value", 24),
    Field("weekday", "Weekday", "value", 7),
    Field("day", "Day", "value", 100),
)
TEXTS = frozenset(field.key for field in _OF_CALLS if field.order == "most calls")
NUMBERS = tuple(one.name for one in CALL_FIELDS if one.kind == "number" and one.rolled_up)
COUNTS = tuple(one.name for one in CALL_FIELDS if one.kind == "count" and one.rolled_up)
FLAGS = ("qualification_completed", "handoff_triggered", "has_error")
COSTS = tuple(f"cost_{part}" for part in COST_PARTS)


def fields() -> dict[str, Field]:
    """Return the dimensions by key: fields of calls, then the declared keys of their metadata."""
    declared = (Field(f"{METADATA}{key}", f"Metadata: {key}") for key in metadata_keys())
    return {field.key: field for field in (*_OF_CALLS, *declared)}


def by_field(where: Where) -> dict[Field, list[str]]:
    """Return the values that calls may have, by field.

    Raises:
        ValueError: there is no such field.
    """
    known, found = fields(), dict[Field, list[str]]()
    for name, value in where:
        if name not in known:
            raise ValueError(f"there is no field {name!r}")
        found.setdefault(known[name], []).append(value)
    return found


def metadata_keys() -> tuple[str, ...]:
    """Return the keys of EXPLORE_METADATA_KEYS that are not personal."""
    return tuple(key for key in get_settings().explore_metadata_keys if key not in refused_keys())


def refused_keys() -> tuple[str, ...]:
    """Return the keys of EXPLORE_METADATA_KEYS that are personal, and so are not copied."""
    settings = get_settings()
    sealed = {path.removeprefix(METADATA).split(".")[0] for path in settings.encrypted_fields}
    return tuple(key for key in settings.explore_metadata_keys if is_personal(key) or key in sealed)


def schema() -> pa.Schema:
    """Return the columns of the copy; hour and weekday (0 is Monday) are local, money is in rupees."""
    return _schema(metadata_keys())


@lru_cache(maxsize=8)
def _schema(keys: tuple[str, ...]) -> pa.Schema:
    return pa.schema(
        {
            "start_time": pa.timestamp("ms", tz="UTC"),
            "day": pa.date32(),
            "hour": pa.int8(),
            "weekday": pa.int8(),
            **dict.fromkeys((*sorted(TEXTS), *(METADATA + key for key in keys)), pa.string()),
            **dict.fromkeys(NUMBERS, pa.float64()),
            **dict.fromkeys(COUNTS, pa.int32()),
            **dict.fromkeys(FLAGS, pa.bool_()),
            **dict.fromkeys(COSTS, pa.float64()),
            "cost": pa.float64(),
        }
    )


def form(zone: str) -> str:
    """Return a name for the copy's format: other columns, or days of another zone, go to other files."""
    said = f"{VERSION}\n{zone}\n{schema().to_string()}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]
