"""Plivo, and Vobiz with the same format: the requests to ring, answer and hangup addresses.

Fields are those of docs.plivo.com/docs/voice/xml/request and of the ``hangup_url`` in an application's
reference; the causes are those of docs.plivo.com/docs/voice/troubleshooting/hangup-causes. Times are in UTC,
amounts in US dollars.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
    RINGING,
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

NAME = "plivo"
_STAGES = {
    "ringing": RINGING,
    "in-progress": ANSWERED,
    "completed": ENDED,
    "busy": ENDED,
    "failed": ENDED,
    "timeout": ENDED,
    "no-answer": ENDED,
    "cancel": ENDED,
    "cancelled": ENDED,
    "canceled": ENDED,
}
_BY_CODE = {
    0: None,
    1000: "cancelled",
    1010: "limit_or_payment",
    1020: "limit_or_payment",
    2000: "invalid_number",
    2010: "invalid_number",
    3000: "no_answer",
    3010: "busy",
    3020: "declined",
    4000: None,
    4010: "agent_goodbye",
    4020: "agent_goodbye",
    4030: "agent_goodbye",
    6000: "max_duration",
    6010: "no_answer",
    6020: "no_audio",
}
_BY_THOUSAND = {
    1: "cancelled",
    2: "configuration",
    3: "carrier_failed",
    5: "carrier_failed",
    7: "configuration",
    8: "configuration",
}
"""Meaning of each thousand of codes, for codes that are not listed individually."""
_BY_NAME = {
    "canceled out of credits": "limit_or_payment",
    "cancelled out of credits": "limit_or_payment",
    "canceled simultaneous dial limit reached": "limit_or_payment",
    "end of xml instructions": "agent_goodbye",
    "multiparty call ended": "agent_goodbye",
    "kicked out of multiparty call": "agent_goodbye",
    "destination out of service": "invalid_number",
    "destination country barred": "configuration",
    "destination number barred": "configuration",
    "endpoint not registered": "configuration",
    "loop detected": "configuration",
    "scheduled hangup": "max_duration",
    "max duration reached": "max_duration",
    "max call duration reached": "max_duration",
    "invalid answer xml": "configuration",
    "error reaching answer url": "configuration",
}
_STATUSES = {
    "busy": "busy",
    "failed": "carrier_failed",
    "timeout": "no_answer",
    "no-answer": "no_answer",
    "cancel": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_THEIRS = {
    "outbound": frozenset({"callee", "call recipient"}),
    "inbound": frozenset({"caller"}),
}
"""Which hangup sources are the lead, by direction."""
_OURS = frozenset({"caller", "callee", "call recipient", "api request", "answer xml"})


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a request of Plivo.

    Raises:
        RefusedDeliveryError: it has no status, or does not name a call.
    """
    whole = Payload(payload)
    whole.withhold("From", "To", "ForwardedFrom", "CallerName")
    status = event_of(whole, "CallStatus").lower()
    stage = _STAGES.get(status)
    if stage is None:
        return nothing(status)
    whole.known(
        "ALegUUID", "ALegRequestUUID", "RequestUUID", "ParentAuthID", "ParentCallUUID", "Event", "BillRate"
    )
    whole.known(
        "BillDuration", "ScheduledHangupId", "STIRVerification", "STIRAttestation", "RouteType", "Machine"
    )
    whole.known(
        "Duration", "SessionStart", "HangupCause", "HangupCauseName", "HangupCauseCode", "HangupSource"
    )
    whole.known("TotalCost", "AnswerTime", "StartTime", "EndTime", "CallerName")
    call = call_of(whole, NAME, Role.CARRIER, whole.identifier("call_id"), "CallUUID", "RequestUUID")
    event = whole.text("Event") or status
    direction = whole.text("Direction")
    facts: Facts = {
        "start_time": whole.moment("StartTime") or whole.moment("SessionStart"),
        "answered_at": whole.moment("AnswerTime"),
        "direction": direction if direction in _THEIRS else None,
        "provider_call_id": whole.identifier("CallUUID") or whole.identifier("RequestUUID"),
        "telephony": telephony("plivo", whole.get("From") if direction == "outbound" else None),
    } | own_fields(whole)
    if stage < ENDED:
        return told(whole, call, Word(event, stage, facts, live="started"))
    facts |= _end(whole, status, direction or "outbound", answered=facts["answered_at"] is not None)
    at = facts["end_time"]
    return told(whole, call, Word(event, stage, facts, at, final=True, live="ended"))


def ending_of_cause(
    code: int | None, name: str | None, source: str | None = None, direction: str = "outbound"
) -> str | None:
    """Return our ending for a hangup cause of Plivo; None for a normal end by an unknown side."""
    words = " ".join("".join(letter if letter.isalnum() else " " for letter in (name or "").lower()).split())
    known = _BY_NAME.get(words) or by_word(words)
    if known is None and code is not None:
        known = _BY_CODE[code] if code in _BY_CODE else _BY_THOUSAND.get(code // 1_000, "unknown")
    if known is None and (source or "").lower() in _OURS:
        return "customer_hung_up" if _is_lead(source, direction) else "agent_goodbye"
    return known


def _is_lead(source: str | None, direction: str) -> bool:
    return (source or "").lower() in _THEIRS.get(direction, frozenset())


def _end(whole: Payload, status: str, direction: str, *, answered: bool) -> Facts:
    source = whole.text("HangupSource")
    cause = whole.text("HangupCauseName", 200) or whole.text("HangupCause", 200)
    name = ending_of_cause(whole.count("HangupCauseCode"), cause, source, direction)
    if name in {None, "unknown"}:
        name = _STATUSES.get(status, name)
    if whole.flag("Machine"):
        name = "voicemail"
    talked = whole.seconds("Duration") if answered else None
    facts = ending(
        name, cause, answered=answered if status == "completed" else None, failed=status == "failed"
    )
    if facts["hangup_by"] is None and (source or "").lower() == "carrier":
        facts["hangup_by"] = "carrier"
    return facts | {
        "end_time": whole.moment("EndTime"),
        "talk_seconds": talked,
        "cost": cost("USD", {"telephony": whole.amount("TotalCost")}),
        "links": links(recording=whole.link("RecordingUrl")),
    }
