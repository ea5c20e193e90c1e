"""What the lead waited for in a turn, as parts that add up to the wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.models.metrics import TurnMetrics

Owner = Literal["service", "setting", "agent", "network", "unknown"]
REST = "not_measured"
"""The part of a wait that no source measured."""
LEAST_MS = 0.5
"""Anything less is rounding."""
_STAGES: tuple[tuple[str, str, Owner], ...] = (
    ("asr_ms", "transcription", "service"),
    ("end_of_turn_delay_ms", "turn_detection", "setting"),
    ("llm_ttft_ms", "llm_inference", "service"),
    ("tts_ttfb_ms", "speech_synthesis", "service"),
)
"""For turns without parts: the field, its name as a part, and who can shorten it."""


@dataclass(frozen=True)
class Part:
    """A part of a wait; ``ms`` of it were waited for.

    ``begin_ms`` counts from the lead's last word; a further ``before_ms`` passed while the lead was still
    speaking.
    """

    key: str
    owner: Owner
    begin_ms: float
    ms: float
    before_ms: float = 0.0

    def share(self, wait_ms: float | None) -> float | None:
        """Return the part's share of a wait, 0 to 1; None if the wait is unknown or zero."""
        return self.ms / wait_ms if wait_ms else None


def wait_parts(turn: TurnMetrics) -> list[Part]:
    """Return what the lead waited for, in order; the milliseconds add up to ``e2e_ms`` if that is known.

    Anything measured beyond the wait ran while the lead was still speaking, as recognition does, so that much
    is taken from the first parts. What the parts leave of the wait becomes one more part, ``not_measured``.
    """
    parts = list(_measured(turn))
    if turn.e2e_ms is None:
        return _in_order(parts)
    extra = sum(part.ms for part in parts) - turn.e2e_ms
    if parts and -LEAST_MS <= extra < 0:
        parts[-1] = replace(parts[-1], ms=parts[-1].ms - extra)
    elif extra < 0:
        parts.append(Part(REST, "unknown", 0.0, -extra))
    return _in_order(_without(parts, extra))


def _measured(turn: TurnMetrics) -> Iterable[Part]:
    if turn.parts:
        return (Part(part.key, part.owner, 0.0, part.ms) for part in turn.parts)
    known = ((key, owner, getattr(turn, field)) for field, key, owner in _STAGES)
    return (Part(key, owner, 0.0, ms) for key, owner, ms in known if ms is not None)


def _without(parts: Sequence[Part], extra: float) -> list[Part]:
    """Take the excess over the wait from the first parts."""
    left, kept = max(extra, 0.0), []
    for part in parts:
        before = min(part.ms, left)
        left -= before
        kept.append(replace(part, ms=part.ms - before, before_ms=before))
    return kept


def _in_order(parts: Iterable[Part]) -> list[Part]:
    begin, placed = 0.0, []
    for part in parts:
        placed.append(replace(part, begin_ms=begin))
        begin += part.ms
    return placed
