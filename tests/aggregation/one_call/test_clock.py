"""A call on its clock: who spoke when, and to which turn a log line belongs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.aggregation.one_call.clock import CallClock, clock_of
from core.models.metrics import CallMetrics, TurnMetrics

START = datetime(2026, 11, 24, 6, 40, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def turn(number: int, seconds: float | None, **fields: Any) -> TurnMetrics:
    start = None if seconds is None else at(seconds)
    return TurnMetrics(call_id="c", turn=number, start_time=start, **fields)


def clock(*turns: TurnMetrics, **fields: Any) -> CallClock:
    call = CallMetrics.model_validate(
        {"call_id": "c", "status": "completed", "direction": "outbound", "start_time": START}
        | {"duration_seconds": 60, **fields}
    )
    return clock_of(call, turns)


def test_a_wait_begins_with_the_lead_s_last_word_and_ends_with_the_agent_s_first() -> None:
    (one, other) = clock(
        turn(1, 10, lead_speech_ms=2_000, e2e_ms=900, agent_speech_ms=4_000), turn(2, 20, e2e_ms=500)
    ).turns
    assert (one.begin, one.lead_end, one.wait_end, one.agent_end) == (10, 12, 12.9, 16.9)
    # Of the second nobody told how long the sides spoke: the agent perhaps until the call's end.
    assert (other.begin, other.lead_end, other.wait_end, other.agent_end) == (20, 20, 20.5, None)
    assert (one.spoken_until, other.spoken_until) == (16.9, 60)


def test_the_clock_begins_when_the_lead_answers() -> None:
    found = clock(turn(1, 8), answered_at=at(5), duration_seconds=60)
    assert (found.origin, found.seconds, found.turns[0].begin) == (at(5), 60, 3)


def test_a_greeting_without_a_time_comes_first_and_other_turns_without_one_are_left_out() -> None:
    found = clock(turn(1, None, agent_speech_ms=3_000), turn(2, 6), turn(3, None))
    assert [(one.number, one.begin) for one in found.turns] == [(1, 0), (2, 6)]
    assert not clock(turn(1, None), turn(2, None)).is_told


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ({"timestamp": at(-1)}, None),
        ({"timestamp": at(9)}, None),
        ({"timestamp": at(10)}, 1),
        ({"timestamp": at(19.9)}, 1),
        ({"timestamp": at(59)}, 2),
        ({"timestamp": at(61)}, None),
        ({"timestamp": at(59), "turn": 1}, 1),
        ({"timestamp": at(59), "turn": True}, 2),
        ({"turn": "1"}, None),
    ],
)
def test_a_log_line_belongs_to_the_turn_it_names_or_that_of_its_time(
    line: dict[str, Any], number: int | None
) -> None:
    assert clock(turn(1, 10), turn(2, 20)).turn_of_line(line) == number


def test_silences_lie_where_they_were() -> None:
    """At their time, at the call's end, or after who spoke last; without any of it they are left out."""
    silences = [
        {"by": "customer", "seconds": 2, "at": at(30)},
        {"by": "agent", "seconds": 4, "ended_call": True},
        {"by": "agent", "seconds": 3, "turn": 1},
        {"by": "customer", "seconds": 3, "turn": 1},
        {"by": "agent", "seconds": 5},
    ]
    found = clock(turn(1, 10, lead_speech_ms=1_000, e2e_ms=500, agent_speech_ms=500), silences=silences)
    assert [(quiet.begin, quiet.end) for quiet in found.silences] == [(30, 32), (56, 60), (11, 14), (12, 15)]


def test_interruptions_and_changes_of_language_are_events() -> None:
    found = clock(
        turn(1, 10, language="hindi", reply_language="hindi", interrupted=True),
        turn(2, 20, language="english", reply_language="hindi", e2e_ms=1_000),
        turn(3, 30, language="unknown"),
    )
    assert [(event.at, event.kind, event.words) for event in found.events] == [
        (20, "interruption", "The lead cut the agent short"),
        (21, "reply_language", "The agent answered in Hindi"),
        (20, "lead_language", "The lead changed from Hindi to English"),
    ]
