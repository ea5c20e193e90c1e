"""What an agent's own code can add about a call through its framework: lead, campaign, outcome."""

from collections.abc import Mapping
from typing import Any

from core.logging_config import get_logger
from core.models.calls.reports import lenient_facts

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


def told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the valid fields of TOLD_BY_AGENT; the log says of each other one what it takes."""
    facts, refused = lenient_facts({name: about[name] for name in TOLD_BY_AGENT & about.keys()})
    if refused:
        logger.warning("Facts that no call can have, left out", extra={"fields": refused})
    return facts.model_dump(exclude_none=True)
