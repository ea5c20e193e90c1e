"""One lead from first attempt to handoff, to show on a lead's page."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.clock import day_bounds
from core.demo.calls import Lead, SimulatedAgent
from core.demo.story import Story
from core.models.metrics import CallMetrics
from core.settings import get_settings

LEAD = Lead(90_001, "hinglish", "home-loan-festive")
"""Beyond the numbers of all other leads."""


def journey(agent: SimulatedAgent, story: Story) -> Iterator[CallMetrics]:
    """Yield a lead's calls: two unanswered, one asking for a callback, one failed, one qualified.

    The callback falls into the language model's incident, and fails.
    """
    incident = next(trouble for trouble in story.past if trouble.component == "llm")
    first = incident.start - timedelta(days=2)
    later, callback = _at(first, 0, 18, 40), incident.start + timedelta(minutes=25)
    asked = _at(first, 1, 12, 5)
    yield _unanswered(agent, _at(first, 0, 10, 20), 1, "rang_out")
    yield _unanswered(agent, later, 2, "busy")
    yield _made(
        agent,
        asked,
        3,
        {
            **_TALKED,
            "duration_seconds": 41.0,
            "total_turns": 6,
            "user_turns": 3,
            "sentiment_score": 0.1,
            "metadata": {"callback_at": callback.isoformat(), "outcome": "callback requested"},
        },
    )
    error = {"type": "llm_timeout", "fault": "provider", "at": callback + timedelta(seconds=26)}
    yield _made(
        agent,
        callback,
        4,
        {
            **_TALKED,
            "status": "failed",
            "duration_seconds": 28.0,
            "total_turns": 3,
            "user_turns": 1,
            "llm_latency_ms": 2_480.0,
            "e2e_latency_ms": 3_260.0,
            "end_reason": "provider_error",
            "fault": "provider",
            "errors": [error],
            "sentiment_score": -0.4,
        },
    )
    back = _at(incident.start, 1, 17, 30)
    yield _made(
        agent,
        back,
        5,
        {
            **_TALKED,
            "duration_seconds": 212.0,
            "total_turns": 20,
            "user_turns": 10,
            "qualification_completed": True,
            "qualification": "salaried",
            "qualification_seconds": 171.0,
            "handoff_triggered": True,
            "handoff_wait_seconds": 9.0,
            "handoff_answered_at": back + timedelta(seconds=212),
            "end_reason": "transferred",
            "sentiment_score": 0.52,
        },
    )


_TALKED: dict[str, object] = {
    "status": "completed",
    "interruptions": 0,
    "asr_latency_ms": 420.0,
    "llm_latency_ms": 540.0,
    "tts_latency_ms": 250.0,
    "e2e_latency_ms": 1_330.0,
    "end_reason": "agent_goodbye",
    "cost": {"asr": 0.8, "llm": 0.6, "tts": 1.0, "telephony": 1.24},
}


def _made(agent: SimulatedAgent, at: datetime, attempt: int, fields: dict[str, object]) -> CallMetrics:
    return CallMetrics.model_validate(agent.dialled(at, LEAD, attempt) | fields)


def _unanswered(agent: SimulatedAgent, at: datetime, attempt: int, end_reason: str) -> CallMetrics:
    fields: dict[str, object] = {
        "status": "no_answer",
        "duration_seconds": 29.0,
        "end_reason": end_reason,
        "cost": {"telephony": 0.0},
    }
    return _made(agent, at, attempt, fields)


def _at(day_of: datetime, days_later: int, hour: int, minute: int) -> datetime:
    """Return a local time some days after the day of a given time."""
    zone = get_settings().tz
    day = day_of.astimezone(zone).date() + timedelta(days=days_later)
    return day_bounds(day, zone)[0] + timedelta(hours=hour, minutes=minute)
