"""What Vapi posts of a call."""

import pytest

from core.adapters.delivery import RefusedDeliveryError
from core.adapters.platforms import vapi
from tests.adapters.cases import case, dollars, facts, facts_of, read


def test_a_call_that_ended_is_told_whole() -> None:
    told = facts("vapi", "completed")
    assert (told["status"], told["end_reason"], told["hangup_by"]) == (
        "completed",
        "customer_hung_up",
        "customer",
    )
    assert (told["end_time"] - told["start_time"]).total_seconds() == 120
    assert (told["lead_id"], told["campaign"], told["agent"]) == ("L-77", "gold-november", "asst-loan")
    assert (told["provider_call_id"], told["telephony"]) == (
        "CA77",
        {"provider": "twilio", "number_series": "1600"},
    )
    assert (told["language"], told["interruptions"], told["agent_interruptions"]) == ("hindi", 2, 1)
    assert (told["qualification"], told["qualification_completed"]) == ("public_secured", True)
    assert told["links"]["recording"].startswith("https://")


def test_the_call_is_ours_where_its_metadata_says_so() -> None:
    known, other = read("vapi", "completed").reports[-1], read("vapi", "no_answer").reports[-1]
    assert (known.call_id, known.known_call) == ("ours-1", True)
    assert (other.call_id, other.known_call) == ("vapi-7f3c", False)


def test_waits_are_told_turn_by_turn_with_their_parts() -> None:
    first, second = read("vapi", "completed").turns
    assert (first.turn, first.e2e_ms, first.llm_ttft_ms, first.end_of_turn_delay_ms) == (1, 990, 420, 300)
    assert [(part.key, part.ms, part.owner) for part in first.parts or ()] == [
        ("transcription", 90, "service"),
        ("endpointing_wait", 300, "setting"),
        ("llm_inference", 420, "service"),
        ("speech_synthesis", 180, "service"),
    ]
    assert (first.parts_add_up, second.parts_add_up, first.start_time) == (True, True, None)


def test_amounts_stay_in_dollars_until_a_rate_is_known() -> None:
    cost = facts("vapi", "completed")["cost"]
    assert dollars(cost) == {"asr": 0.011, "llm": 0.0252, "tts": 0.037, "telephony": 0.02, "platform": 0.05}
    usage = {item["kind"]: item for item in facts("vapi", "completed")["usage"]}
    assert (usage["llm"]["input_tokens"], usage["tts"]["characters"], usage["asr"]["audio_seconds"]) == (
        4210,
        1490,
        120,
    )


def test_a_provider_that_failed_is_an_error_of_the_call() -> None:
    told = facts("vapi", "failed")
    assert (told["status"], told["end_reason"], told["fault"]) == ("failed", "provider_error", "provider")
    assert told["errors"] == [{"type": told["end_reason_raw"], "fault": "provider"}]


def test_a_call_that_nobody_took_begins_when_it_was_made() -> None:
    told = facts("vapi", "no_answer")
    assert (told["status"], told["fault"]) == ("no_answer", "customer")
    assert (told["end_time"] - told["start_time"]).total_seconds() == 40


def test_a_call_that_was_handed_over_says_so() -> None:
    told = facts("vapi", "transferred")
    assert (told["end_reason"], told["handoff_triggered"], told["status"]) == (
        "transferred",
        True,
        "completed",
    )


def test_a_call_of_the_web_is_marked_as_one() -> None:
    told = facts("vapi", "web")
    assert (told["direction"], told["metadata"]) == ("inbound", {"channel": "web"})


@pytest.mark.parametrize(
    ("name", "stage", "live", "final"),
    [
        ("ringing", 20, "started", False),
        ("in_progress", 30, "started", False),
        ("completed", 60, "ended", True),
    ],
)
def test_the_steps_of_a_call_come_in_order(name: str, stage: int, live: str, final: bool) -> None:
    delivery = read("vapi", name)
    assert (delivery.reports[0].stage, delivery.live, delivery.reports[0].final) == (stage, live, final)


def test_a_message_of_another_kind_says_nothing() -> None:
    delivery = read("vapi", "speech")
    assert (delivery.event, delivery.reports, delivery.live) == ("speech-update", (), None)


@pytest.mark.parametrize(("field", "named"), [("type", "message.type"), ("call", "message.call.id")])
def test_a_message_without_type_or_call_is_refused_by_name(field: str, named: str) -> None:
    message = case("vapi", "no_answer")["message"]
    del message[field]
    with pytest.raises(RefusedDeliveryError, match=named):
        vapi.read({"message": message})


def test_one_wrong_figure_does_not_cost_the_others() -> None:
    payload = case("vapi", "completed")
    payload["message"]["artifact"]["performanceMetrics"]["turnLatencies"][0]["modelLatency"] = "fast"
    payload["message"]["costBreakdown"]["llm"] = {"of": 1}
    delivery = vapi.read(payload)
    assert set(delivery.refused) == {
        "message.artifact.performanceMetrics.turnLatencies[].modelLatency",
        "message.costBreakdown.llm",
    }
    assert delivery.turns[0].tts_ttfb_ms == 180
    cost = delivery.reports[0].facts.model_dump()["cost"]
    assert cost["origins"]["tts"]["amount"] == 0.037


def test_what_the_total_has_above_its_parts_is_part_of_the_cost() -> None:
    """Voicemail detection and analysis, as in a call that a mailbox took: a fifth of what Vapi charged."""
    message = case("vapi", "completed")["message"]
    parts = {"stt": 0.0091, "llm": 0.0031, "tts": 0, "vapi": 0.0424, "chat": 0, "total": 0.069}
    analysis = {"summary": 0, "successEvaluation": 0.0001}
    message["costBreakdown"] = parts | {"voicemailDetectionCost": 0.0142, "analysisCostBreakdown": analysis}
    cost = dollars(facts_of(vapi.read({"message": message}).reports[0])["cost"])
    assert (cost["other"], round(sum(cost.values()), 6)) == (0.0144, 0.069)


def test_a_cost_that_is_not_broken_down_is_not_lost() -> None:
    message = case("vapi", "completed")["message"] | {"cost": 0.069}
    message["costBreakdown"] = None
    assert dollars(facts_of(vapi.read({"message": message}).reports[0])["cost"]) == {"platform": 0.069}
