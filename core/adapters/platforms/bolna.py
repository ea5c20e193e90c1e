"""Bolna: one webhook for each status of an execution, each containing all of it.

Fields are those of bolna.ai/docs/api-reference/executions/payload, statuses those of
bolna.ai/docs/list-phone-call-status, reasons those of bolna.ai/docs/post-call/termination-reasons and of the
open-source bolna (``HangupReason``). Waits are in milliseconds, amounts in US cents, times in UTC.

The status ``completed`` means that the call was processed, not that anybody talked: without a conversation,
the call was not answered, for the reason that the carrier gave.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload
from core.adapters.reporting import (
    ANALYSED,
    ANSWERED,
    ENDED,
    RINGING,
    STARTED,
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
from core.adapters.turns import MOST_TURNS, known_turns, means, turn_of
from core.models.calls.reports import Role
from core.models.metrics import TurnMetrics

NAME = "bolna"
_STAGES = {
    "initiated": STARTED,
    "ringing": RINGING,
    "in-progress": ANSWERED,
    "call-disconnected": ENDED,
    "completed": ANALYSED,
    "no-answer": ANALYSED,
    "busy": ANALYSED,
    "failed": ANALYSED,
    "canceled": ANALYSED,
    "stopped": ANALYSED,
    "error": ANALYSED,
    "balance-low": ANALYSED,
}
_STATUSES = {
    "no-answer": "no_answer",
    "busy": "busy",
    "failed": "carrier_failed",
    "canceled": "cancelled",
    "stopped": "cancelled",
    "error": "platform_error",
    "balance-low": "limit_or_payment",
}
_ENDINGS = {
    "llm_prompted_hangup": "agent_goodbye",
    "end_call_tool": "agent_goodbye",
    "voicemail_detected": "voicemail",
    "inactivity_timeout": "silence",
    "web_call_max_duration_reached": "max_duration",
    "max_duration_reached": "max_duration",
    "transcriber_error": "provider_error",
    "transcriber_connection_error": "provider_error",
    "synthesizer_error": "provider_error",
    "llm_error": "provider_error",
    "s2s_error": "provider_error",
    "balance_low": "limit_or_payment",
    "call_transferred": "transferred",
    "end_of_xml_instructions": "agent_goodbye",
    "max_call_duration_reached": "max_duration",
    "canceled_out_of_credits": "limit_or_payment",
}
_HUNG_UP_BY = {
    "callee": "customer",
    "caller": "customer",
    "user": "customer",
    "api_request": "agent",
    "agent": "agent",
    "bolna": "agent",
    "carrier": "carrier",
    "plivo": "carrier",
    "error": "carrier",
}
_COSTS = {
    "asr": "transcriber",
    "llm": "llm",
    "tts": "synthesizer",
    "telephony": "network",
    "platform": "platform",
}
_CENT = 0.01


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a webhook of Bolna.

    Raises:
        RefusedDeliveryError: it has no status, or does not name an execution.
    """
    whole = Payload(payload)
    status = event_of(whole, "status")
    stage = _STAGES.get(status)
    if stage is None:
        return nothing(status)
    _know(whole)
    own = tuple(
        whole.part(path) for path in ("user_data", "context_details.recipient_data", "context_details")
    )
    call = call_of(whole, NAME, Role.PLATFORM, first(part.identifier("call_id") for part in own), "id")
    facts = _facts_of_call(whole) | own_fields(*own, whole.part("extracted_data"))
    at = whole.moment("updated_at")
    if stage < ENDED:
        return told(whole, call, Word(status, stage, facts, at, live="started"))
    if stage == ENDED:  # ending, duration and cost come later
        return told(whole, call, Word(status, stage, facts, at, live="ended"))
    turns = _turns(whole.part("latency_data"), call)
    facts |= _end(whole, status) | _outcome(whole, turns)
    return told(whole, call, Word(status, stage, facts, at, final=True, live="ended", turns=turns))


def ending_of_reason(reason: str) -> str:
    """Return our ending for a reason of Bolna, or for one it passes on from a carrier."""
    word = "_".join(
        reason.lower().replace("-", " ").replace("(", " ").replace(")", " ").replace("_", " ").split()
    )
    return _ENDINGS.get(word) or by_word(word) or "unknown"


def _know(whole: Payload) -> None:
    whole.withhold(
        "telephony_data.to_number", "telephony_data.from_number", "context_details.recipient_phone_number"
    )
    whole.withhold(
        "user_number", "agent_number", "transfer_call_data.to_number", "transfer_call_data.from_number"
    )
    whole.known(
        "transcript", "summary", "extracted_data", "agent_extraction", "error_message", "context_details"
    )
    whole.known(
        "user_data", "usage_breakdown", "cost_breakdown", "total_cost", "latency_data", "telephony_data"
    )
    whole.known("batch_run_details", "transfer_call_data", "answered_by_voice_mail", "conversation_duration")
    whole.known(
        "conversation_time",
        "termination_reason",
        "provider",
        "workflow_retries",
        "retry_count",
        "retry_config",
    )
    whole.known(
        "rescheduled_at", "scheduled_at", "deleted", "smart_status", "custom_extractions", "campaign_id"
    )


