"""Telnyx: webhooks of Call Control.

Events and fields are those of Telnyx's SDK for Python, 4.176.0 (``CallInitiated``, ``CallAnswered``,
``CallMachineDetectionEnded``, ``CallHangup``, ``CallRecordingSaved``, ``CallCostWebhookEvent``). Times are in
UTC. Our own id comes back in ``client_state``, a JSON object with ``call_id`` in base64. A call that is
handed over gets another leg, which counts as a call of its own here.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from core.adapters.causes import by_sip
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload
from core.adapters.reporting import (
    ANALYSED,
    ANSWERED,
    ENDED,
    PRICED,
    STARTED,
    TALKING,
    Facts,
    Word,
    call_of,
    cost,
    ending,
    event_of,
    links,
    nothing,
    own_fields,
    telephony,
    told,
)
from core.models.calls.reports import Role

NAME = "telnyx"
_STAGES = {
    "call.initiated": STARTED,
    "call.answered": ANSWERED,
    "call.bridged": TALKING,
    "call.machine.detection.ended": ENDED + 5,
    "call.machine.premium.detection.ended": ENDED + 5,
    "call.hangup": ENDED,
    "call.recording.saved": ANALYSED,
    "call.cost": PRICED,
}
"""A machine that answered is detected during the call, yet says more about its end than the hangup does."""
_ENDINGS = {
    "call_rejected": "declined",
    "originator_cancel": "cancelled",
    "timeout": "no_answer",
    "no_answer": "no_answer",
    "time_limit": "max_duration",
    "user_busy": "busy",
    "not_found": "invalid_number",
}
_DIRECTIONS = {"incoming": "inbound", "outgoing": "outbound"}
_LONGEST_STATE = 4_096


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a webhook of Telnyx.

    Raises:
        RefusedDeliveryError: it has no type, or does not name a call.
    """
    whole = Payload(payload)
    data = whole.part("data")
    event = event_of(data, "event_type")
    stage = _STAGES.get(event)
    if stage is None:
        return nothing(event)
    said = data.part("payload")
    _know(whole, data, said)
    fields = _state(said)
    call = call_of(said, NAME, Role.CARRIER, fields.identifier("call_id"), "call_control_id", "call_leg_id")
    at = data.moment("occurred_at")
    direction = _DIRECTIONS.get(said.text("direction") or "")
    facts: Facts = {
        "start_time": said.moment("start_time"),
        "direction": direction,
        "provider_call_id": said.identifier("call_control_id") or said.identifier("call_leg_id"),
        "telephony": telephony("telnyx", said.get("from") if direction == "outbound" else None),
    } | own_fields(fields)
    if stage == STARTED:
        facts["start_time"] = facts["start_time"] or at
    elif stage == ANSWERED:
        facts["answered_at"] = at
    elif event == "call.hangup":
        facts |= _end(said) | {"end_time": at}
        return told(whole, call, Word(event, stage, facts, at, final=True, live="ended"))
    elif stage > ENDED:
        facts |= _later(said, stage)
        return told(whole, call, Word(event, stage, facts, at, final=stage == PRICED))
    return told(whole, call, Word(event, stage, facts, at, live="started"))


def ending_of_cause(
    cause: str, source: str | None = None, sip: int | None = None, direction: str = "outbound"
) -> str | None:
    """Return our ending for a hangup cause; None for a normal end by an unknown side."""
    if cause == "normal_clearing":
        lead = "callee" if direction == "outbound" else "caller"
        return (
            None
            if source not in {"caller", "callee"}
            else "customer_hung_up"
            if source == lead
            else "agent_goodbye"
        )
    return _ENDINGS.get(cause) or by_sip(sip) or "unknown"


def _know(whole: Payload, data: Payload, said: Payload) -> None:
    whole.known("meta")
    data.known("id", "record_type", "created_at")
    said.withhold("from", "to", "caller_id_name", "from_sip_uri", "to_sip_uri")
    said.known(
        "call_session_id", "call_leg_id", "connection_id", "client_state", "custom_headers", "sip_headers"
    )
    said.known(
        "call_quality_stats", "state", "tags", "connection_codecs", "offered_codecs", "end_time", "codec"
    )
    said.known(
        "shaken_stir_attestation", "shaken_stir_validated", "call_screening_result", "calling_party_type"
    )
    said.known(
        "sampling_rate", "channels", "recording_started_at", "recording_ended_at", "recording_urls", "status"
    )
    said.known("billed_duration_secs", "billing_group_id", "occurred_at", "recording_id", "format")


def _state(said: Payload) -> Payload:
    """Return the decoded client state; one that is not a JSON object is the user's own and ignored."""
    state: object = None
    text = said.get("client_state")
    if isinstance(text, str) and len(text) <= _LONGEST_STATE:
        try:
            state = orjson.loads(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            state = None
    return said.inner("client_state", state if isinstance(state, dict) else {})


def _end(said: Payload) -> Facts:
    cause = said.text("hangup_cause", 200)
    sip_text = said.text("sip_hangup_cause", 16) or ""
    sip = int(sip_text) if sip_text.isascii() and sip_text.isdigit() else None
    direction = _DIRECTIONS.get(said.text("direction") or "", "outbound")
    name = ending_of_cause(cause, said.text("hangup_source"), sip, direction) if cause else None
    return ending(name, cause)


def _later(said: Payload, stage: int) -> Facts:
    if stage == PRICED:
        parts = said.parts("cost_parts", 50)
        currencies = [part.text("currency", 3) for part in parts]
        said.known("cost_parts")
        currency = (currencies[0] if currencies else None) or "USD"
        return {"cost": cost(currency.upper(), {"telephony": said.amount("total_cost")})}
    if stage == ANALYSED:
        return {
            "links": links(
                recording=said.link("public_recording_urls.mp3") or said.link("public_recording_urls.wav")
            )
        }
    result = said.text("result") or ""
    return ending("voicemail", result) if result.startswith(("machine", "fax")) else {}
