"""The turns of a simulated call, and its requests to services."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from core.adapters.waits import Span, wait_parts
from core.demo.calls import ASR_UNSEEN
from core.demo.facts import changes_language
from core.demo.sayings import OTHER_LANGUAGE, said_in
from core.models.metrics import CallMetrics, ServiceError, ServiceSample, ToolCall, TurnMetrics

SERVICES = {"asr": "speech-to-text", "llm": "language-model", "tts": "text-to-speech"}
OPERATIONS = {"asr": "stream", "llm": "POST /chat/completions", "tts": "POST /synthesize"}
_SPREAD = 0.3
_ERRORS = {
    "llm_timeout": ("llm", ServiceError.TIMEOUT),
    "llm_5xx": ("llm", ServiceError.SERVER_ERROR),
    "asr_timeout": ("asr", ServiceError.TIMEOUT),
}
TIMEOUT_MS = 8_000.0
ENDPOINTING_SHARE = 0.7
"""Share of the other latency spent waiting for the lead to continue."""
SLOWER_AFTER_CHANGE = 2.2
"""Slowdown of recognition in the first turn in another language."""
LEAD_SPEAKS, AGENT_SPEAKS = 0.32, 0.6
"""Shares of a turn, not counting the wait."""
LOOKS_UP_IN, TOOL_SHARE = 2, 0.4
"""The turn (from 0) with a tool call, and the tool's share of the model's time."""
FOLLOWS = 0.7
"""Share of language changes in which the agent follows."""


class _Waits(NamedTuple):
    """The parts of a turn's wait, in milliseconds."""

    asr: float
    llm: float
    tts: float
    other: float

    @property
    def heard_late(self) -> float:
        """Return the part of recognition after the lead's last word."""
        return self.asr * (1 - ASR_UNSEEN)

    @property
    def whole(self) -> float:
        return round(self.heard_late + self.llm + self.tts + self.other, 1)


def turns_of(call: CallMetrics, rng: random.Random) -> list[TurnMetrics]:
    """Return the turns of a call; their mean latencies equal the call's."""
    count, e2e = call.user_turns or 0, call.e2e_latency_ms
    asr, llm, tts = call.asr_latency_ms, call.llm_latency_ms, call.tts_latency_ms
    if not count or asr is None or llm is None or tts is None or e2e is None:
        return []
    spoken = _languages(call, count, rng)
    slower = [1.0] + [SLOWER_AFTER_CHANGE if a[0] != b[0] else 1.0 for a, b in pairwise(spoken)]
    waits = zip(
        _around(asr, slower, rng),
        _around(llm, [1.0] * count, rng),
        _around(tts, [1.0] * count, rng),
        [max(0.0, e2e - asr * (1 - ASR_UNSEEN) - llm - tts)] * count,
        strict=True,
    )
    interrupted = set(rng.sample(range(count), min(count, call.interruptions or 0)))
    step = timedelta(seconds=(call.duration_seconds or 0.0) / count)
    return [
        TurnMetrics(
            call_id=call.call_id,
            turn=number + 1,
            start_time=call.start_time + step * number,
            language=spoken[number][0],
            reply_language=spoken[number][1],
            interrupted=number in interrupted,
            transcript=said_in(number + 1, spoken[number][0], cut_short=number in interrupted),
            **_waited(found := _Waits(*wait)),
            **_speech(step, found, cut_short=number in interrupted),
            tool_calls=_tools(found) if number == LOOKS_UP_IN else None,
        )
        for number, wait in enumerate(waits)
    ]


def _speech(step: timedelta, waits: _Waits, *, cut_short: bool) -> dict[str, float]:
    """Return how long each side speaks in the rest of the turn, with a pause before the next."""
    room = max(0.0, step.total_seconds() * 1_000 - waits.whole)
    agent = LEAD_SPEAKS if cut_short else AGENT_SPEAKS
    return {"lead_speech_ms": round(LEAD_SPEAKS * room, 1), "agent_speech_ms": round(agent * room, 1)}


def _tools(waits: _Waits) -> list[ToolCall]:
    """Return the tool calls made while the model runs."""
    return [ToolCall(name="check_eligibility", ms=round(waits.llm * TOOL_SHARE, 1))]


