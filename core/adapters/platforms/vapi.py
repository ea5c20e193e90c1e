"""Vapi: server messages ``status-update`` and ``end-of-call-report``.

Fields and the 571 ended reasons are those of Vapi's server SDK for TypeScript, 2.0.0
(``ServerMessageStatusUpdate``, ``ServerMessageEndOfCallReport``, ``Call``, ``PerformanceMetrics``,
``CostBreakdown``). Waits are in milliseconds, amounts in US dollars.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.adapters.delivery import Delivery
from core.adapters.payload import Payload
from core.adapters.reporting import (
    ANALYSED,
    ANSWERED,
    ENDED,
    RINGING,
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
from core.adapters.turns import (
    MOST_TURNS,
    Speech,
    exchanges,
    known_turns,
    length_ms,
    means,
    turn_of,
    words_of,
)
from core.models.calls.reports import Role
from core.models.metrics import TurnMetrics

NAME = "vapi"
_STAGES = {"ringing": RINGING, "in-progress": ANSWERED, "forwarding": TALKING, "ended": ENDED}
_ENDINGS = {
    "assistant-request-returned-forwarding-phone-number": "transferred",
    "assistant-forwarded-call": "transferred",
    "call.ending.hook-executed-transfer": "transferred",
    "call.ringing.hook-executed-transfer": "transferred",
    "call.ending.hook-executed-say": "agent_goodbye",
    "call.ringing.hook-executed-say": "agent_goodbye",
    "assistant-said-end-call-phrase": "agent_goodbye",
    "assistant-join-timed-out": "platform_error",
    "assistant-not-found": "configuration",
    "assistant-not-valid": "configuration",
    "call-start-error-neither-assistant-nor-server-set": "configuration",
    "call.start.error-vapi-number-outbound-daily-limit": "limit_or_payment",
    "call-deleted": "cancelled",
    "scheduled-call-deleted": "cancelled",
    "manually-canceled": "cancelled",
    "call.in-progress.error-warm-transfer-assistant-cancelled": "cancelled",
    "call.in-progress.error-warm-transfer-max-duration": "max_duration",
    "exceeded-max-duration": "max_duration",
    "call.in-progress.error-warm-transfer-silence-timeout": "silence",
    "silence-timed-out": "silence",
    "call.in-progress.error-warm-transfer-microphone-timeout": "no_audio",
    "call.in-progress.error-assistant-did-not-receive-customer-audio": "no_audio",
    "customer-did-not-give-microphone-permission": "no_audio",
    "call.in-progress.error-transfer-failed": "carrier_failed",
    "call.ringing.sip-inbound-caller-hungup-before-call-connect": "customer_hung_up",
    "customer-busy": "busy",
    "customer-did-not-answer": "no_answer",
    "twilio-reported-customer-misdialed": "invalid_number",
    "vonage-disconnected": "carrier_failed",
    "vonage-rejected": "declined",
    "voicemail": "voicemail",
    "worker-shutdown": "platform_error",
}
_BEGINNINGS = (
    ("customer-ended-call", "customer_hung_up"),
    ("assistant-ended-call", "agent_goodbye"),
    ("assistant-request-", "configuration"),
    ("phone-call-provider-", "carrier_failed"),
    ("pipeline-error-", "provider_error"),
    ("call.in-progress.error-pipeline-", "provider_error"),
    ("call.start.error-subscription-", "limit_or_payment"),
    ("call.start.error-get-", "platform_error"),
    ("call.start.error-", "configuration"),
)
_WITHIN = (
    ("vapifault", "platform_error"),
    ("providerfault", "provider_error"),
    ("failed-to-connect", "carrier_failed"),
)
_OWN = (
    "call.metadata",
    "call.assistantOverrides.metadata",
    "call.assistantOverrides.variableValues",
    "artifact.variableValues",
    "assistant.metadata",
)
"""Where a user's own fields of a call may be."""
_WAITS = {
    "asr": "transcriberLatency",
    "endpointing": "endpointingLatency",
    "llm": "modelLatency",
    "tts": "voiceLatency",
    "e2e": "turnLatency",
}
_WHO = {"user": "lead", "bot": "agent", "assistant": "agent"}
_COSTS = {
    "asr": "stt",
    "llm": "llm",
    "tts": "tts",
    "telephony": "transport",
    "platform": "vapi",
    "other": "chat",
}


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a server message of Vapi.

    Raises:
        RefusedDeliveryError: it has no type, or does not name a call.
    """
    whole = Payload(payload)
    message = whole.part("message")
    event = event_of(message, "type")
    if event == "status-update":
        status = event_of(message, "status")
        stage = _STAGES.get(status)
        event = f"status-update {status}"
    else:
        stage = ANALYSED if event == "end-of-call-report" else None
    if stage is None:
        return nothing(event)
    _know(message)
    own = tuple(message.part(path) for path in _OWN)
    call = call_of(message, NAME, Role.PLATFORM, first(part.identifier("call_id") for part in own), "call.id")
    facts = _facts_of_call(message) | own_fields(*own)
    if stage < ENDED:
        return told(whole, call, Word(event, stage, facts, message.moment("timestamp"), live="started"))
    turns = _turns(message, call) if stage == ANALYSED else ()
    facts |= _end(message) | _outcome(message, turns)
    final = stage == ANALYSED
    return told(
        whole,
        call,
        Word(event, stage, facts, message.moment("timestamp"), final=final, live="ended", turns=turns),
    )


def ending_of_reason(reason: str) -> str:
    """Return our ending for one of Vapi's reasons."""
    known = _ENDINGS.get(reason)
    if known is None:
        known = first(name for word, name in _WITHIN if word in reason)
    if known is None:
        known = first(name for word, name in _BEGINNINGS if reason.startswith(word))
    return known or "unknown"


