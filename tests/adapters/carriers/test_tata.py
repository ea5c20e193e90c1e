"""What Tata Smartflo posts of a call."""

import pytest

from tests.adapters.cases import facts, read


def test_a_call_is_told_whole() -> None:
    told = facts("tata", "completed")
    assert told["start_time"].isoformat() == "2026-11-02T05:30:00+00:00"
    assert (told["status"], told["end_reason"], told["talk_seconds"]) == ("completed", "customer_hung_up", 90)
    assert (told["answered_at"] - told["start_time"]).total_seconds() == 14


def test_their_call_id_is_not_ours() -> None:
    known, other = read("tata", "completed").reports[0], read("tata", "answered").reports[0]
    assert (known.call_id, known.known_call) == ("ours-16", True)
    assert (other.call_id, other.known_call) == ("ta-131", False)


def test_steps_are_told_apart_by_their_stamps() -> None:
    assert [read("tata", name).reports[0].stage for name in ("received", "answered", "completed")] == [
        20,
        30,
        50,
    ]


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("busy", "busy", "no_answer"),
        ("failed", "carrier_failed", "failed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("tata", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)
