"""Ozonetel CloudAgent: the summary of each call sent to a callback address, and events of a subscription.

The summary's fields are those of docs.ozonetel.com/docs/callback-url-configuration, a form with one field
``data`` of JSON; those of events are in docs.ozonetel.com/reference/post_events-subscribe. Times are Indian
local time without a zone, durations HH:MM:SS. ``Apikey`` is the account's key and is never kept. Our own id
comes back in ``UUI``, as it is or as a JSON object with ``call_id``.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.carriers.zone import INDIA
from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended, unwrapped
from core.adapters.reporting import (
    ANSWERED,
    ENDED,
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
    own_id,
    telephony,
    told,
)
from core.models.calls.reports import Role

NAME = "ozonetel"
SECRETS = frozenset({"Apikey", "apikey", "apiKey", "ApiKey", "api_key", "APIKey"})
_STAGES = {"calling": STARTED, "answered": ANSWERED, "disconnect": ENDED}
_ENDINGS = {
    "userhangup": "customer_hung_up",
    "user_disconnected": "customer_hung_up",
    "customerhangup": "customer_hung_up",
    "agenthangup": "agent_goodbye",
    "systemhangup": "agent_goodbye",
    "not_answered": "no_answer",
    "notanswered": "no_answer",
    "unanswered": "no_answer",
    "noroutedestination": "carrier_failed",
    "dialing": "no_answer",
    "notdialed": "carrier_failed",
    "invalid_number": "invalid_number",
    "dnd": "spam_blocked",
}
_NORMAL = frozenset({"answered", "success", "completed"})


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a callback of Ozonetel.

    Raises:
        RefusedDeliveryError: it does not name a call.
    """
    whole = Payload(unwrapped(payload, "data"))
    whole.withhold("CallerID", "DialedNumber", "Did", "dId", "PhoneName", "AgentPhoneNumber", "TransferredTo")
    whole.withhold("caller_id", "did", "agent_number", "CustomerNumber", "PhoneNumber")
    whole.known(
        *SECRETS, "AgentID", "AgentName", "AgentUniqueID", "AgentStatus", "Comments", "Disposition", "Skill"
    )
    whole.known(
        "CampaignStatus",
        "ConfDuration",
        "CallerConfAudioFile",
        "FallBackRule",
        "Location",
        "UserName",
        "Type",
    )
    whole.known(
        "CustomerStatus", "DialStatus", "Status", "HangupBy", "HoldDuration", "WrapUpDuration", "AgentSkill"
    )
    whole.known(
        "username",
        "agent_id",
        "skill",
        "eventType",
        "ucid",
        "UCID",
        "CallerAudioFile",
        "TransferType",
        "E164",
    )
    whole.known("UUI", "eventTime", "TimeToAnswer", "CallDuration", "Duration")
    own, fields = own_id(whole, "UUI")
    call = call_of(
        whole, NAME, Role.CARRIER, own or whole.identifier("call_id"), "monitorUCID", "monitor_ucid", "ucid"
    )
    facts = _facts(whole) | own_fields(fields, whole)
    if whole.text("action") or whole.text("eventType"):
        return _event(whole, call, facts)
    facts |= _summary(whole)
    return told(whole, call, Word("summary", ENDED, facts, facts["end_time"], final=True, live="ended"))


def ending_of_statuses(*statuses: str | None) -> str | None:
    """Return our ending for the first of Ozonetel's words that indicates one.

    None if all say it went well.
    """
    words = [word.strip().lower().replace(" ", "") for word in statuses if word]
    names = [_ENDINGS.get(word) or by_word(word) or "unknown" for word in words if word not in _NORMAL]
    return first(name for name in names if name != "unknown") or (names[0] if names else None)


def _event(whole: Payload, call: Call, facts: Facts) -> Delivery:
    """Return a step of a call; its summary, and how it ended, comes to the callback address."""
    action = (whole.text("action") or "").lower()
    stage = _STAGES.get(action)
    if stage is None:
        return nothing(action or "event")
    at = whole.moment("event_time", INDIA) or whole.moment("eventTime", INDIA)
    if stage == STARTED:
        facts["start_time"] = at
    elif stage == ANSWERED:
        facts["answered_at"] = at
    else:
        facts["end_time"] = at
    return told(whole, call, Word(action, stage, facts, at, live="ended" if stage == ENDED else "started"))


def _facts(whole: Payload) -> Facts:
    kind = (whole.text("Type") or whole.text("call_type") or "").lower()
    facts: Facts = {
        "direction": "inbound" if kind == "inbound" else "outbound" if kind else None,
        "campaign": whole.text("CampaignName"),
        "provider_call_id": first(whole.identifier(path) for path in ("monitorUCID", "monitor_ucid", "ucid")),
        "telephony": telephony("ozonetel", whole.get("Did") if kind != "inbound" else None),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _summary(whole: Payload) -> Facts:
    start, waited = whole.moment("StartTime", INDIA), whole.seconds("TimeToAnswer")
    talked, lasted = whole.seconds("Duration"), whole.seconds("CallDuration")
    status = (whole.text("Status") or "").lower().replace(" ", "")
    answered = True if status in _NORMAL else False if status else None
    if talked is None and lasted is not None and waited is not None:
        talked = max(0.0, lasted - waited)
    moved = whole.text("TransferType") is not None or whole.get("TransferredTo") is not None
    customer, dialled, by = (whole.text(path) for path in ("CustomerStatus", "DialStatus", "HangupBy"))
    name = ending_of_statuses(customer, dialled, *((by,) if answered is not False else (status,)))
    if moved and answered:
        name = "transferred"
    raw = first(word for word in (customer, dialled, by) if word and word.lower() not in _NORMAL)
    return ending(name, raw, answered=answered) | {
        "start_time": start,
        "answered_at": ended(start, waited) if answered else None,
        "end_time": whole.moment("EndTime", INDIA) or ended(start, lasted),
        "ring_seconds": waited if answered else None,
        "talk_seconds": talked if answered else None,
        "handoff_triggered": True if moved and answered else None,
        "links": links(recording=whole.link("AudioFile")),
    }
