"""What the lead waited for in a turn, as parts that add up to the whole."""

from collections.abc import Iterable
from typing import Literal

from core.models.calls.parts import WaitPart

Owner = Literal["service", "setting", "agent", "network"]
Span = tuple[str, float | None, Owner]
"""A part's key, its milliseconds if known, and who can shorten it."""
MOST_PARTS = 32
LEAST_REST_MS = 0.5
"""Anything less is rounding."""
REST = "pipeline"
"""The part that no source measured: the agent's own time in between."""


def wait_parts(spans: Iterable[Span], whole_ms: float | None) -> list[WaitPart] | None:
    """Return the known parts, in order, and what they leave of ``whole_ms`` as REST.

    If the parts exceed the whole they are kept as they are, and the turn is marked as not adding up. None if
    no part is known.
    """
    parts = [
        WaitPart(key=key, ms=round(ms, 3), owner=owner)
        for key, ms, owner in spans
        if ms is not None and ms > 0
    ]
    parts = parts[: MOST_PARTS - 1]
    if not parts or whole_ms is None:
        return parts or None
    rest = round(whole_ms - sum(part.ms for part in parts), 3)
    return [*parts, WaitPart(key=REST, ms=rest, owner="agent")] if rest >= LEAST_REST_MS else parts
