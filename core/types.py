"""Names for types that many modules share, one function for nested mappings and one for plurals."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

Document = dict[str, Any]
"""A MongoDB document, or JSON data."""
Period = tuple[datetime, datetime]
"""A half-open period [start, end), in UTC."""
Progress = Callable[[str, int, int], object]
"""Called with what is being worked on, how much of it is done, and of how much."""


def dotted(nested: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings, each with its dotted name: ``outer.inner``."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 record``, ``2,000 records``; ``many`` is an irregular plural."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
