"""What Retell posts of a call."""

import pytest

from core.adapters.delivery import RefusedDeliveryError
from core.adapters.platforms import retell
from tests.adapters.cases import case, dollars, facts, facts_of, read


def test_a_call_that_ended_is_told_whole() -> None:
    told = facts("retell", "completed")
    assert (told["status"], told["end_reason"], told["end_reason_raw"]) == (
        "completed",
        "customer_hung_up",
        "user_hangup",
    )
    assert (told["end_time"] - told["start_time"]).total_seconds() == 120
    assert (told["agent"], told["agent_version"], told["provider_call_id"]) == ("agent-5", "7", "CA88")
    assert (told["e2e_latency_ms"], told["asr_latency_ms"]) == (900, 85)


def test_a_wait_of_a_service_is_that_of_a_turn_only_where_there_is_one_for_each() -> None:
    """Here the transcription has two values for three turns: no one can say of which."""
    turns = read("retell", "completed").turns
    assert [turn.e2e_ms for turn in turns] == [800, 900, 1000]
    assert [turn.llm_ttft_ms for turn in turns] == [350, 400, 450]
    assert [turn.asr_ms for turn in turns] == [None, None, None]


def test_cents_become_dollars_by_part_of_the_cost() -> None:
    assert dollars(facts("retell", "completed")["cost"]) == {
        "llm": 0.1,
        "tts": 0.14,
        "telephony": 0.03,
        "platform": 0.035,
        "other": 0.01,
    }


def test_the_analysis_adds_sentiment_and_outcome_and_is_the_last_word() -> None:
    report = read("retell", "analyzed").reports[0]
    told = facts_of(report)
    assert (report.stage, report.final) == (60, True)
    assert (told["sentiment_score"], told["qualification"]) == (1, "private_unsecured")
    assert not read("retell", "completed").reports[0].final


def test_a_voicemail_is_one_whoever_hung_up() -> None:
    told = facts("retell", "voicemail")
    assert (told["end_reason"], told["status"]) == ("voicemail", "no_answer")


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("failed", "provider_error", "failed"),
        ("no_answer", "no_answer", "no_answer"),
        ("transferred", "transferred", "completed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("retell", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_a_call_that_was_stopped_was_talked_in() -> None:
    payload = case("retell", "completed")
    payload["call"]["disconnection_reason"] = "manual_stopped"
    told = facts_of(retell.read(payload).reports[0])
    assert (told["end_reason"], told["status"]) == ("cancelled", "completed")


def test_a_transfer_is_told_while_the_call_goes_on() -> None:
    delivery = read("retell", "transfer_bridged")
    assert (delivery.reports[0].stage, delivery.live) == (40, "started")
    assert facts_of(delivery.reports[0])["handoff_triggered"] is True


def test_a_call_without_an_id_is_refused_by_name() -> None:
    with pytest.raises(RefusedDeliveryError, match=r"call\.call_id is missing"):
        retell.read({"event": "call_ended", "call": {"call_status": "ended"}})


def test_a_charge_without_a_product_is_part_of_the_cost() -> None:
    payload = case("retell", "completed")
    payload["call"]["call_cost"]["combined_cost"] = 34.0
    cost = dollars(facts_of(retell.read(payload).reports[0])["cost"])
    assert round(sum(cost.values()), 6) == 0.34
