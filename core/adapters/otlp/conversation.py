"""What the spans of one conversation say about its call and turns: Pipecat's, LiveKit's, and plain GenAI."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from core.adapters.livekit import CLOSED, ERRORS_AT_MOST
from core.adapters.otlp.spans import Span, as_amount, moment
from core.adapters.told import TOLD_BY_AGENT
from core.adapters.turns import heard, means
from core.models.calls.endings import ENDINGS
from core.models.calls.parts import CallError, Fault, ModelUsage
from core.models.calls.reports import CallReport, Role, lenient_facts
from core.models.metrics import TurnMetrics

SOURCE = "otlp"
ROOTS = frozenset({"conversation", "agent_session"})
"""The span of a whole call in Pipecat and LiveKit; it ends last."""
Kind = Literal["asr", "llm", "tts"]
_KIND_OF_OPERATION: dict[str, Kind] = {
    **dict.fromkeys(("speech_to_text", "transcription", "stt"), "asr"),
    **dict.fromkeys(("chat", "text_completion", "generate_content"), "llm"),
    **dict.fromkeys(("text_to_speech", "tts"), "tts"),
}
_KIND_OF_NAME: dict[str, Kind] = {
    "stt": "asr",
    "llm": "llm",
    "tts": "tts",
    "tts_request": "tts",
    "llm_request": "llm",
}
_VOICEMAIL = frozenset({"machine-vm", "machine-unavailable"})


@dataclass(frozen=True)
class _Request:
    """A span of one request to a service."""

    kind: Kind
    span: Span
    extra: Mapping[str, float]

    @property
    def first_ms(self) -> float | None:
        """Return the milliseconds to the first result."""
        return _ms(self.span.number("metrics.ttfb", "gen_ai.response.time_to_first_chunk"))

    def usage(self) -> dict[str, float]:
        span = self.span
        units = {
            "input_tokens": span.number("gen_ai.usage.input_tokens"),
            "cached_tokens": span.number(
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"
            ),
            "output_tokens": span.number("gen_ai.usage.output_tokens"),
            "characters": span.number("metrics.character_count") or self.extra.get("characters_count"),
            "audio_seconds": span.number("metrics.audio_seconds") or self.extra.get("audio_duration"),
        }
        return {unit: amount for unit, amount in units.items() if amount}


class Conversation(NamedTuple):
    """What spans say of a call; ``refused`` has the reason for each fact that no call can have."""

    report: CallReport
    turns: list[TurnMetrics]
    refused: dict[str, str]


def read_conversation(call_id: str, spans: Sequence[Span]) -> Conversation:
    """Return what all spans known of a conversation say; more spans give more.

    Until the span of the whole call has arrived, the call is open.
    """
    spans = sorted(spans, key=lambda span: (span.start, span.end, span.id))
    root = next((span for span in spans if span.name in ROOTS), None)
    requests = [request for span in spans if (request := _request(span))]
    turns = _pipecat_turns(call_id, spans, requests) or _livekit_turns(call_id, spans, root)
    start = root.start if root else spans[0].start
    facts = {
        "start_time": moment(start),
        "language": _language(spans),
        "agent": _first(spans, "lk.agent_name", "gen_ai.agent.name"),
        "provider_call_id": _first(spans, "lk.sip.callID", "provider_call_id"),
        "total_turns": len(turns) or None,
        "interruptions": sum(turn.interrupted for turn in turns) if turns else None,
        **means(turns),
        "usage": _usage(requests) or None,
        "errors": [_error(one) for one in requests if one.span.failed][:ERRORS_AT_MOST] or None,
        **({"end_time": moment(max(root.end, start)), **_ending(spans)} if root else {}),
        **_told(spans),
    }
    taken, refused = lenient_facts(facts)
    report = CallReport(
        call_id=call_id[:256],
        source=SOURCE,
        role=Role.AGENT,
        stage=50 if root else 10,
        at=moment(max(span.end for span in spans)),
        final=root is not None,
        facts=taken,
    )
    return Conversation(report, turns, refused)


def _request(span: Span) -> _Request | None:
    kind = _KIND_OF_NAME.get(span.name) or _KIND_OF_OPERATION.get(span.text("gen_ai.operation.name") or "")
    if kind is None:
        return None
    text = span.attributes.get("lk.tts_metrics")
    try:
        extra = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        extra = {}
    given = extra if isinstance(extra, dict) else {}
    amounts = {name: amount for name, value in given.items() if (amount := as_amount(value)) is not None}
    return _Request(kind, span, amounts)


def _pipecat_turns(call_id: str, spans: Iterable[Span], requests: Iterable[_Request]) -> list[TurnMetrics]:
    """Return the turns. Pipecat numbers its spans.

    The last is marked interrupted if only the call's end cut it off.
    """
    turns = [span for span in spans if span.name == "turn" and span.number("turn.number")]
    below: defaultdict[str, list[_Request]] = defaultdict(list)
    for request in requests:
        below[request.span.parent].append(request)
    return [_pipecat_turn(call_id, span, below[span.id], last=span is turns[-1]) for span in turns]


def _pipecat_turn(call_id: str, span: Span, requests: Sequence[_Request], *, last: bool) -> TurnMetrics:
    e2e_ms = _ms(span.number("turn.user_bot_latency_seconds"))
    cut = span.attributes.get("turn.was_interrupted") is True and not last
    first: dict[str, float] = {}
    for request in requests:
        if request.first_ms is not None:
            first.setdefault(request.kind, request.first_ms)
    number = int(span.number("turn.number") or 1)
    return TurnMetrics(
        call_id=call_id,
        turn=max(1, min(number, 1_000_000)),
        start_time=moment(span.start) if number > 1 or e2e_ms is not None else None,
        language=next((found for one in requests if (found := one.span.text("language"))), "unknown")[:32],
        asr_ms=first.get("asr"),
        llm_ttft_ms=first.get("llm"),
        tts_ttfb_ms=first.get("tts"),
        e2e_ms=e2e_ms,
        interrupted=cut,
        transcript=_said(
            (one.span for one in requests if one.kind == "asr"),
            (one.span for one in requests if one.kind == "tts"),
        ),
        source=SOURCE,
    )


def _livekit_turns(call_id: str, spans: Sequence[Span], root: Span | None) -> list[TurnMetrics]:
    """Return the turns.

    LiveKit's spans have no numbers, so turns are counted once the call is over and complete.
    """
    if root is None:
        return []
    found: list[tuple[list[Span], list[Span]]] = []
    for span in spans:
        if span.name == "user_turn":
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(span)
        elif span.name == "agent_turn":
            if not found:
                found.append(([], []))
            found[-1][1].append(span)
    parents = {span.id: span.parent for span in spans}
    return [
        _livekit_turn(call_id, number, asked, spoken, spans, parents)
        for number, (asked, spoken) in enumerate(found, start=1)
    ]


def _livekit_turn(
    call_id: str,
    number: int,
    asked: Sequence[Span],
    spoken: Sequence[Span],
    spans: Iterable[Span],
    parents: Mapping[str, str],
) -> TurnMetrics:
    answers = {span.id for span in spoken}
    inside = [span for span in spans if span.id in answers or _is_below(span, answers, parents)]
    last = asked[-1:]
    return TurnMetrics(
        call_id=call_id,
        turn=number,
        start_time=moment(asked[0].start) if asked else None,
        end_of_turn_delay_ms=_ms(_number(last, "lk.end_of_turn_delay")),
        asr_ms=_ms(_number(last, "lk.transcription_delay")),
        llm_ttft_ms=_ms(_number(inside, "lk.response.ttft")),
        tts_ttfb_ms=_ms(_number(inside, "lk.response.ttfb")),
        e2e_ms=_ms(_number(spoken, "lk.e2e_latency")),
        interrupted=any(span.attributes.get("lk.interrupted") is True for span in spoken),
        transcript=_said(asked, inside),
        source=SOURCE,
    )


def _said(lead: Iterable[Span], agent: Iterable[Span]) -> str | None:
    """Return the transcript of a turn; None unless RECORD_TRANSCRIPTS is on and the spans have words."""
    return heard(_words(lead), _words(agent))


def _words(spans: Iterable[Span]) -> str:
    """Return what one side said; once what a span repeats of the one around it."""
    said = {span.id: span for span in spans if span.words}
    return " ".join(
        span.words
        for span in said.values()
        if span.parent not in said or said[span.parent].words != span.words
    )


def _is_below(span: Span, answers: set[str], parents: Mapping[str, str]) -> bool:
    at, steps = span.parent, 0
    while at and at not in answers and steps < 20:  # noqa: PLR2004 (deeper than any; a ring of spans ends too)
        at, steps = parents.get(at, ""), steps + 1
    return at in answers


def _usage(requests: Iterable[_Request]) -> list[ModelUsage]:
    sums: defaultdict[tuple[str, str | None, str | None], defaultdict[str, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for request in requests:
        provider = request.span.text("gen_ai.provider.name", "gen_ai.system")
        model = request.span.text("gen_ai.request.model", "gen_ai.response.model")
        for unit, amount in request.usage().items():
            sums[request.kind, provider and provider[:128], model and model[:128]][unit] += amount
    found = []
    for (kind, provider, model), units in sums.items():
        with suppress(ValidationError):  # an impossible amount
            found.append(
                ModelUsage.model_validate({"kind": kind, "provider": provider, "model": model, **units})
            )
    return found


def _error(request: _Request) -> CallError:
    return CallError(type=f"{request.kind}_error", fault=Fault.PROVIDER, at=moment(request.span.end))


def _ending(spans: Sequence[Span]) -> dict[str, Any]:
    if _first(spans, "lk.amd.category") in _VOICEMAIL:
        return {"status": "no_answer", "end_reason": "voicemail"}
    reason = _first(spans, "lk.close_reason")
    if reason is None:
        return {"status": "completed"}
    ending, by = CLOSED.get(reason, ("unknown", None))
    status = "completed" if ending == "cancelled" else ENDINGS[ending].status
    return {"status": status, "end_reason": ending, "end_reason_raw": reason, "hangup_by": by}


def _told(spans: Iterable[Span]) -> dict[str, Any]:
    """Return what the bot's own code attached to its spans."""
    return {
        name: value
        for span in spans
        for name, value in span.attributes.items()
        if name in TOLD_BY_AGENT - {"language"}
    }


def _language(spans: Iterable[Span]) -> str | None:
    heard = [found for span in spans if (found := span.text("language", "lk.eou.language"))]
    return max(heard, key=heard.count)[:32] if heard else None


def _first(spans: Iterable[Span], *names: str) -> str | None:
    return next((found for span in spans if (found := span.text(*names))), None)


def _number(spans: Iterable[Span], name: str) -> float | None:
    return next((found for span in spans if (found := span.number(name)) is not None), None)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None or seconds > 3_600 else round(seconds * 1_000, 3)  # noqa: PLR2004 (an hour is no wait)
