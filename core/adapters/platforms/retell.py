"""Retell: call webhooks ``call_started``, ``call_ended``, ``call_analyzed`` and those about transfers.

Fields and the 34 disconnection reasons are those of ``PhoneCallResponse`` in Retell's SDK for Python, 5.60.0,
the events those of docs.retellai.com/features/webhook-overview. Waits are in milliseconds, amounts in US
cents. ``call_started`` is not sent if dialling failed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended
from core.adapters.reporting import (
    ANALYSED,
    ANSWERED,
    ENDED,
    TALKING,
    Call,
    Facts,
    Word,
    call_of,
    cost,
    ending,
    event_of,
    first,
    links,
    nothing,
    own_fields,
    telephony,
    told,
)
from core.adapters.turns import MOST_TURNS, Speech, exchanges, known_turns, length_ms, mean, turn_of, words_of
from core.models.calls.reports import Role
from core.models.metrics import TurnMetrics

NAME = "retell"
_STAGES = {
    "call_started": ANSWERED,
    "transfer_started": TALKING,
    "transfer_bridged": TALKING,
    "transfer_cancelled": TALKING,
    "call_ended": ENDED,
    "transfer_ended": ENDED,
    "call_analyzed": ANALYSED,
}
_ENDINGS = {
    "user_hangup": "customer_hung_up",
    "agent_hangup": "agent_goodbye",
    "call_transfer": "transferred",
    "transfer_bridged": "transferred",
    "call_take_over": "transferred",
    "voicemail_reached": "voicemail",
    "ivr_reached": "ivr",
    "inactivity": "silence",
    "max_duration_reached": "max_duration",
    "dial_busy": "busy",
    "dial_no_answer": "no_answer",
    "user_declined": "declined",
    "dial_failed": "carrier_failed",
    "telephony_provider_permission_denied": "carrier_failed",
    "telephony_provider_unavailable": "carrier_failed",
    "sip_routing_error": "carrier_failed",
    "invalid_destination": "invalid_number",
    "marked_as_spam": "spam_blocked",
    "scam_detected": "spam_blocked",
    "concurrency_limit_reached": "limit_or_payment",
    "no_concurrency_fallback": "limit_or_payment",
    "no_valid_payment": "limit_or_payment",
    "error_no_audio_received": "no_audio",
    "error_asr": "provider_error",
    "error_llm_websocket_open": "provider_error",
    "error_llm_websocket_lost_connection": "provider_error",
    "error_llm_websocket_runtime": "provider_error",
    "error_llm_websocket_corrupt_payload": "provider_error",
    "error_retell": "platform_error",
    "error_unknown": "platform_error",
    "error_user_not_joined": "configuration",
    "registered_call_timeout": "configuration",
    "manual_stopped": "cancelled",
    "transfer_cancelled": "cancelled",
}
_SENTIMENTS = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_PRODUCTS = (
    ("telephony", "telephony"),
    ("twilio", "telephony"),
    ("tts", "tts"),
    ("voice", "tts"),
    ("asr", "asr"),
    ("transcri", "asr"),
    ("gpt", "llm"),
    ("claude", "llm"),
    ("gemini", "llm"),
    ("llm", "llm"),
    ("retell", "platform"),
)
"""Words in the names of products, and the part of the cost they mean; any other is ``other``."""
_CENT = 0.01
MOST_WORDS = 2_000
"""Of what one side says before the other does."""


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a webhook of Retell.

    Raises:
        RefusedDeliveryError: it has no event, or does not name a call.
    """
    whole = Payload(payload)
    event = event_of(whole, "event")
    stage = _STAGES.get(event)
    if stage is None:
        return nothing(event)
    said = whole.part("call")
    _know(whole, said)
    own = said.part("metadata"), said.part("retell_llm_dynamic_variables")
    call = call_of(said, NAME, Role.PLATFORM, first(part.identifier("call_id") for part in own), "call_id")
    outcome = said.part("call_analysis.custom_analysis_data"), said.part("collected_dynamic_variables")
    facts = _facts_of_call(said) | own_fields(*own, *outcome)
    if event in {"transfer_started", "transfer_bridged"}:
        facts["handoff_triggered"] = True
    at = whole.moment("event_timestamp")
    if stage < ENDED:
        return told(whole, call, Word(event, stage, facts, at, live="started"))
    end = said.moment("end_timestamp")
    turns = _turns(said, call)
    facts |= _end(said) | _outcome(said, turns) | {"end_time": end}
    final = stage == ANALYSED
    return told(whole, call, Word(event, stage, facts, at or end, final=final, live="ended", turns=turns))


def ending_of_reason(reason: str) -> str:
    """Return our ending for one of Retell's reasons."""
    return _ENDINGS.get(reason, "unknown")


