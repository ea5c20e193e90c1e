"""ElevenLabs Agents: post-call webhooks ``post_call_transcription`` and ``call_initiation_failure``.

Fields are those of elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks and of a conversation in the
SDK for Python (``GetConversationResponseModel``, commit 54e5899 of July 2026). The names of the waits in
``conversation_turn_metrics`` are not specified there, and known only from conversations. Reasons are free
text from an unpublished list. Waits are in seconds, amounts in US dollars.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.adapters.causes import by_sip, by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended
from core.adapters.reporting import (
    ANALYSED,
    Call,
    Facts,
    Word,
    call_of,
    cost,
    ending,
    event_of,
    first,
    nothing,
    own_fields,
    telephony,
    told,
)
from core.adapters.turns import MOST_TURNS, Speech, exchanges, known_turns, means, turn_of, words_of
from core.models.calls.parts import ToolCall
from core.models.calls.reports import Role
from core.models.metrics import MOST_TOOL_CALLS, TurnMetrics

NAME = "elevenlabs"
_WORDS = (
    ("voicemail", "voicemail"),
    ("transfer", "transferred"),
    ("end_call tool", "agent_goodbye"),
    ("end call tool", "agent_goodbye"),
    ("agent ended", "agent_goodbye"),
    ("max duration", "max_duration"),
    ("maximum duration", "max_duration"),
    ("time limit", "max_duration"),
    ("exceeded the maximum", "max_duration"),
    ("silence", "silence"),
    ("inactivity", "silence"),
    ("client disconnected", "customer_hung_up"),
    ("remote party", "customer_hung_up"),
    ("user hung up", "customer_hung_up"),
    ("user ended", "customer_hung_up"),
    ("hung up", "customer_hung_up"),
    ("quota", "limit_or_payment"),
    ("credit", "limit_or_payment"),
    ("concurrency", "limit_or_payment"),
    ("llm", "provider_error"),
    ("error", "platform_error"),
)
"""Words in reasons, in lower case, and their meaning; the first that occurs counts."""
_FAILURES = {"busy": "busy", "no-answer": "no_answer", "rejected": "declined", "unknown": "carrier_failed"}
_WAITS = {
    "asr": "convai_turn_asr_latency",
    "endpointing": "convai_turn_silence_before_initiation",
    "llm": "convai_llm_service_ttfb",
    "tts": "convai_tts_service_ttfb",
    "e2e": "convai_ttf_audio_since_silence",
}
_TO_MS = 1_000.0


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a post-call webhook of ElevenLabs.

    Raises:
        RefusedDeliveryError: it has no type, or does not name a conversation.
    """
    whole = Payload(payload)
    event = event_of(whole, "type")
    if event not in {"post_call_transcription", "call_initiation_failure"}:
        return nothing(event)
    data = whole.part("data")
    data.withhold("metadata.phone_call.external_number", "metadata.phone_call.agent_number", "user_id")
    data.withhold(
        *(f"metadata.body.{name}" for name in ("To", "From", "Called", "Caller", "to_number", "from_number"))
    )
    variables = data.part("conversation_initiation_client_data.dynamic_variables")
    data.withhold(*(f"conversation_initiation_client_data.dynamic_variables.{name}" for name in _NUMBERS))
    call = call_of(data, NAME, Role.PLATFORM, variables.identifier("call_id"), "conversation_id")
    at = whole.moment("event_timestamp")
    if event == "call_initiation_failure":
        facts = _failure(data, at) | own_fields(variables)
        return told(whole, call, Word(event, ANALYSED, facts, at, final=True, live="ended"))
    results = data.named("analysis.data_collection_results", "data_collection_id", "value")
    start = data.moment("metadata.start_time_unix_secs")
    turns = _turns(data, call, start)
    facts = _facts(data, start, turns) | own_fields(variables, results)
    return told(whole, call, Word(event, ANALYSED, facts, at, final=True, live="ended", turns=turns))


_NUMBERS = ("system__caller_id", "system__called_number")


def ending_of_reason(reason: str) -> str:
    """Return our ending for ElevenLabs' text about how a conversation ended."""
    text = reason.lower()
    return first(name for word, name in _WORDS if word in text) or "unknown"


def _facts(data: Payload, start: datetime | None, turns: tuple[TurnMetrics, ...]) -> Facts:
    data.known(
        "analysis", "transcript", "has_audio", "has_user_audio", "has_response_audio", "has_auxiliary_audio"
    )
    data.known(
        "metadata", "conversation_initiation_client_data", "user_id", "branch_id", "agent_name", "tag_ids"
    )
    data.known("environment", "visited_agents", "conversation_product", "otlp_traces")
    metadata = data.part("metadata")
    seconds = metadata.seconds("call_duration_secs")
    phone = metadata.part("phone_call")
    direction = phone.text("direction")
    return (
        means(turns)
        | _end(data)
        | {
            "start_time": start,
            "answered_at": metadata.moment("accepted_time_unix_secs"),
            "end_time": ended(start, seconds),
            "direction": direction if direction in {"inbound", "outbound"} else "inbound",
            "language": metadata.text("main_language", 32),
            "agent": data.text("agent_id"),
            "agent_version": data.text("version_id", 64),
            "campaign": metadata.text("batch_call.batch_call_id"),
            "provider_call_id": phone.identifier("call_sid") or data.identifier("conversation_id"),
            "telephony": telephony(
                phone.text("type"), phone.get("agent_number") if direction == "outbound" else None
            ),
            "metadata": None if direction else {"channel": "web"},
            "cost": _cost(metadata),
            "usage": _usage(metadata.part("charging")) or None,
            "total_turns": len(turns) or None,
            "interruptions": sum(turn.interrupted for turn in turns) if turns else None,
        }
    )


