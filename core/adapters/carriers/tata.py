"""Tata Smartflo, and Servetel with the same format: webhooks about a call's steps and its end.

The triggers are those of docs.smartflo.tatatelebusiness.com/docs/webhook. The schema of what is posted is not
public; the fields (``uuid``, ``call_id``, ``start_stamp``, ``billsec``, ``hangup_cause_description``,
``custom_identifier`` …) are those that public receivers read. Times are Indian local time without a zone.

``call_id`` is Tata's own; ours comes back in ``custom_identifier`` or ``ref_id``.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.carriers.zone import INDIA
from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
    RINGING,
    Facts,
    Word,
    call_of,
    ending,
    first,
    links,
    own_fields,
    own_id,
    telephony,
    told,
)
from core.models.calls.reports import Role

NAME = "tata"
_ENDINGS = {
    "missed": "no_answer",
    "not answered": "no_answer",
    "agent missed": "no_answer",
    "failed": "carrier_failed",
}
_NORMAL = frozenset(
    {"answered", "normal clearing", "normal_clearing", "normal call clearing", "connected", "success"}
)
_HUNG_UP = (
    ("caller", "customer_hung_up"),
    ("customer", "customer_hung_up"),
    ("client", "customer_hung_up"),
    ("agent", "agent_goodbye"),
)
_REASONS = ("hangup_cause_description", "hangup_cause_key", "hangup_cause", "reason_key")
_WITHHELD = (
    *("caller_id_number", "call_to_number", "customer_no_with_prefix", "customer_number", "agent_number"),
    *("answered_agent_number", "answer_agent_number", "caller_number", "called_number", "did_number"),
)
"""Where phone numbers are."""
_KNOWN = (
    *("answered_agent", "answered_agent_name", "missed_agent", "call_flow", "broadcast_lead_fields"),
    *("digits_dialed", "billing_circle", "aws_call_recording_identifier", "agent_ring_time"),
    *("agent_transfer_ring_time", "campaign_id", "outbound_sec", "hangup_cause_code", "call_connected"),
    *("department_name", "caller_id_name", "agent_name", "custom_identifier", "ref_id", "duration"),
    *("billsec", "call_status", "end_stamp", "customer_ring_time"),
    *_REASONS,
)
"""Fields that it is known to send besides."""


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a webhook of Tata Smartflo.

    Raises:
        RefusedDeliveryError: it does not name a call.
    """
    whole = Payload(payload)
    whole.withhold(*_WITHHELD)
    whole.known(*_KNOWN)
    found = [own_id(whole, path) for path in ("custom_identifier", "ref_id")]
    own = first(identifier for identifier, _ in found)
    call = call_of(whole, NAME, Role.CARRIER, own, "uuid", "call_id")
    facts = _facts(whole) | own_fields(*(fields for _, fields in found), whole)
    end = whole.moment("end_stamp", INDIA)
    status = whole.text("call_status")
    if end is None and status is None:
        answered = facts.get("answered_at")
        stage = ANSWERED if answered else RINGING
        event = "answered" if answered else "received"
        return told(
            whole, call, Word(event, stage, facts, answered or facts.get("start_time"), live="started")
        )
    facts |= _end(whole, status)
    return told(whole, call, Word("hangup", ENDED, facts, end or facts["end_time"], final=True, live="ended"))


def ending_of_reason(reason: str) -> str | None:
    """Return our ending for a reason of Tata; None for a normal end by an unknown side."""
    words = " ".join(reason.lower().replace("_", " ").split())
    if words in _NORMAL or words.replace(" ", "_") in _NORMAL:
        return None
    known = _ENDINGS.get(words) or by_word(words)
    if known is None and ("disconnected" in words or "hangup" in words or "hung up" in words):
        known = first(name for word, name in _HUNG_UP if word in words)
    return known or "unknown"


def _facts(whole: Payload) -> Facts:
    direction = (whole.text("direction") or "").lower()
    facts: Facts = {
        "start_time": whole.moment("start_stamp", INDIA),
        "answered_at": whole.moment("answer_stamp", INDIA),
        "direction": "inbound" if direction == "inbound" else "outbound" if direction else None,
        "campaign": whole.text("campaign_name"),
        "provider_call_id": whole.identifier("uuid") or whole.identifier("call_id"),
        "telephony": telephony(
            "tata", whole.get("caller_id_number") if direction not in {"", "inbound"} else None
        ),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _end(whole: Payload, status: str | None) -> Facts:
    reasons = [(word, ending_of_reason(word)) for path in _REASONS if (word := whole.reason(path))]
    told_reason = first(pair for pair in reasons if pair[1] not in {None, "unknown"})
    raw, name = told_reason or first(pair for pair in reasons if pair[1]) or (None, None)
    missed = (status or "").lower() in _ENDINGS
    talked = whole.seconds("billsec")
    answered = False if missed else True if status or talked else None
    if name in {None, "unknown"} and missed:
        name = "no_answer"
    start = whole.moment("start_stamp", INDIA)
    return ending(name, raw, answered=answered) | {
        "end_time": whole.moment("end_stamp", INDIA) or ended(start, whole.seconds("duration")),
        "ring_seconds": whole.seconds("customer_ring_time") if answered else None,
        "talk_seconds": talked if answered else None,
        "links": links(recording=whole.link("recording_url")),
    }
