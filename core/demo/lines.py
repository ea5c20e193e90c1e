"""The log lines of a simulated call."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.models.metrics import CallMetrics, TurnMetrics

SLOW_TURN_MS = 3_000


@dataclass(frozen=True)
class Line:
    """A log line: time, component, level, message and extra fields."""

    at: datetime
    component: str
    level: int
    message: str
    extra: dict[str, Any] = field(default_factory=dict)


def lines_of(call: CallMetrics, turns: Sequence[TurnMetrics]) -> Iterator[Line]:
    """Yield the lines of a call in time order."""
    yield from sorted(_unordered(call, turns), key=lambda line: line.at)


def _unordered(call: CallMetrics, turns: Sequence[TurnMetrics]) -> Iterator[Line]:
    about = {"direction": call.direction, "language": call.language, "campaign": call.campaign}
    yield Line(call.start_time, "telephony", logging.INFO, "Call started", about)
    for turn in turns:
        said = {"turn": turn.turn, "llm_ttft_ms": turn.llm_ttft_ms, "e2e_ms": turn.e2e_ms}
        slow = (turn.e2e_ms or 0) > SLOW_TURN_MS
        message, level = ("Slow answer", logging.WARNING) if slow else ("Turn answered", logging.DEBUG)
        yield Line(turn.start_time or call.start_time, "speech", level, message, said)
        if turn.interrupted:
            cut = {"turn": turn.turn}
            yield Line(
                turn.start_time or call.start_time, "speech", logging.INFO, "Lead cut the agent short", cut
            )
    end = call.end_time or call.start_time
    for error in call.errors:
        what = {"error_type": error.type, "fault": error.fault}
        yield Line(error.at or end, "telephony", logging.ERROR, "Something failed", what)
    if call.qualification_completed:
        yield Line(end, "business", logging.INFO, "Lead qualified", {"qualification": call.qualification})
    if call.handoff_triggered:
        yield Line(end, "business", logging.INFO, "Handed to a person")
    done = {"status": call.status, "end_reason": call.end_reason, "duration": call.duration_seconds}
    yield Line(end, "telephony", logging.INFO, "Call ended", done)
