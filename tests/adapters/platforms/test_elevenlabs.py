"""What ElevenLabs posts of a conversation."""

import pytest

from core.adapters.platforms import elevenlabs
from tests.adapters.cases import case, dollars, facts, facts_of, read


def test_a_conversation_is_told_whole() -> None:
    told = facts("elevenlabs", "completed")
    assert (told["status"], told["end_reason"], told["language"]) == (
        "completed",
        "customer_hung_up",
        "hindi",
    )
    assert (told["end_time"] - told["start_time"]).total_seconds() == 90
    assert (told["provider_call_id"], told["telephony"]["provider"]) == ("EX-41", "exotel")
    assert (told["qualification"], told["campaign"], told["agent_version"]) == (
        "public_secured",
        "bc-1",
        "agtv-3",
    )
    assert dollars(told["cost"]) == {"llm": 0.02, "platform": 0.07}
    assert told["interruptions"] == 1


def test_a_turn_is_an_answer_to_the_lead_and_has_a_time() -> None:
    turns = read("elevenlabs", "completed").turns
    start = facts("elevenlabs", "completed")["start_time"]
    assert [turn.turn for turn in turns] == [1, 2]
    assert turns[0].start_time is not None
    assert (turns[0].start_time - start).total_seconds() == 4
    assert (turns[0].e2e_ms, turns[0].parts_add_up, turns[0].interrupted) == (1_000, True, True)


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("failed", "provider_error", "failed"),
        ("transferred", "transferred", "completed"),
        ("web", "customer_hung_up", "completed"),
        ("no_answer", "no_answer", "no_answer"),
        ("busy", "busy", "no_answer"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("elevenlabs", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_a_reason_in_free_text_is_kept_without_the_number_in_it() -> None:
    raw = facts("elevenlabs", "transferred")["end_reason_raw"]
    assert raw.startswith("transfer_to_number tool was called for")
    assert "8047123456" not in raw


def test_a_call_that_was_never_taken_has_the_moment_of_its_failure() -> None:
    told = facts("elevenlabs", "no_answer")
    assert told["start_time"].isoformat() == "2026-11-02T05:30:35+00:00"


def test_the_audio_of_a_call_is_not_kept() -> None:
    assert read("elevenlabs", "audio").reports == ()


def test_the_price_of_the_model_alone_is_not_that_of_the_call() -> None:
    payload = case("elevenlabs", "completed")
    payload["data"]["metadata"] |= {"cost_fiat": 0.1234, "charging": {"llm_price": 0.03}}
    cost = facts_of(elevenlabs.read(payload).reports[0])["cost"]
    assert dollars(cost) == {"llm": 0.03, "platform": 0.0934}


def test_what_was_used_of_models_and_voice_is_told() -> None:
    payload = case("elevenlabs", "completed")
    payload["data"]["metadata"]["charging"] |= {
        "llm_usage": {
            "irreversible_generation": {
                "model_usage": {
                    "gemini-2.5-flash": {
                        "input": {"tokens": 17898, "price": 0.04},
                        "input_cache_read": {"tokens": 27776, "price": 0.03},
                        "input_cache_write": {"tokens": 0, "price": 0},
                        "output_total": {"tokens": 543, "price": 0.01},
                    }
                }
            }
        },
        "tts_usage": {"primary_tts_model": "eleven_v3_conversational", "total_characters": 900},
        "asr_usage": {"total_audio_input_seconds": 61.5},
    }
    llm, tts, asr = facts_of(elevenlabs.read(payload).reports[0])["usage"]
    assert (llm["model"], llm["input_tokens"]) == ("gemini-2.5-flash", 45_674)
    assert (llm["cached_tokens"], llm["output_tokens"]) == (27_776, 543)
    assert (tts["model"], tts["characters"]) == ("eleven_v3_conversational", 900)
    assert asr["audio_seconds"] == 61.5