def _know(whole: Payload, said: Payload) -> None:
    said.withhold("from_number", "to_number")
    whole.known("transfer_destination", "transfer_option")
    said.known(
        "transcript", "transcript_object", "transcript_with_tool_calls", "scrubbed_transcript_with_tool_calls"
    )
    said.known(
        "agent_name", "agent_tag", "call_analysis", "call_cost", "latency", "llm_token_usage", "call_type"
    )
    said.known(
        "metadata", "retell_llm_dynamic_variables", "collected_dynamic_variables", "custom_sip_headers"
    )
    said.known(
        "data_storage_setting", "opt_in_signed_url", "opt_out_sensitive_data_storage", "telephony_identifier"
    )
    said.known(
        "knowledge_base_retrieved_contents_url", "recording_multi_channel_url", "scrubbed_recording_url"
    )
    said.known("scrubbed_recording_multi_channel_url", "duration_ms", "call_status", "disconnection_reason")
    said.known("end_timestamp", "transfer_end_timestamp", "access_token", "recording_url", "public_log_url")


def _facts_of_call(said: Payload) -> Facts:
    direction = said.text("direction")
    web = said.text("call_type") == "web_call"
    twilio = said.identifier("telephony_identifier.twilio_call_sid")
    facts: Facts = {
        "start_time": said.moment("start_timestamp"),
        "direction": "inbound" if web else direction if direction in {"inbound", "outbound"} else None,
        "agent": said.text("agent_id"),
        "agent_version": said.text("agent_version", 64),
        "provider_call_id": twilio or said.identifier("call_id"),
        "telephony": telephony(
            "twilio" if twilio else None, said.get("from_number") if direction == "outbound" else None
        ),
        "metadata": {"channel": "web"} if web else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _end(said: Payload) -> Facts:
    reason = said.text("disconnection_reason", 200)
    end_reason = ending_of_reason(reason) if reason else None
    if said.flag("call_analysis.in_voicemail"):
        end_reason = "voicemail"
    connected = said.text("call_status")
    answered = {"not_connected": False, "ended": True}.get(connected or "")
    facts = ending(end_reason, reason, answered=answered, failed=connected == "error")
    return facts | {"handoff_triggered": True if end_reason == "transferred" else None}


def _outcome(said: Payload, turns: tuple[TurnMetrics, ...]) -> Facts:
    mood = said.text("call_analysis.user_sentiment")
    waits = {
        f"{name}_latency_ms": mean(_waits(said, f"latency.{name}.values"))
        for name in ("asr", "llm", "tts", "e2e")
    }
    return {
        **waits,
        "total_turns": len(turns) or None,
        "sentiment_score": _SENTIMENTS.get((mood or "").lower()),
        "cost": _cost(said),
        "links": links(recording=said.link("recording_url"), trace=said.link("public_log_url")),
    }


def _waits(said: Payload, path: str) -> list[float]:
    values = said.get(path)
    known = values[:MOST_TURNS] if isinstance(values, list) else []
    # Payload checks each of them like any other number.
    return [wait for value in known if (wait := Payload({"ms": value}).milliseconds("ms")) is not None]


def _turns(said: Payload, call: Call) -> tuple[TurnMetrics, ...]:
    """Return turns from the end-to-end waits; services are added if they have one wait per turn."""
    e2e = _waits(said, "latency.e2e.values")
    services = {name: _waits(said, f"latency.{name}.values") for name in ("asr", "llm", "tts")}
    of_each = {name: waits for name, waits in services.items() if len(waits) == len(e2e)}
    items = (
        ("lead" if one.text("role") == "user" else "agent", one)
        for one in said.parts("transcript_object", MOST_TURNS)
    )
    talks = exchanges(items)
    # What was said names no turn: of which it is is known where there are as many.
    speeches = [_speech(*one) for one in talks] if len(talks) == len(e2e) else [(None, None)] * len(e2e)
    begin = said.moment("start_timestamp")
    found = (
        turn_of(
            call,
            number,
            {"e2e": whole} | {name: waits[number - 1] for name, waits in of_each.items()},
            start=ended(begin, second),
            speech=speech,
        )
        for number, (whole, (second, speech)) in enumerate(zip(e2e, speeches, strict=True), 1)
    )
    return known_turns(found)


def _speech(asked: Sequence[Payload], answers: Sequence[Payload]) -> tuple[float | None, Speech]:
    """Return in which second of the call the lead began to speak, and who said what for how long."""
    spans = _span(asked), _span(answers)
    words = words_of(asked, "content"), words_of(answers, "content")
    speech = Speech(*words, length_ms(*spans[0]), length_ms(*spans[1]))
    return spans[0][0], speech


def _span(part: Sequence[Payload]) -> tuple[float | None, float | None]:
    """Return the second in which the first word begins, and the one in which the last word ends."""
    words = [word for one in part for word in one.parts("words", MOST_WORDS)]
    return (words[0].number("start"), words[-1].number("end")) if words else (None, None)


def _cost(said: Payload) -> Facts | None:
    parts: dict[str, float] = {}
    for product in said.parts("call_cost.product_costs", 200):
        amount = product.amount("cost", _CENT)
        if amount is not None:
            part = _part_of((product.text("product") or "").lower())
            parts[part] = round(parts.get(part, 0.0) + amount, 6)
    whole = said.amount("call_cost.combined_cost", _CENT)
    return cost("USD", parts, whole)


def _part_of(product: str) -> str:
    return first(part for word, part in _PRODUCTS if word in product) or "other"
