"""What Plivo posts of a call."""

import pytest

from tests.adapters.cases import dollars, facts, read


def test_a_call_is_told_whole() -> None:
    told = facts("plivo", "completed")
    assert (told["status"], told["end_reason"], told["hangup_by"]) == (
        "completed",
        "customer_hung_up",
        "customer",
    )
    assert (told["answered_at"] - told["start_time"]).total_seconds() == 12
    assert (told["talk_seconds"], told["lead_id"]) == (57, "L-84")
    assert dollars(told["cost"]) == {"telephony": 0.0075}
    assert told["telephony"] == {"provider": "plivo", "number_series": "1600"}


def test_our_own_id_comes_back_in_the_address() -> None:
    assert read("plivo", "completed").reports[0].call_id == "ours-10"
    assert read("plivo", "no_answer").reports[0].known_call is False


@pytest.mark.parametrize(
    ("name", "end_reason", "status", "hangup_by"),
    [
        ("agent_ended", "agent_goodbye", "completed", "agent"),
        ("no_answer", "no_answer", "no_answer", "carrier"),
        ("rejected", "declined", "no_answer", "customer"),
        ("failed", "carrier_failed", "failed", "carrier"),
        ("inbound", "customer_hung_up", "completed", "customer"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str, hangup_by: str) -> None:
    told = facts("plivo", name)
    assert (told["end_reason"], told["status"], told["hangup_by"]) == (end_reason, status, hangup_by)


def test_a_machine_that_answers_is_a_voicemail() -> None:
    assert (facts("plivo", "machine")["end_reason"], facts("plivo", "machine")["status"]) == (
        "voicemail",
        "no_answer",
    )


def test_a_price_below_nothing_is_what_the_call_cost() -> None:
    assert dollars(facts("plivo", "inbound")["cost"]) == {"telephony": 0.0055}
