"""What Twilio posts of a call."""

import pytest

from tests.adapters.cases import dollars, facts, facts_of, read


def test_the_last_callback_tells_when_it_was_answered_and_how_long_they_talked() -> None:
    told = facts("twilio", "completed")
    assert (told["status"], told["talk_seconds"]) == ("completed", 60)
    assert (told["end_time"] - told["answered_at"]).total_seconds() == 60
    assert "end_reason" not in told


def test_a_start_that_no_callback_gives_is_a_guess_that_counts_least() -> None:
    guess, told = read("twilio", "completed").reports
    assert guess.stage < 10 < told.stage
    assert facts_of(guess).keys() == {"start_time"}
    assert "start_time" not in facts_of(told)


def test_the_first_callback_gives_the_start() -> None:
    told = facts("twilio", "initiated")
    assert told["start_time"].isoformat() == "2026-11-02T05:30:00+00:00"


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("declined", "declined", "no_answer"),
        ("failed", "carrier_failed", "failed"),
        ("machine", "voicemail", "no_answer"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("twilio", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_a_price_below_nothing_is_what_the_call_cost() -> None:
    assert dollars(facts("twilio", "priced")["cost"]) == {"telephony": 0.014}
