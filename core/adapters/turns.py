"""Turns of a call as platforms report them: waits, by part and in whole, mostly without times."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from core.adapters.reporting import Call, Facts
from core.models.calls.parts import WaitPart
from core.models.metrics import TurnMetrics

MOST_TURNS = 2_000
Owner = Literal["service", "setting", "agent", "network"]
_PARTS: tuple[tuple[str, str, Owner], ...] = (
    ("asr", "transcription", "service"),
    ("endpointing", "endpointing_wait", "setting"),
    ("llm", "llm_inference", "service"),
    ("tts", "speech_synthesis", "service"),
)
"""In the order of time; how long the end of the lead's turn is waited for is a setting of the agent."""
_MEANS = {
    "asr_latency_ms": "asr_ms",
    "llm_latency_ms": "llm_ttft_ms",
    "tts_latency_ms": "tts_ttfb_ms",
    "e2e_latency_ms": "e2e_ms",
}


def turn_of(
    call: Call,
    number: int,
    waits: Mapping[str, float | None],
    *,
    start: datetime | None = None,
    interrupted: bool = False,
) -> TurnMetrics | None:
    """Return a turn of its waits; None where none of them is known.

    Args:
        call: whose turn it is.
        number: 1 is the first of the call.
        waits: in milliseconds, those known of ``asr``, ``endpointing``, ``llm``, ``tts`` and ``e2e``.
        start: when the lead began to speak.
        interrupted: the lead cut the agent short.
    """
    known = [(key, waits.get(wait), owner) for wait, key, owner in _PARTS]
    parts = [WaitPart(key=key, ms=ms, owner=owner) for key, ms, owner in known if ms is not None]
    if not parts and waits.get("e2e") is None:
        return None
    return TurnMetrics(
        call_id=call.call_id,
        turn=number,
        start_time=start,
        end_of_turn_delay_ms=waits.get("endpointing"),
        asr_ms=waits.get("asr"),
        llm_ttft_ms=waits.get("llm"),
        tts_ttfb_ms=waits.get("tts"),
        e2e_ms=waits.get("e2e"),
        interrupted=interrupted,
        parts=parts if len(parts) > 1 else None,
        source=call.source,
    )


def known_turns(found: Iterable[TurnMetrics | None]) -> tuple[TurnMetrics, ...]:
    """Return the turns of which a wait is known."""
    return tuple(turn for turn in found if turn is not None)


def means(turns: Iterable[TurnMetrics]) -> Facts:
    """Return the mean of each wait over the turns that have it."""
    known = list(turns)
    found: Facts = {}
    for name, wait in _MEANS.items():
        values = [value for one in known if (value := getattr(one, wait)) is not None]
        found[name] = mean(values)
    return found


def mean(values: list[float]) -> float | None:
    """Return the mean of what there is, to a thousandth; None of nothing."""
    return round(sum(values) / len(values), 3) if values else None
