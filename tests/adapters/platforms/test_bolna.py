"""What Bolna posts of an execution."""

import pytest

from core.adapters.platforms import bolna
from tests.adapters.cases import case, dollars, facts, facts_of, read


def test_a_conversation_is_told_whole() -> None:
    told = facts("bolna", "completed")
    assert (told["status"], told["end_reason"], told["hangup_by"]) == (
        "completed",
        "customer_hung_up",
        "customer",
    )
    assert (told["duration_seconds"], told["ring_seconds"]) == (95, 11)
    assert (told["campaign"], told["agent"], told["provider_call_id"]) == ("batch-9", "agent-b", "PL-31")
    assert told["qualification"] == "public_unsecured"
    assert dollars(told["cost"]) == {
        "asr": 0.01,
        "llm": 0.021,
        "tts": 0.043,
        "telephony": 0.03,
        "platform": 0.02,
    }


@pytest.mark.parametrize(
    ("name", "end_reason"), [("completed_unanswered", "declined"), ("completed_silent", "no_answer")]
)
def test_completed_without_a_conversation_was_not_answered(name: str, end_reason: str) -> None:
    told = facts("bolna", name)
    assert (told["end_reason"], told["status"]) == (end_reason, "no_answer")


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("failed", "carrier_failed", "failed"),
        ("balance_low", "limit_or_payment", "failed"),
        ("transferred", "transferred", "completed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("bolna", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_that_the_line_dropped_says_nothing_yet_of_how() -> None:
    """Length and cost are still nothing then, and would be recorded as such."""
    delivery = read("bolna", "disconnected")
    told = facts_of(delivery.reports[0])
    assert delivery.live == "ended"
    assert not {"status", "end_reason", "duration_seconds", "cost"} & told.keys()


def test_turns_are_joined_by_number_and_the_greeting_is_none() -> None:
    first, second = read("bolna", "completed").turns
    assert (first.turn, first.asr_ms, first.llm_ttft_ms, first.tts_ttfb_ms) == (1, 120, 400, 180)
    assert (second.turn, second.e2e_ms) == (2, None)


def test_a_call_that_was_stopped_while_they_talked_is_completed() -> None:
    told = facts_of(bolna.read(case("bolna", "completed") | {"status": "stopped"}).reports[0])
    assert told["status"] == "completed"


def test_a_queued_call_is_none_yet() -> None:
    assert read("bolna", "queued").reports == ()


def test_what_the_agent_says_unasked_is_no_turn() -> None:
    """As Bolna posts it when the lead is silent: "are you still there?" has the number -1."""
    payload = case("bolna", "completed")
    payload["latency_data"]["synthesizer"]["turns"] = [
        {"turn": -1, "time_to_first_token": 223},
        {"turn": 1, "time_to_first_token": 301},
        {"turn": -1, "time_to_first_token": 245},
        {"turn": 2, "time_to_first_token": 307},
        {"turn": -1, "time_to_first_token": 250},
        {"turn": 1, "time_to_first_token": 405},
    ]
    delivery = bolna.read(payload)
    assert [(turn.turn, turn.tts_ttfb_ms) for turn in delivery.turns] == [(1, 301), (2, 307)]
    assert delivery.refused == {}


def test_the_cost_of_a_transfer_is_part_of_the_calls() -> None:
    payload = case("bolna", "completed")
    payload["cost_breakdown"]["transfer_cost"] = 3.6
    payload["total_cost"] = 16.0
    cost = dollars(facts_of(bolna.read(payload).reports[0])["cost"])
    assert (cost["other"], round(sum(cost.values()), 6)) == (0.036, 0.16)


def test_what_was_used_of_models_and_voice_is_told() -> None:
    payload = case("bolna", "completed")
    payload["usage_breakdown"] = {
        "llmTokens": 0,
        "llm_usage_breakdown": {
            "hangup": None,
            "conversation": {
                "input": 34553,
                "output": 270,
                "model": "azure/gpt-4.1-mini",
                "provider": "azure",
            },
        },
        "synthesizer_characters": 519,
        "synthesizer_model": "eleven_turbo_v2_5",
        "synthesizer_provider": "elevenlabs",
        "transcriber_duration": 68.4,
        "transcriber_provider": "deepgram",
    }
    delivery = bolna.read(payload)
    assert (delivery.refused, delivery.unknown) == ({}, ())
    llm, tts, asr = facts_of(delivery.reports[0])["usage"]
    assert llm == {
        "kind": "llm",
        "provider": "azure",
        "model": "gpt-4.1-mini",
        "input_tokens": 34553,
        "output_tokens": 270,
    }
    assert (tts["provider"], tts["model"], tts["characters"]) == ("elevenlabs", "eleven_turbo_v2_5", 519)
    assert (asr["provider"], asr["audio_seconds"]) == ("deepgram", 68.4)
