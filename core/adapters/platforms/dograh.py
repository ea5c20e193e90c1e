"""Dograh: the webhook node that runs after a call, with the template of docs/sources/dograh.md.

The variables are those of Dograh's ``docs/developer/webhooks.mdx``, the dispositions those of its
``EndTaskReason`` and ``TelephonyCallStatus`` (repository dograh-hq/dograh, commit 058c540 of August 2026).
What is posted is the user's choice: a variable missing from the template is missing here.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, ended
from core.adapters.reporting import ANALYSED, Facts, Word, call_of, ending, first, links, own_fields, told
from core.models.calls.reports import Role

NAME = "dograh"
_ENDINGS = {
    "user_hangup": "customer_hung_up",
    "user_qualified": "agent_goodbye",
    "user_disqualified": "agent_goodbye",
    "end_call_tool": "agent_goodbye",
    "end_call_tool_reason": "agent_goodbye",
    "end_call": "agent_goodbye",
    "completed": "agent_goodbye",
    "call_transferred": "transferred",
    "transfer_call": "transferred",
    "voicemail_detected": "voicemail",
    "call_duration_exceeded": "max_duration",
    "user_idle_max_duration_exceeded": "silence",
    "pipeline_error": "provider_error",
    "unexpected_error": "platform_error",
    "system_connect_error": "platform_error",
    "system_cancelled": "cancelled",
    "no_answer": "no_answer",
    "busy": "busy",
    "failed": "carrier_failed",
    "canceled": "cancelled",
    "error": "platform_error",
}
_UNANSWERED = frozenset({"no_answer", "busy", "failed", "canceled"})


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read what a webhook node of Dograh posts.

    Raises:
        RefusedDeliveryError: it does not name a run.
    """
    whole = Payload(payload)
    whole.known(
        "initial_context", "gathered_context", "cost_info", "annotations", "extra", "workflow_run_name"
    )
    whole.known("workflow_name", "user_recording_url", "bot_recording_url")
    whole.withhold("initial_context.phone_number", "phone_number", "initial_context.called_number")
    whole.withhold("initial_context.caller_number", "initial_context.phone")
    own = whole.part("initial_context"), whole.part("gathered_context"), whole
    call = call_of(
        whole, NAME, Role.PLATFORM, own[0].identifier("call_id"), "workflow_run_id", "run_id", "call_id"
    )
    facts = _facts(whole) | own_fields(*own)
    return told(
        whole, call, Word("run completed", ANALYSED, facts, facts["end_time"], final=True, live="ended")
    )


def ending_of_disposition(disposition: str) -> str:
    """Return our ending for a disposition of Dograh; one that a user invented is ``unknown``."""
    word = disposition.lower().replace("-", "_").replace(" ", "_")
    return _ENDINGS.get(word) or by_word(word) or "unknown"


def _facts(whole: Payload) -> Facts:
    start = whole.moment("call_time")
    seconds = whole.seconds("call_duration_seconds")
    if seconds is None:
        seconds = whole.seconds("cost_info.call_duration_seconds")
    disposition = first(
        whole.reason(path)
        for path in (
            "call_disposition",
            "disposition",
            "gathered_context.call_disposition",
            "disposition_code",
        )
    )
    name = ending_of_disposition(disposition) if disposition else None
    unanswered = (disposition or "").lower().replace("-", "_") in _UNANSWERED
    direction = whole.text("initial_context.direction") or whole.text("direction")
    return ending(name, disposition, answered=False if unanswered else None) | {
        "start_time": start,
        "end_time": ended(start, seconds),
        "direction": direction if direction in {"inbound", "outbound"} else None,
        "agent": whole.text("workflow_id"),
        "campaign": whole.text("campaign_id"),
        "provider_call_id": first(
            whole.identifier(path)
            for path in ("gathered_context.call_id", "provider_call_id", "workflow_run_id", "run_id")
        ),
        "handoff_triggered": True if name == "transferred" else None,
        "links": links(recording=whole.link("recording_url"), transcript=whole.link("transcript_url")),
    }