def _know(message: Payload) -> None:
    message.withhold(
        "call.customer.number", "customer.number", "phoneNumber.number", "call.phoneNumber.number"
    )
    message.withhold("destination.number", "call.destination.number", "phoneNumber.twilioPhoneNumber")
    message.known(
        "call", "customer", "phoneNumber", "destination", "artifact", "assistant", "chat", "messages"
    )
    message.known("messagesOpenAIFormatted", "transcript", "summary", "recordingUrl", "stereoRecordingUrl")
    message.known("cost", "costs", "costBreakdown", "analysis", "compliance", "durationSeconds", "durationMs")
    message.known(
        "durationMinutes", "inboundPhoneCallDebuggingArtifacts", "startedAt", "endedAt", "endedReason"
    )


def _facts_of_call(message: Payload) -> Facts:
    kind = message.text("call.type")
    facts: Facts = {
        "start_time": _started(message),
        "direction": "outbound" if kind == "outboundPhoneCall" else "inbound" if kind else None,
        "agent": message.text("call.assistantId") or message.text("assistant.id"),
        "campaign": message.text("call.campaignId"),
        "provider_call_id": message.identifier("call.phoneCallProviderId") or message.identifier("call.id"),
        "telephony": telephony(
            message.text("call.phoneCallProvider"),
            message.get("phoneNumber.number") if kind == "outboundPhoneCall" else None,
        ),
        "metadata": {"channel": "web"} if kind in {"webCall", "vapi.websocketCall"} else None,
    }
    language = message.text("assistant.transcriber.language", 32)
    if language and language != "multi":
        facts["language"] = language
    return {name: value for name, value in facts.items() if value is not None}


def _started(message: Payload) -> object:
    paths = "startedAt", "call.startedAt", "call.createdAt"
    return first(message.moment(path) for path in paths)


def _end(message: Payload) -> Facts:
    reason = message.text("endedReason", 200) or message.text("call.endedReason", 200)
    ending_name = ending_of_reason(reason) if reason else None
    # Vapi does not say when the call was answered; only the reason shows that the lead was there.
    unanswered = reason == "call.ringing.sip-inbound-caller-hungup-before-call-connect"
    facts = ending(ending_name, reason, answered=False if unanswered else None)
    if reason == "customer-did-not-give-microphone-permission":
        facts["fault"] = "customer"
    moved = ending_name == "transferred" or isinstance(message.get("destination"), Mapping)
    return facts | {
        "end_time": message.moment("endedAt") or message.moment("call.endedAt"),
        "handoff_triggered": True if moved else None,
    }


