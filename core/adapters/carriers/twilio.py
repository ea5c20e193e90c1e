"""Twilio: the status callbacks of a call.

Fields are those of twilio.com/docs/voice/api/call-resource#statuscallback and of
twilio.com/docs/usage/webhooks/voice-webhooks. No callback contains the price; if something else posts it, it
is in US dollars and negative.

A callback has the time of its event and no other. So a call for which only the last event is requested has no
start: it is taken to begin with the answer, until an earlier event says otherwise.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.adapters.causes import by_sip
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, began
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
    RINGING,
    STARTED,
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

NAME = "twilio"
_STAGES = {
    "initiated": STARTED,
    "ringing": RINGING,
    "in-progress": ANSWERED,
    "answered": ANSWERED,
    "completed": ENDED,
    "busy": ENDED,
    "failed": ENDED,
    "no-answer": ENDED,
    "canceled": ENDED,
}
_STATUSES = {
    "busy": "busy",
    "failed": "carrier_failed",
    "no-answer": "no_answer",
    "canceled": "cancelled",
}


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a status callback of Twilio.

    Raises:
        RefusedDeliveryError: it has no status, or does not name a call.
    """
    whole = Payload(payload)
    status = event_of(whole, "CallStatus").lower()
    stage = _STAGES.get(status)
    if stage is None:
        return nothing(status)
    _know(whole)
    call = call_of(whole, NAME, Role.CARRIER, whole.identifier("call_id"), "CallSid")
    at = whole.moment("Timestamp")
    direction = whole.text("Direction") or ""
    outbound = direction.startswith("outbound")
    facts: Facts = {
        "direction": "outbound" if outbound else "inbound" if direction == "inbound" else None,
        "provider_call_id": whole.identifier("CallSid"),
        "telephony": telephony("twilio", whole.get("From") if outbound else None),
    } | own_fields(whole)
    if stage == STARTED:
        facts["start_time"] = at
    elif stage == ANSWERED:
        facts["answered_at"] = at
    if stage < ENDED:
        guesses = {} if stage == STARTED else {"start_time": at}
        return told(whole, call, Word(status, stage, facts, at, live="started", guesses=guesses))
    facts |= _end(whole, status, at)
    guesses = {"start_time": facts.get("answered_at") or at}
    return told(whole, call, Word(status, stage, facts, at, final=True, live="ended", guesses=guesses))


def ending_of_status(status: str, sip: int | None = None, answered_by: str | None = None) -> str | None:
    """Return our ending for a status; None for ``completed``, as Twilio does not say who hung up."""
    if (answered_by or "").startswith("machine"):
        return "voicemail"
    if answered_by == "fax":
        return "ivr"
    if status == "completed":
        return None
    known = _STATUSES.get(status, "unknown")
    return (by_sip(sip) or known) if known in {"carrier_failed", "no_answer", "busy"} else known


def _know(whole: Payload) -> None:
    whole.withhold("From", "To", "Called", "Caller", "ForwardedFrom", "CallerName")
    places = ("City", "State", "Zip", "Country")
    whole.known(*(f"{side}{place}" for side in ("From", "To", "Called", "Caller") for place in places))
    whole.known(
        "AccountSid", "ApiVersion", "CallbackSource", "SequenceNumber", "ParentCallSid", "RecordingSid"
    )
    whole.known("RecordingDuration", "Duration", "CallDuration", "SipCallId", "StirVerstat", "QueueTime")
    whole.known(
        "MachineDetectionDuration", "SipResponseCode", "AnsweredBy", "PriceUnit", "price_unit", "CallToken"
    )


def _end(whole: Payload, status: str, at: datetime | None) -> Facts:
    seconds = whole.seconds("CallDuration")
    sip = whole.count("SipResponseCode")
    answered_by = whole.text("AnsweredBy")
    answered = status == "completed"
    name = ending_of_status(status, sip, answered_by)
    machine = name in {"voicemail", "ivr"}
    raw = answered_by if machine else None if answered else f"{status} {sip}" if sip else status
    facts = ending(name, raw, answered=answered)
    price = whole.amount("Price")
    return facts | {
        "end_time": at,
        "answered_at": began(at, seconds) if answered else None,
        "talk_seconds": seconds if answered else None,
        "cost": cost("USD", {"telephony": whole.amount("price") if price is None else price}),
        "links": links(recording=whole.link("RecordingUrl")),
    }
