"""Turn nested records of JSON and Parquet into named cells: ``costs[0].cost``, ``turns[].ms``."""

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from core.importing.reading.rows import MAX_COLUMNS

MOST_DEEP = 20
"""Levels of nesting that become names; anything deeper stays one cell of JSON."""
_STEP = re.compile(r"\[(\d{0,9})\]|[^.\[\]]+")
_EVERY = -1
Steps = tuple[str | int, ...]


class TooManyCellsError(ValueError):
    """A record has more values than any call has."""


def cells_of(record: Mapping[str, Any], wanted: AbstractSet[str] | None) -> dict[str, str]:
    """Return a record's values by their dotted names, and the list items that ``wanted`` names.

    A list is its items joined by commas, or JSON if they are nested; ``name.length`` is how many there are.

    Raises:
        TooManyCellsError: it has more than 10,000 values.
    """
    cells: dict[str, str] = {}
    for name, value in _leaves(record, "", 1):
        if len(cells) >= MAX_COLUMNS:
            raise TooManyCellsError(f"has more than {MAX_COLUMNS:,} values")
        cells[name] = text_of(value)
        if isinstance(value, list):
            cells[f"{name}.length"] = str(len(value))
    for name in wanted or ():
        if "[" in name and name not in cells and (found := _find(record, steps_of(name))) is not None:
            cells[name] = ",".join(map(text_of, found))
    return cells


def _leaves(record: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and depth < MOST_DEEP:
            yield from _leaves(value, f"{path}{name}.", depth + 1)
        else:
            yield f"{path}{name}", value


@lru_cache(maxsize=1024)
def steps_of(name: str) -> Steps:
    """Return the keys and positions that a name such as ``costs[0].cost`` passes through."""
    steps: list[str | int] = []
    for found in _STEP.finditer(name):
        if found[0].startswith("["):
            steps.append(int(found[1]) if found[1] else _EVERY)
        else:
            steps.append(found[0])
    return tuple(steps)


def _find(value: object, steps: Steps) -> list[Any] | None:
    """Return what a name leads to: one value, or those of every item; None if there is no such place."""
    for number, step in enumerate(steps):
        if step == _EVERY:
            if not isinstance(value, list):
                return None
            found = [_find(item, steps[number + 1 :]) for item in value]
            return [one for part in found if part for one in part]
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        elif step == "length" and isinstance(value, list):
            value = len(value)
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return [value]


def text_of(value: object) -> str:
    """Return a value as a cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        nested = any(isinstance(item, Mapping | list) for item in value)
        return json.dumps(value, default=str) if nested else ",".join(map(text_of, value))
    return _of_time(value) if isinstance(value, date | time | timedelta) else _of_number(value)


def _of_time(value: date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        return _clock(value)
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time():
        return value.date().isoformat()  # workbooks have no other way to write a date
    return value.isoformat()


def _of_number(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return json.dumps(value, default=str) if isinstance(value, Mapping) else str(value)


def _clock(span: timedelta) -> str:
    """Return a duration as ``H:MM:SS``."""
    seconds = span.total_seconds()
    whole, sign = int(abs(seconds)), "-" if seconds < 0 else ""
    part = f"{abs(seconds) - whole:.6f}".removeprefix("0").rstrip("0").rstrip(".")
    return f"{sign}{whole // 3_600}:{whole // 60 % 60:02}:{whole % 60:02}{part}"
