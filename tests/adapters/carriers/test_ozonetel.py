"""What Ozonetel posts of a call."""

import pytest

from core.adapters.carriers import ozonetel
from core.adapters.sources import SOURCES
from tests.adapters.cases import case, facts, facts_of, read


@pytest.mark.parametrize("name", ["completed", "as_json"])
def test_a_call_is_told_whether_it_comes_as_a_form_or_as_json(name: str) -> None:
    told = facts("ozonetel", name)
    assert told["start_time"].isoformat() == "2026-11-02T05:30:00+00:00"
    assert (told["ring_seconds"], told["talk_seconds"]) == (11, 286)
    assert (told["status"], told["end_reason"], told["campaign"]) == (
        "completed",
        "customer_hung_up",
        "gold_nov",
    )


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("agent_ended", "agent_goodbye", "completed"),
        ("no_answer", "no_answer", "no_answer"),
        ("failed", "carrier_failed", "failed"),
        ("invalid_number", "invalid_number", "failed"),
        ("transferred", "transferred", "completed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("ozonetel", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_our_own_id_comes_back_in_the_uui() -> None:
    assert read("ozonetel", "completed").reports[0].call_id == "ours-13"
    report = read("ozonetel", "agent_ended").reports[0]
    assert (report.call_id, facts_of(report)["lead_id"]) == ("ours-14", "L-86")


def test_the_key_of_the_account_is_named_as_a_secret() -> None:
    assert "Apikey" in SOURCES["ozonetel"].secrets


def test_events_tell_the_steps_and_leave_the_end_to_the_summary() -> None:
    calling, over = read("ozonetel", "calling"), read("ozonetel", "disconnect")
    assert (calling.live, calling.reports[0].stage) == ("started", 10)
    assert (over.live, "status" in facts_of(over.reports[0])) == ("ended", False)


def test_an_event_of_a_person_says_nothing_of_a_call() -> None:
    payload = case("ozonetel", "calling") | {"eventType": "Agent", "action": "login"}
    assert ozonetel.read(payload).reports == ()
