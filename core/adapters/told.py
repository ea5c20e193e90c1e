"""What an agent's own code can add about a call through its framework: lead, campaign, outcome."""

from collections.abc import Mapping
from typing import Any

from core.models.calls.reports import lenient_facts

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
    """Return the valid fields of TOLD_BY_AGENT."""
    facts, _ = lenient_facts({name: about[name] for name in TOLD_BY_AGENT & about.keys()})
    return facts.model_dump(exclude_none=True)
