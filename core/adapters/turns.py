"""Turns of a call as platforms report them: waits, in parts and in total, mostly without times."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Literal, TypeVar

from core.adapters.payload import Payload
from core.adapters.reporting import Call, Facts
from core.models.calls.parts import ToolCall, WaitPart
from core.models.calls.transcripts import as_transcript
from core.models.metrics import MOST_TOOL_CALLS, TurnMetrics
from core.settings import get_settings

MOST_TURNS = 2_000
Owner = Literal["service", "setting", "agent", "network"]
_PARTS: tuple[tuple[str, str, Owner], ...] = (
    ("asr", "transcription", "service"),
    ("endpointing", "endpointing_wait", "setting"),
    ("llm", "llm_inference", "service"),
    ("tts", "speech_synthesis", "service"),
)
"""In order of time; how long to wait for the end of the lead's turn is a setting of the agent."""
_MEANS = {
    "asr_latency_ms": "asr_ms",
    "llm_latency_ms": "llm_ttft_ms",
    "tts_latency_ms": "tts_ttfb_ms",
    "e2e_latency_ms": "e2e_ms",
}


Item = TypeVar("Item")
MOST_SPEECH_MS = 3_600_000.0
"""An hour: nobody speaks longer without a word from the other side."""


@dataclass(frozen=True)
class Speech:
    """What is known of who spoke in a turn: words, how long in milliseconds, and the tools between."""

    lead: str | None = None
    agent: str | None = None
    lead_ms: float | None = None
    agent_ms: float | None = None
    tools: Sequence[ToolCall] = ()


def heard(lead: str | None, agent: str | None) -> str | None:
    """Return what was said as a turn takes it; None unless RECORD_TRANSCRIPTS is on."""
    return as_transcript(lead, agent) if get_settings().record_transcripts else None


def exchanges(items: Iterable[tuple[str, Item]]) -> list[tuple[list[Item], list[Item]]]:
    """Return what the lead said and what the agent answered, exchange by exchange.

    Args:
        items: in order, each ``lead`` or ``agent`` with what was said; a greeting has no question and is left
            out, as is what the agent never answered.
    """
    found: list[tuple[list[Item], list[Item]]] = []
    for by, item in items:
        if by == "lead":
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(item)
        elif found:
            found[-1][1].append(item)
    return [one for one in found if one[1]]


def words_of(items: Iterable[Payload], path: str) -> str:
    """Return what was said in several items of a payload, each at the same path, as one text."""
    return " ".join(filter(None, (item.words(path) for item in items)))


def length_ms(begin: datetime | float | None, end: datetime | float | None) -> float | None:
    """Return the milliseconds from one moment, or second, to another; None where that makes no sense."""
    if isinstance(begin, datetime) and isinstance(end, datetime):
        ms = (end - begin).total_seconds() * 1_000
    elif isinstance(begin, int | float) and isinstance(end, int | float):
        ms = (end - begin) * 1_000
    else:
        return None
    return round(ms, 3) if 0 <= ms <= MOST_SPEECH_MS else None


def turn_of(
    call: Call,
    number: int,
    waits: Mapping[str, float | None],
    *,
    start: datetime | None = None,
    interrupted: bool = False,
    speech: Speech | None = None,
) -> TurnMetrics | None:
    """Return a turn with its waits; None if none of them is known.

    Args:
        call: the call it belongs to.
        number: 1 is the first of the call.
        waits: in milliseconds, the known ones of ``asr``, ``endpointing``, ``llm``, ``tts`` and ``e2e``.
        start: when the lead began to speak.
        interrupted: whether the lead interrupted the agent.
        speech: what was said, and for how long.
    """
    said = speech or Speech()
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
        lead_speech_ms=said.lead_ms,
        agent_speech_ms=said.agent_ms,
        tool_calls=list(said.tools)[:MOST_TOOL_CALLS] or None,
        transcript=heard(said.lead, said.agent),
        parts=parts if len(parts) > 1 else None,
        source=call.source,
    )


def known_turns(found: Iterable[TurnMetrics | None]) -> tuple[TurnMetrics, ...]:
    """Return the turns that have a known wait."""
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
    """Return the mean of the values, to a thousandth; None if there are none."""
    return round(fmean(values), 3) if values else None
