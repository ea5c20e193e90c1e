"""Sarvam: the webhooks of a deployment (an inbound call), a campaign and an instant outbound call (attempts).

Fields are those of docs.sarvam.ai/voice-agents/api/deployments/webhooks/webhook-payload, of the campaign's
webhook payload next to it, and of docs.sarvam.ai/api-reference/instant-outbound/webhook-payload. None says
who ended a call, nor its cost; times are in UTC. ``executed_at`` of an attempt is taken for its end, as in
the published example. An instant outbound call has no times.
"""

from collections.abc import Mapping
from typing import Any

from core.adapters.causes import by_word
from core.adapters.delivery import Delivery
from core.adapters.payload import Payload, began
from core.adapters.reporting import ANALYSED, Facts, Word, call_of, ending, first, own_fields, told
from core.models.calls.reports import Role

NAME = "sarvam"
_CONNECTIVITY = {"busy": "busy", "no_answer": "no_answer", "failed": "carrier_failed"}


def read(payload: Mapping[str, Any]) -> Delivery:
    """Read a webhook of Sarvam.

    Raises:
        RefusedDeliveryError: it names neither an attempt nor an interaction.
    """
    whole = Payload(payload)
    whole.withhold("user_phone_number", "agent_phone_number")
    whole.known(
        "user_identifier", "interaction_transcript", "initial_agent_variables", "final_agent_variables"
    )
    whole.known(
        "output_agent_variables",
        "metadata",
        "cohort_id",
        "deployment_id",
        "next_action_status",
        "completion_status",
    )
    own = tuple(
        whole.part(path)
        for path in ("initial_agent_variables", "final_agent_variables", "output_agent_variables", "metadata")
    )
    whole.withhold("channel_info.user_phone_number", "channel_info.agent_phone_number")
    whole.known("channel_info", "webhook_config")
    own += (whole.part("webhook_config.metadata"),)
    call = call_of(
        whole,
        NAME,
        Role.PLATFORM,
        first(part.identifier("call_id") for part in own),
        "attempt_id",
        "interaction_id",
    )
    facts = _facts(whole) | own_fields(*own)
    instant = "instant attempt" if _outcome(whole) else "deployment call"
    event = "campaign attempt" if _is_of_campaign(whole) else instant
    return told(whole, call, Word(event, ANALYSED, facts, facts["end_time"], final=True, live="ended"))


def _is_of_campaign(whole: Payload) -> bool:
    return whole.text("connectivity_status") is not None or whole.text("campaign_id") is not None


def _outcome(whole: Payload) -> str | None:
    """Return whether an attempt connected; None for a call of a deployment, which came in."""
    return whole.text("connectivity_status") or whole.text("status")


def ending_of_connectivity(status: str, reason: str | None) -> str | None:
    """Return our ending for a connectivity status and failure reason; None for a call that connected."""
    if status == "connected":
        return None
    known = _CONNECTIVITY.get(status, "unknown")
    return (by_word(reason) or known) if known == "carrier_failed" else known


def _facts(whole: Payload) -> Facts:
    seconds = whole.seconds("duration")
    end = whole.moment("end_datetime") or whole.moment("executed_at")
    outcome = _outcome(whole)
    known: Facts = {
        "start_time": whole.moment("start_datetime") or began(end, seconds or 0.0),
        "end_time": end,
        "direction": "outbound" if outcome or _is_of_campaign(whole) else "inbound",
        "agent": whole.text("app_id"),
        "agent_version": whole.text("app_version", 64),
        "campaign": whole.text("campaign_id"),
        "attempt": whole.count("retry_attempt") or None,
        "provider_call_id": whole.identifier("interaction_id") or whole.identifier("attempt_id"),
    }
    return known | _end(whole, outcome or "connected", seconds)


def _end(whole: Payload, connectivity: str, seconds: float | None) -> Facts:
    reason = whole.reason("failure_reason")
    name = ending_of_connectivity(connectivity, reason)
    if name is None:
        failed = whole.text("completion_status") == "failed"
        return ending(by_word(reason), reason, failed=failed) | {"talk_seconds": seconds}
    return ending(name, reason or connectivity, answered=False)
