"""The fields of a stored call, defined once.

Schemas of frames, roll-ups and archive derive from this table.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["moment", "text", "number", "count", "flag", "errors", "cost", "json"]
"""``count`` is a whole number, ``json`` is stored as text in files; the others are self-explanatory."""


@dataclass(frozen=True)
class CallField:
    """A field of :class:`core.models.metrics.CallMetrics` as it is stored; ``call_id`` is stored as ``_id``.

    ``rolled_up``: roll-ups read it. ``checked``: alert rules and the frames of calls read it.
    """

    name: str
    kind: Kind
    rolled_up: bool = False
    checked: bool = False


CALL_FIELDS: tuple[CallField, ...] = (
    CallField("_id", "text", rolled_up=True, checked=True),
    CallField("start_time", "moment", rolled_up=True, checked=True),
    CallField("end_time", "moment", checked=True),
    CallField("lead_id", "text"),
    CallField("status", "text", rolled_up=True, checked=True),
    CallField("direction", "text", rolled_up=True, checked=True),
    CallField("language", "text", rolled_up=True, checked=True),
    CallField("qualification", "text"),
    CallField("end_reason", "text", rolled_up=True, checked=True),
    CallField("fault", "text", rolled_up=True),
    CallField("campaign", "text", rolled_up=True, checked=True),
    CallField("duration_seconds", "number", rolled_up=True, checked=True),
    CallField("asr_latency_ms", "number", rolled_up=True, checked=True),
    CallField("llm_latency_ms", "number", rolled_up=True, checked=True),
    CallField("tts_latency_ms", "number", rolled_up=True, checked=True),
    CallField("e2e_latency_ms", "number", rolled_up=True, checked=True),
    CallField("qualification_seconds", "number", rolled_up=True, checked=True),
    CallField("sentiment_score", "number", rolled_up=True, checked=True),
    CallField("total_turns", "count", rolled_up=True, checked=True),
    CallField("user_turns", "count", rolled_up=True, checked=True),
    CallField("interruptions", "count", rolled_up=True, checked=True),
    CallField("attempt", "count", rolled_up=True),
    CallField("qualification_completed", "flag", rolled_up=True, checked=True),
    CallField("handoff_triggered", "flag", rolled_up=True, checked=True),
    CallField("errors", "errors", rolled_up=True),
    CallField("cost", "cost", rolled_up=True),
    CallField("metadata", "json"),
    CallField("answered_at", "moment"),
    CallField("ring_seconds", "number"),
    CallField("talk_seconds", "number"),
    CallField("language_raw", "text"),
    CallField("agent_interruptions", "count"),
    CallField("silences", "json"),
    CallField("end_reason_raw", "text"),
    CallField("hangup_by", "text"),
    CallField("usage", "json"),
    CallField("purpose", "text"),
    CallField("agent", "text"),
    CallField("agent_version", "text"),
    CallField("provider_call_id", "text"),
    CallField("telephony", "json"),
    CallField("links", "json"),
    CallField("compliance", "json"),
    CallField("handoff_answered_at", "moment"),
    CallField("handoff_wait_seconds", "number"),
)
"""In the order of the columns in the archive's files."""
