"""What an agent's own code can add about a call through its framework: lead, campaign, outcome; the call."""

from collections.abc import Mapping
from typing import Any

from core.logging_config import get_logger
from core.models.calls.reports import lenient_facts
from core.models.metrics import CallMetrics

logger = get_logger("metrics")

TOLD_BY_AGENT = frozenset(
    {
        *("lead_id", "direction", "campaign", "purpose", "agent", "agent_version", "attempt", "language"),
        *("qualification_completed", "qualification", "qualification_seconds", "handoff_triggered"),
        *("sentiment_score", "compliance", "links", "cost", "provider_call_id", "telephony", "status"),
        *("end_reason", "handoff_answered_at", "handoff_wait_seconds"),
    }
)
"""Fields of a call that no framework knows; anything else that is attached is ignored."""


def call_of(call_id: str, known: Mapping[str, Any], about: Mapping[str, Any]) -> CallMetrics:
    """Return a call of what its framework knows and its agent's code says.

    The log says of each field that no call can have what it takes; the call has the others.

    Raises:
        ValidationError: its start or its status is among them, or they contradict each other.
    """
    facts = _possible(known) | _possible({name: about[name] for name in TOLD_BY_AGENT & about.keys()})
    return CallMetrics.model_validate({"call_id": call_id, **facts})


def _possible(fields: Mapping[str, Any]) -> dict[str, Any]:
    facts, refused = lenient_facts(dict(fields))
    if refused:
        logger.warning("Facts that no call can have, left out", extra={"fields": refused})
    return facts.model_dump(exclude_none=True)
