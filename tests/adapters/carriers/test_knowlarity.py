"""What Knowlarity posts of a call."""

import pytest

from tests.adapters.cases import facts, read


def test_the_record_of_a_call_is_told() -> None:
    told = facts("knowlarity", "completed")
    assert told["start_time"].isoformat() == "2026-11-02T05:30:00+00:00"
    assert (told["status"], told["talk_seconds"], told["lead_id"]) == ("completed", 120, "L-87")


def test_the_record_of_a_dialled_call_tells_when_it_was_answered() -> None:
    told = facts("knowlarity", "record")
    assert (told["answered_at"] - told["start_time"]).total_seconds() == 8
    assert (told["talk_seconds"], told["attempt"], told["status"]) == (357, 2, "completed")


@pytest.mark.parametrize(("name", "end_reason"), [("no_answer", "no_answer"), ("record_busy", "busy")])
def test_calls_that_nobody_took(name: str, end_reason: str) -> None:
    told = facts("knowlarity", name)
    assert (told["end_reason"], told["status"]) == (end_reason, "no_answer")


def test_events_tell_the_steps() -> None:
    steps = [read("knowlarity", name) for name in ("originate", "answered", "hangup", "completed")]
    assert [step.reports[0].stage for step in steps] == [10, 30, 50, 70]
    assert [step.live for step in steps] == ["started", "started", "ended", "ended"]
    assert [step.reports[0].final for step in steps] == [False, False, False, True]
