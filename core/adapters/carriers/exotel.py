"""Exotel: status callbacks, the request of a Passthru applet, and call details as the API returns them.

Fields are those of developer.exotel.com/docs/voice-v1/api-reference/status-callback (its events ``answered``
and ``terminal``), of developer.exotel.com/docs/campaigns/api-reference/webhooks, of the support article on
the Passthru applet, and of call details (``Call.Price``, ``Call.Duration``). Times are Indian local time,
with a zone only in campaigns; amounts are in rupees.

``From`` is the number dialled first. A Passthru is sent in the middle of a call, and its ``EndTime`` is
always 1970-01-01 05:30:00.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.carriers.zone import INDIA
from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, unwrapped
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
    PRICED,
    RINGING,
    TALKING,
    Call,
    Facts,
    Word,
    call_of,
    cost,
    ending,
    links,
    nothing,
    own_fields,
    own_id,
    telephony,
    told,
)
from core.models.calls.reports import Role

NAME = "exotel"
_ENDINGS = {
    "failed": "carrier_failed",
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "cancelled",
    "client-hangup": "customer_hung_up",
    "voicemail": "voicemail",
    "incomplete": "no_answer",
}
_ON_ITS_WAY = {"queued": None, "ringing": RINGING, "in-progress": ANSWERED}
_NO_END = "1970-01-01"
_OF_CAMPAIGN = {
    "call_sid": "CallSid",
    "status": "Status",
    "number": "To",
    "date_created": "DateCreated",
    "date_updated": "DateUpdated",
    "campaign_sid": "campaign",
}
"""Fields of a campaign's call status callback, and what the same are called elsewhere."""


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a callback of Exotel.

    Raises:
        RefusedDeliveryError: it does not name a call.
    """
    if "campaign_sid" in payload and "CallSid" not in payload:
        renamed = {_OF_CAMPAIGN.get(name, name): value for name, value in payload.items()}
        payload = {"Direction": "outbound", **renamed}
    priced = isinstance(payload.get("Call"), Mapping)
    whole = Payload(unwrapped(payload, "Call"))
    whole.withhold("From", "To", "CallFrom", "CallTo", "DialWhomNumber", "PhoneNumber", "ForwardedFrom")
    for leg in range(2):
        whole.known(f"Legs[{leg}][Status]", f"Legs[{leg}][OnCallDuration]", f"Legs[{leg}][Id]")
    whole.known(
        "Legs", "CallerName", "AccountSid", "Uri", "AnsweredBy", "GroupName", "ParentCallSid", "flow_id"
    )
    whole.known("tenant_id", "PhoneNumberSid", "Created", "CurrentTime", "digits", "DateCreated", "EndTime")
    whole.known(
        "DialCallStatus",
        "OutgoingPhoneNumber",
        "Stream",
        "RecordingAvailableBy",
        "DialCallDuration",
        "Duration",
    )
    own, fields = own_id(whole, "CustomField")
    call = call_of(whole, NAME, Role.CARRIER, own or whole.identifier("call_id"), "CallSid", "Sid")
    facts = _facts(whole) | own_fields(fields, whole)
    if "CallType" in payload or "CallFrom" in payload:
        return _passthru(whole, call, facts)
    return _callback(whole, call, facts, priced=priced)


def _callback(whole: Payload, call: Call, facts: Facts, *, priced: bool) -> Delivery:
    status = (whole.text("Status") or "").lower()
    at = whole.moment("DateUpdated", INDIA)
    event = whole.text("EventType") or ("details" if priced else "terminal" if status else "callback")
    stage = _ON_ITS_WAY.get(status, ENDED)
    if event == "answered":
        stage = ANSWERED
    if stage is None:
        return nothing(status)
    if stage < ENDED:
        return told(whole, call, Word(event, stage, facts, at, live="started"))
    facts |= _end(whole, status)
    stage = PRICED if priced else ENDED
    return told(whole, call, Word(event, stage, facts, at or facts["end_time"], final=True, live="ended"))


def _passthru(whole: Payload, call: Call, facts: Facts) -> Delivery:
    """Return that the call is still active; its end comes with the status callback."""
    facts["talk_seconds"] = whole.seconds("DialCallDuration")
    kind = whole.text("CallType")
    return told(
        whole,
        call,
        Word(
            f"passthru {kind or ''}".strip(),
            TALKING,
            facts,
            whole.moment("CurrentTime", INDIA),
            live="started",
        ),
    )


def ending_of_status(status: str) -> str | None:
    """Return our ending for a status; None for ``completed``, as Exotel does not say who hung up."""
    if status == "completed":
        return None
    return _ENDINGS.get(status) or by_word(status) or "unknown"


def _facts(whole: Payload) -> Facts:
    direction = (whole.text("Direction") or "").lower()
    outbound = direction.startswith("outbound")
    facts: Facts = {
        "start_time": whole.moment("StartTime", INDIA) or whole.moment("DateCreated", INDIA),
        "direction": "outbound" if outbound else "inbound" if direction else None,
        "provider_call_id": whole.identifier("CallSid") or whole.identifier("Sid"),
        "telephony": telephony("exotel"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _end(whole: Payload, status: str) -> Facts:
    seconds = whole.seconds("ConversationDuration")
    answered = None if status != "completed" else seconds is None or seconds > 0
    name = ending_of_status(status) if status else None
    if answered is False:
        name = "no_answer"
    raw = whole.text("EndTime") or ""
    facts = ending(name, status if name and status != "completed" else None, answered=answered)
    if not status:
        facts = {}
    return facts | {
        "end_time": None if raw.startswith(_NO_END) else whole.moment("EndTime", INDIA),
        "talk_seconds": seconds,
        "cost": cost("INR", {"telephony": whole.amount("Price")}),
        "links": links(recording=whole.link("RecordingUrl")),
    }