def _outcome(message: Payload, turns: tuple[TurnMetrics, ...]) -> Facts:
    metrics = message.part("artifact.performanceMetrics")
    averages = {
        "asr_latency_ms": metrics.milliseconds("transcriberLatencyAverage"),
        "llm_latency_ms": metrics.milliseconds("modelLatencyAverage"),
        "tts_latency_ms": metrics.milliseconds("voiceLatencyAverage"),
        "e2e_latency_ms": metrics.milliseconds("turnLatencyAverage"),
    }
    of_turns = means(turns)
    facts: Facts = {name: of_turns[name] if value is None else value for name, value in averages.items()}
    structured = (
        message.part("analysis.structuredData"),
        message.named("artifact.structuredOutputs", "name", "result"),
    )
    return (
        facts
        | own_fields(*structured)
        | {
            "total_turns": len(turns) or None,
            "interruptions": metrics.count("numAssistantInterrupted"),
            "agent_interruptions": metrics.count("numUserInterrupted"),
            "cost": _cost(message),
            "usage": _usage(message) or None,
            "links": links(
                recording=message.link("artifact.recordingUrl") or message.link("recordingUrl"),
                trace=message.link("artifact.logUrl"),
            ),
        }
    )


def _turns(message: Payload, call: Call) -> tuple[TurnMetrics, ...]:
    waits = message.parts("artifact.performanceMetrics.turnLatencies", MOST_TURNS)
    items = (
        (_WHO[by], item)
        for item in message.parts("artifact.messages", MOST_TURNS)
        if (by := item.text("role")) in _WHO
    )
    said = exchanges(items)
    # The messages name no turn: of which they are is known where there are as many.
    speeches = [_speech(*one) for one in said] if len(said) == len(waits) else [(None, None)] * len(waits)
    found = (
        turn_of(
            call,
            number,
            {ours: part.milliseconds(theirs) for ours, theirs in _WAITS.items()},
            start=start,
            speech=speech,
        )
        for number, (part, (start, speech)) in enumerate(zip(waits, speeches, strict=True), 1)
    )
    return known_turns(found)


def _speech(asked: Sequence[Payload], answers: Sequence[Payload]) -> tuple[datetime | None, Speech]:
    """Return when the lead began to speak, and who said what for how long."""
    speech = Speech(
        words_of(asked, "message"),
        words_of(answers, "message"),
        length_ms(asked[0].moment("time"), asked[-1].moment("endTime")),
        length_ms(answers[0].moment("time"), answers[-1].moment("endTime")),
    )
    return asked[0].moment("time"), speech


def _cost(message: Payload) -> Facts | None:
    """Return the cost; only the total has all of it, with analysis, knowledge and voicemail detection."""
    whole = message.amount("cost")
    for path in ("costBreakdown", "call.costBreakdown"):
        breakdown = message.part(path)
        parts = {ours: breakdown.amount(theirs) for ours, theirs in _COSTS.items()}
        if cost("USD", parts):
            total = breakdown.amount("total")
            return cost("USD", parts, whole if total is None else total)
    return cost("USD", {}, whole)


def _usage(message: Payload) -> list[Facts]:
    usage = []
    for part in message.parts("costs", 100):
        kind = part.text("type")
        if kind == "model":
            found: Facts = {
                "kind": "llm",
                "provider": part.text("model.provider"),
                "model": part.text("model.model"),
                "input_tokens": part.count("promptTokens"),
                "output_tokens": part.count("completionTokens"),
                "cached_tokens": part.count("cachedPromptTokens"),
            }
        elif kind == "voice":
            found = {
                "kind": "tts",
                "provider": part.text("voice.provider"),
                "model": part.text("voice.model"),
                "characters": part.count("characters"),
            }
        elif kind == "transcriber":
            found = {
                "kind": "asr",
                "provider": part.text("transcriber.provider"),
                "model": part.text("transcriber.model"),
                "audio_seconds": part.number("minutes", 60),
            }
        else:
            continue
        usage.append({name: value for name, value in found.items() if value is not None})
    return usage
