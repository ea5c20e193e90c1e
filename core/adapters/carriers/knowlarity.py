"""Knowlarity: the events of a call, and the record of an outbound call.

There is no published schema. Fields are those of its event stream and call logs as public clients read them
(``event_type`` ORIGINATE, ANSWER, AGENT_ANSWER, HANGUP, CDR), and of one published record of an outbound call
(``message.unique_id``, ``hangup_cause``, ``pickup_time``). Times without a zone are Indian local time.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.carriers.zone import INDIA
from core.adapters.causes import by_number
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended, unwrapped
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
    PRICED,
    RINGING,
    STARTED,
    Call,
    Facts,
    Word,
    call_of,
    ending,
    first,
    links,
    nothing,
    own_fields,
    telephony,
    told,
)
from core.models.calls.reports import Role

NAME = "knowlarity"
_STAGES = {
    "originate": STARTED,
    "ring": RINGING,
    "answer": ANSWERED,
    "agent_answer": ANSWERED,
    "hangup": ENDED,
    "cdr": PRICED,
}
_BUSINESS = {
    "missed call": "no_answer",
    "unanswered": "no_answer",
    "no answer": "no_answer",
    "voicemail": "voicemail",
    "busy": "busy",
}
_NORMAL = frozenset({"phone", "outbound", "inbound", "dtmf", "answered", "connected"})
_ANSWERED_CAUSE = 900
"""The cause of an answered outbound call in the published record."""
_WITHHELD = (
    *("customer_number", "agent_number", "knowlarity_number", "caller_id", "caller", "called"),
    *("dispnumber", "destination", "did_number", "caller_in_fs"),
)
"""Where phone numbers are."""
_KNOWN = (
    *("id", "fs", "priority", "ivr_refnum", "fs_chan_info", "events", "extension", "agent_name", "call_date"),
    *("contact_details", "callid", "type", "event_type", "leg_identifier", "Call_Type", "call_type"),
    *("business_call_type", "call_solution", "timezone", "order_id", "posting_time", "ref_uuid"),
    *("call_transfer_status", "hangup_cause", "ivr_id", "caller_circle", "caller_operator", "location"),
    *("hangup_time", "order_time", "pickup_time", "call_duration", "start_time", "end_time", "call_time"),
)
"""Fields that it is known to send besides."""


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read an event or a record of Knowlarity.

    Raises:
        RefusedDeliveryError: it does not name a call.
    """
    whole = Payload(unwrapped(payload, "message"))
    whole.withhold(*_WITHHELD)
    whole.known(*_KNOWN)
    call = call_of(whole, NAME, Role.CARRIER, whole.identifier("call_id"), "uuid", "unique_id", "callid")
    if whole.get("unique_id") is not None:
        return _record(whole, call)
    event = (whole.text("event_type") or whole.text("type") or "cdr").lower()
    stage = _STAGES.get(event)
    if stage is None:
        return nothing(event)
    at = first(whole.moment(path, INDIA) for path in ("event_time", "timestamp"))
    facts = _facts(whole)
    if stage < ENDED:
        if stage == ANSWERED and event == "answer":
            facts["answered_at"] = at
        return told(whole, call, Word(event, stage, facts, at, live="started"))
    facts |= _end(whole) if stage == PRICED else {"end_time": at}
    return told(
        whole, call, Word(event, stage, facts, at or facts["end_time"], final=stage == PRICED, live="ended")
    )


def ending_of_type(business_call_type: str) -> str | None:
    """Return our ending for a business call type; None for an answered call."""
    kind = business_call_type.lower().strip()
    return None if kind in _NORMAL else _BUSINESS.get(kind, "unknown")


def _facts(whole: Payload) -> Facts:
    kind = (
        whole.text("call_type") or whole.text("Call_Type") or whole.text("business_call_type") or ""
    ).lower()
    outbound = kind.startswith("out") or kind == "1"
    inbound = kind.startswith("in") or kind == "0"
    facts: Facts = {
        "start_time": whole.moment("start_time", INDIA),
        "direction": "outbound" if outbound else "inbound" if inbound else None,
        "provider_call_id": first(whole.identifier(path) for path in ("uuid", "unique_id", "callid")),
        "telephony": telephony("knowlarity", whole.get("knowlarity_number") if outbound else None),
    }
    return {name: value for name, value in facts.items() if value is not None} | own_fields(whole)


def _end(whole: Payload) -> Facts:
    seconds = whole.seconds("call_duration")
    kind = whole.text("business_call_type")
    name = ending_of_type(kind) if kind else None
    answered = None if seconds is None else seconds > 0
    if name in {"no_answer", "busy"}:
        answered = False
    elif answered is False and name is None:
        name = "no_answer"
    start = whole.moment("start_time", INDIA)
    return ending(name, kind if name else None, answered=answered) | {
        "end_time": whole.moment("end_time", INDIA) or ended(start, seconds),
        "talk_seconds": seconds if answered else None,
        "links": links(recording=first(whole.link(path) for path in ("call_recording", "resource_url"))),
    }


def _record(whole: Payload, call: Call) -> Delivery:
    """Return an outbound call, reported after its end."""
    picked_up, end = whole.moment("pickup_time", INDIA), whole.moment("hangup_time", INDIA)
    cause = whole.count("hangup_cause")
    answered = picked_up is not None
    name = None if cause == _ANSWERED_CAUSE else by_number(cause)
    if not answered and name is None:
        name = "no_answer"
    end = end or whole.moment("end_time", INDIA)
    facts = (
        _facts(whole)
        | ending(name, None if cause is None or name is None else str(cause), answered=answered)
        | {
            "answered_at": picked_up,
            "end_time": end,
            "talk_seconds": (end - picked_up).total_seconds()
            if end and picked_up and end >= picked_up
            else None,
            "attempt": whole.count("attempt_number") or None,
        }
    )
    return told(
        whole,
        call,
        Word("record", PRICED, facts, whole.moment("posting_time", INDIA) or end, final=True, live="ended"),
    )