def _end(data: Payload) -> Facts:
    failed = data.text("status") == "failed"
    reason = data.reason("metadata.termination_reason") or data.reason("metadata.error.reason")
    name = ending_of_reason(reason) if reason else "platform_error" if failed else None
    if failed and name == "unknown":
        name = "platform_error"
    return ending(name, reason, failed=failed) | {
        "handoff_triggered": True if name == "transferred" else None
    }


def _cost(metadata: Payload) -> Facts | None:
    parts = {
        "llm": metadata.amount("charging.llm_price"),
        "platform": metadata.amount("charging.platform_price"),
    }
    return cost("USD", parts, metadata.amount("cost_fiat"))


def _usage(charging: Payload) -> list[Facts]:
    """Return what was used of the models, the voice and the transcription."""
    path = "llm_usage.irreversible_generation.model_usage"
    models = charging.get(path)
    found: list[Facts] = []
    for model, content in models.items() if isinstance(models, Mapping) else ():
        if isinstance(content, Mapping):
            used = charging.inner(path, content)
            fresh, written, cached = (
                used.count(f"{name}.tokens") for name in ("input", "input_cache_write", "input_cache_read")
            )
            known = [tokens for tokens in (fresh, written, cached) if tokens is not None]
            tokens = {"input_tokens": sum(known) if known else None, "cached_tokens": cached}
            output = used.count("output_total.tokens")
            found.append({"kind": "llm", "model": str(model)[:128], **tokens, "output_tokens": output})
    characters = charging.count("tts_usage.total_characters")
    seconds = charging.seconds("asr_usage.total_audio_input_seconds")
    model = charging.text("tts_usage.primary_tts_model")
    if characters is not None:
        found.append({"kind": "tts", "provider": NAME, "model": model, "characters": characters})
    if seconds is not None:
        found.append({"kind": "asr", "provider": NAME, "audio_seconds": seconds})
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def _turns(data: Payload, call: Call, start: datetime | None) -> tuple[TurnMetrics, ...]:
    """Return the agent's answers to the lead as turns; its greeting is not one."""
    items = (
        ("lead" if item.text("role") == "user" else "agent", item)
        for item in data.parts("transcript", MOST_TURNS)
    )
    found = (
        _turn(asked, answers, call, number, start)
        for number, (asked, answers) in enumerate(exchanges(items), 1)
    )
    return known_turns(found)


def _turn(
    asked: Sequence[Payload], answers: Sequence[Payload], call: Call, number: int, start: datetime | None
) -> TurnMetrics | None:
    answer = answers[0]
    tools = [tool for one in answers for tool in _tools(one)]
    speech = Speech(words_of(asked, "message"), words_of(answers, "message"), tools=tools)
    metrics = answer.part("conversation_turn_metrics.metrics")
    waits = {ours: metrics.milliseconds(f"{theirs}.elapsed_time", _TO_MS) for ours, theirs in _WAITS.items()}
    return turn_of(
        call,
        number,
        waits,
        start=ended(start, asked[0].seconds("time_in_call_secs")),
        interrupted=answer.flag("interrupted") or False,
        speech=speech,
    )


def _tools(answer: Payload) -> Iterator[ToolCall]:
    for result in answer.parts("tool_results", MOST_TOOL_CALLS):
        if name := result.text("tool_name"):
            took = result.milliseconds("tool_latency_secs", _TO_MS)
            yield ToolCall(name=name, ms=took, ok=not result.flag("is_error"))


def _failure(data: Payload, at: datetime | None) -> Facts:
    """Return the facts of a call nobody answered; the webhook's time is used, as there is no other."""
    data.known("metadata")
    reason = data.reason("failure_reason")
    code = data.count("metadata.body.SipResponseCode") or data.count("metadata.body.sip_status_code")
    known = _FAILURES.get((reason or "").lower()) if reason != "unknown" else None
    name = known or by_sip(code) or by_word(reason) or "carrier_failed"
    started = data.moment("metadata.body.Timestamp") or at
    return ending(name, reason, answered=False) | {
        "start_time": started,
        "end_time": started,
        "direction": "outbound",
        "agent": data.text("agent_id"),
        "provider_call_id": first(
            data.identifier(path)
            for path in ("metadata.body.CallSid", "metadata.body.call_sid", "conversation_id")
        ),
        "telephony": telephony(data.text("metadata.type")),
    }