def _waited(waits: _Waits) -> dict[str, Any]:
    """Return the latencies of a turn, and the parts of the lead's wait."""
    spans: tuple[Span, ...] = (
        ("transcription", waits.heard_late, "service"),
        ("endpointing_wait", waits.other * ENDPOINTING_SHARE, "setting"),
        ("llm_inference", waits.llm, "service"),
        ("speech_synthesis", waits.tts, "service"),
    )
    return {
        "end_of_turn_delay_ms": round(waits.other * ENDPOINTING_SHARE, 1),
        "asr_ms": round(waits.asr, 1),
        "llm_ttft_ms": round(waits.llm, 1),
        "tts_ttfb_ms": round(waits.tts, 1),
        "e2e_ms": waits.whole,
        "parts": wait_parts(spans, waits.whole),
    }


def _languages(call: CallMetrics, count: int, rng: random.Random) -> list[tuple[str, str]]:
    """Return the languages of lead and agent by turn; leads who change do so once, mid-call."""
    known = call.language
    if count < 3 or known not in OTHER_LANGUAGE or not changes_language(call.call_id, known):  # noqa: PLR2004 (made up)
        return [(known, known)] * count
    first, other = rng.randrange(1, count), OTHER_LANGUAGE[known]
    follows = rng.random() < FOLLOWS
    return [(known, known)] * first + [(other, other if follows else known)] * (count - first)


def _around(mean: float, weights: Sequence[float], rng: random.Random) -> list[float]:
    """Return one value per weight, roughly proportional to them, with a given mean."""
    values = [weight * rng.lognormvariate(0, _SPREAD) for weight in weights]
    scale = mean * len(weights) / sum(values)
    return [value * scale for value in values]


def requests_of(call: CallMetrics, rng: random.Random) -> Iterator[ServiceSample]:
    """Yield the requests of a call, with the times they ended."""
    exchanges = call.user_turns or 0
    length = timedelta(seconds=call.duration_seconds or 0)
    means = {"asr": call.asr_latency_ms, "llm": call.llm_latency_ms, "tts": call.tts_latency_ms}
    for name, mean in means.items():
        for number, value in enumerate(_around(mean, [1.0] * exchanges, rng) if mean and exchanges else ()):
            at = call.start_time + length * ((number + 0.5) / exchanges)
            yield _sample(
                service=SERVICES[name], operation=OPERATIONS[name], duration_ms=round(value, 1), at=at
            )
    for error in call.errors:
        if error.type in _ERRORS:
            name, kind = _ERRORS[error.type]
            took = TIMEOUT_MS if kind == ServiceError.TIMEOUT else rng.uniform(80, 600)
            yield _sample(
                service=SERVICES[name],
                operation=OPERATIONS[name],
                duration_ms=took,
                error=kind,
                at=error.at or call.start_time + length / 2,
            )
    yield from _bookkeeping(call, rng)


def _bookkeeping(call: CallMetrics, rng: random.Random) -> Iterator[ServiceSample]:
    end = call.end_time or call.start_time
    crm_failed = any(error.type == "crm_timeout" for error in call.errors)
    yield _sample(
        service="carrier",
        operation="POST /dial" if call.direction == "outbound" else "answer",
        duration_ms=round(rng.lognormvariate(5.4, 0.3), 1),
        error=ServiceError.EXCEPTION if any(e.fault == "carrier" for e in call.errors) else None,
        at=call.start_time,
    )
    yield _sample(
        service="crm",
        operation="PATCH /leads/{id}",
        duration_ms=5_000.0 if crm_failed else round(rng.lognormvariate(4.6, 0.4), 1),
        error=ServiceError.TIMEOUT if crm_failed else None,
        at=end,
    )
    yield _sample(
        service="api",
        operation="POST /webhooks/call-status",
        duration_ms=round(rng.lognormvariate(3.0, 0.5), 1),
        at=end,
    )


def _sample(
    service: str, operation: str, duration_ms: float, at: datetime, error: ServiceError | None = None
) -> ServiceSample:
    """Return a request without validation, because there are several hundred thousand."""
    return ServiceSample.model_construct(
        service=service, operation=operation, duration_ms=duration_ms, error=error, at=at
    )
