"""Names for types that many modules share, and functions for nested mappings and for texts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

Document = dict[str, Any]
"""A MongoDB document, or JSON data."""
Period = tuple[datetime, datetime]
"""A half-open period [start, end), in UTC."""
Progress = Callable[[str, int, int], object]
"""Called with what is being worked on, how much of it is done, and of how much."""

_HARMLESS = "\n\t\u200c\u200d"


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


def printable(text: str) -> str:
    """Return text with control characters and marks of direction escaped: it must not control a terminal.

    Line ends and tabs stay, and so do the joiners of Indian scripts.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in _HARMLESS else char.encode("unicode_escape").decode()
        for char in text
    )


def on_one_line(text: str) -> str:
    """Return text as :func:`printable` does, with line ends escaped too."""
    return printable(text).replace("\n", "\\n")


def has_in_order(pieces: Sequence[str], text: str) -> bool:
    """Return whether a text begins with the first piece, ends with the last, and has all others between.

    Each piece is searched for once, so that no pattern takes long.
    """
    first, *between = pieces
    if not between:
        return first == text
    last = between.pop()
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in between:
        if (found := text.find(piece, at, end)) < 0:
            return False
        at = found + len(piece)
    return True