def _facts_of_call(whole: Payload) -> Facts:
    data = whole.part("telephony_data")
    kind = data.text("call_type")
    facts: Facts = {
        "start_time": whole.moment("initiated_at") or whole.moment("created_at"),
        "direction": kind if kind in {"inbound", "outbound"} else None,
        "agent": whole.text("agent_id"),
        "campaign": whole.text("batch_id"),
        "provider_call_id": data.identifier("provider_call_id") or whole.identifier("id"),
        "telephony": telephony(
            data.text("provider") or whole.text("provider"),
            data.get("from_number") if kind == "outbound" else None,
        ),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _end(whole: Payload, status: str) -> Facts:
    data = whole.part("telephony_data")
    talked = whole.number("conversation_duration") or whole.number("conversation_time")
    answered = True if talked else False if status == "completed" else None
    raw = whole.reason("termination_reason") or data.reason("hangup_reason")
    by = "_".join((data.text("hangup_by") or "").lower().split())
    end_reason = ending_of_reason(raw) if raw else None
    if whole.flag("answered_by_voice_mail"):
        end_reason = "voicemail"
    elif whole.text("transfer_call_data.provider_call_id") or whole.text("transfer_call_data.status"):
        end_reason = "transferred"
    elif end_reason in {None, "unknown"}:
        end_reason = _STATUSES.get(status) or _by_whom(by, end_reason)
    if answered is False and end_reason in {None, "unknown"}:
        end_reason = "no_answer"
    facts = ending(end_reason, raw or (None if status == "completed" else status), answered=answered)
    facts["hangup_by"] = facts["hangup_by"] or _HUNG_UP_BY.get(by)
    return facts | {
        "duration_seconds": talked,
        "talk_seconds": talked,
        "ring_seconds": data.seconds("ring_duration"),
        "handoff_triggered": True if end_reason == "transferred" else None,
    }


def _by_whom(hung_up_by: str, end_reason: str | None) -> str | None:
    known = {"customer": "customer_hung_up", "agent": "agent_goodbye"}
    return known.get(_HUNG_UP_BY.get(hung_up_by, ""), end_reason)


def _outcome(whole: Payload, turns: tuple[TurnMetrics, ...]) -> Facts:
    breakdown = whole.part("cost_breakdown")
    parts = {ours: breakdown.amount(theirs, _CENT) for ours, theirs in _COSTS.items()}
    return means(turns) | {
        "total_turns": len(turns) or None,
        "cost": cost("USD", parts, whole.amount("total_cost", _CENT)),
        "usage": _usage(whole.part("usage_breakdown")) or None,
        "links": links(recording=whole.link("telephony_data.recording_url")),
    }


def _usage(used: Payload) -> list[Facts]:
    """Return what was used of the models, step by step (conversation, extraction …), and of the voice."""
    steps = used.get("llm_usage_breakdown")
    found: list[Facts] = []
    for name, content in steps.items() if isinstance(steps, Mapping) else ():
        if isinstance(content, Mapping):
            step = used.inner(f"llm_usage_breakdown.{name}", content)
            provider, model = step.text("provider"), step.text("model")
            model = model.removeprefix(f"{provider}/") if model else None
            tokens = {"input_tokens": step.count("input"), "output_tokens": step.count("output")}
            found.append({"kind": "llm", "provider": provider, "model": model, **tokens})
    for kind, name, field, amount in (
        ("tts", "synthesizer", "characters", used.count("synthesizer_characters")),
        ("asr", "transcriber", "audio_seconds", used.seconds("transcriber_duration")),
    ):
        if amount is not None:
            service = {"provider": used.text(f"{name}_provider"), "model": used.text(f"{name}_model")}
            found.append({"kind": kind, **service, field: amount})
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def _turns(latency: Payload, call: Call) -> tuple[TurnMetrics, ...]:
    waits: dict[int, dict[str, float | None]] = {}
    for name, service in (("llm", "llm"), ("tts", "synthesizer")):
        for index, part in enumerate(latency.parts(f"{service}.turns", MOST_TURNS), 1):
            wait = part.milliseconds("time_to_first_token")
            waits.setdefault(_number(part, index), {}).setdefault(name, wait)
    for index, part in enumerate(latency.parts("transcriber.turns", MOST_TURNS), 1):
        last = [one.milliseconds("audio_to_text_latency") for one in part.parts("turn_latency", 100)]
        waits.setdefault(_number(part, index), {}).setdefault("asr", first(reversed(last)))
    found = (turn_of(call, number, known) for number, known in sorted(waits.items()) if number)
    return known_turns(found)


def _number(part: Payload, index: int) -> int:
    """Return a turn's number; 0 if nobody waited, as for the greeting and for what else was said unasked.

    Bolna numbers the latter -1, and a turn that is spoken in several pieces more than once.
    """
    if (part.text("turn") or "").startswith("-"):
        return 0
    number = part.count("turn")
    return index if number is None or number > MOST_TURNS else number
