"""A LiveKit session's report as a call and its turns."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from core.adapters.livekit import Line, read_report
from core.storage.collections import CALLS, TURNS
from core.storage.recording.active_calls import count_active
from core.types import Document
from tests.adapters.environments import INSTALL_SECONDS, python_with, run_in

REPORT = Path(__file__).parent / "recorded" / "livekit_report.json"
"""Of a session of LiveKit Agents 1.8.9 (session.py made it); texts are left out."""


@pytest.fixture
def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(REPORT.read_text())
    return content


def test_a_report_is_a_call_with_its_turns(report: dict[str, Any]) -> None:
    call, turns = read_report(report, {"lead_id": "lead_7", "secret": "x"}, Line())
    assert (call.call_id, call.lead_id, call.agent) == ("loan-call-1", "lead_7", "asha")
    assert (call.status, call.end_reason, call.hangup_by) == ("completed", "agent_goodbye", "agent")
    assert call.end_reason_raw == "user_initiated"
    assert (call.total_turns, call.user_turns, call.interruptions) == (2, 2, 1)
    assert [(one.type, one.fault) for one in call.errors] == [("llm_error", "provider")]
    assert call.usage
    assert [(one.model, one.input_tokens, one.cached_tokens, one.output_tokens) for one in call.usage] == [
        ("made-mind", 90, 40, 12)
    ]
    assert call.duration_seconds == pytest.approx(report["timestamp"] - report["started_at"], abs=0.001)
    typed, spoken = turns
    assert (typed.turn, typed.e2e_ms, typed.parts) == (1, None, None)
    assert (spoken.turn, spoken.e2e_ms, spoken.interrupted) == (2, 1060, True)
    assert (spoken.asr_ms, spoken.end_of_turn_delay_ms, spoken.llm_ttft_ms, spoken.tts_ttfb_ms) == (
        210,
        600,
        310,
        120,
    )


def test_a_value_that_no_call_can_have_costs_no_call(report: dict[str, Any]) -> None:
    """A long name of an agent or id of a carrier, half a character, an absurd amount or wait."""
    report["agent_name"] = "a" * 129
    report["usage"] = [*report["usage"], {"type": "tts_usage", "audio_duration": -1}]
    for item in report["chat_history"]["items"]:
        if "e2e_latency" in item.get("metrics", {}):
            item["metrics"]["e2e_latency"] = float("nan")
    line = Line({"sip.callID": "c" * 300})
    call, turns = read_report(report, {"call_id": "cut \ud83d", "campaign": "home"}, line)
    assert (call.call_id, call.campaign, call.status) == ("cut ?", "home", "completed")
    assert (call.agent, call.provider_call_id, len(call.usage or ())) == (None, None, 1)
    assert [turn.e2e_ms for turn in turns] == [None, None]


def test_the_parts_of_a_wait_make_it_up_and_say_who_can_shorten_it(report: dict[str, Any]) -> None:
    _, turns = read_report(report, {}, Line())
    parts = turns[1].parts
    assert parts
    assert [(part.key, part.ms, part.owner) for part in parts] == [
        ("transcription", 210, "service"),
        ("turn_detection", 390, "setting"),
        ("turn_callback", 4, "agent"),
        ("llm_inference", 310, "service"),
        ("speech_synthesis", 120, "service"),
        ("output_transport", 2, "network"),
        ("pipeline", 24, "agent"),
    ]
    assert turns[1].parts_add_up is True


def test_a_model_that_ran_before_the_turn_was_over_is_marked(report: dict[str, Any]) -> None:
    """With preemptive generation the parts overlap, and are more than what the lead waited."""
    report["chat_history"]["items"][-1]["metrics"]["e2e_latency"] = 0.8
    _, turns = read_report(report, {}, Line())
    assert turns[1].parts_add_up is False


def closings() -> Iterator[tuple[str | None, Line, tuple[str, str, str | None]]]:
    """How a session is closed, what the room says, and what becomes of it."""
    yield "participant_disconnected", Line(), ("completed", "customer_hung_up", "customer")
    yield "task_completed", Line(), ("completed", "agent_goodbye", "agent")
    yield "job_shutdown", Line(), ("completed", "cancelled", "system")
    yield "error", Line(), ("failed", "provider_error", "system")
    yield "a new one", Line(), ("completed", "unknown", None)
    yield "participant_disconnected", Line(left="USER_REJECTED"), ("no_answer", "declined", None)
    yield "participant_disconnected", Line(left="SIP_TRUNK_FAILURE"), ("failed", "carrier_failed", None)
    yield (
        "participant_disconnected",
        Line(left="CLIENT_INITIATED"),
        ("completed", "customer_hung_up", "customer"),
    )
    yield None, Line(), ("failed", "platform_error", None)


@pytest.mark.parametrize(("reason", "line", "expected"), list(closings()))
def test_an_ending_is_why_the_session_closed_or_the_line_broke(
    report: dict[str, Any], reason: str | None, line: Line, expected: tuple[str, str, str | None]
) -> None:
    events = [one for one in report["events"] if one["type"] != "close"]
    report["events"] = [*events, *([{"type": "close", "reason": reason}] if reason else [])]
    call, _ = read_report(report, {}, line)
    assert (call.status, call.end_reason, call.hangup_by) == expected


def test_a_job_without_a_session_rang_out() -> None:
    report = {"job_id": "AJ_1", "room": "", "timestamp": 1_790_000_030.0, "started_at": 1_790_000_000}
    call, turns = read_report(report, {}, Line(left="USER_UNAVAILABLE"))
    assert (call.call_id, call.status, call.end_reason, turns) == ("AJ_1", "no_answer", "no_answer", [])


def test_the_line_says_the_carriers_id_and_who_phoned(report: dict[str, Any]) -> None:
    call, _ = read_report(report, {}, Line({"sip.callID": "SCL_1", "sip.ruleID": "SDR_1"}))
    assert (call.provider_call_id, call.direction) == ("SCL_1", "inbound")
    assert (
        read_report(report, {"direction": "outbound"}, Line({"sip.ruleID": "SDR_1"}))[0].direction
        == "outbound"
    )


def test_usage_of_every_kind_is_counted_and_detectors_are_not(report: dict[str, Any]) -> None:
    report["usage"] = [
        {"type": "stt_usage", "provider": "deepgram", "model": "nova-3", "audio_duration": 12.5},
        {"type": "tts_usage", "provider": "cartesia", "model": "sonic", "characters_count": 80},
        {
            "type": "llm_usage",
            "provider": "openai",
            "model": "gpt-realtime",
            "session_duration": 9.0,
            "input_tokens": 5,
        },
        {"type": "eot_usage", "provider": "livekit", "model": "turn-detector", "total_requests": 4},
    ]
    call, _ = read_report(copy.deepcopy(report), {}, Line())
    assert call.usage
    assert [(one.kind, one.audio_seconds, one.characters, one.input_tokens) for one in call.usage] == [
        ("asr", 12.5, None, None),
        ("tts", None, 80, None),
        ("realtime", None, None, 5),
    ]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_with("livekit", tmp_path_factory)


@pytest.mark.full
@pytest.mark.timeout(INSTALL_SECONDS + 300)
def test_a_job_of_the_real_package_is_recorded_at_its_end(python: Path, database: Database[Document]) -> None:
    """Two lines of the agent's; the session is real, its line and its models are made."""
    script = Path(__file__).with_name("session.py")
    done = run_in(python, script, "answered")
    assert done.returncode == 0, done.stderr
    call = database[CALLS].find_one({"_id": "loan-call-1"})
    assert call
    assert (call["status"], call["end_reason"], call["campaign"]) == ("completed", "agent_goodbye", "festive")
    assert call["qualification_completed"] is True
    assert [(one["type"], one["fault"]) for one in call["errors"]] == [("llm_error", "provider")]
    assert [(one["model"], one["input_tokens"]) for one in call["usage"]] == [("made-mind", 90)]
    assert "sk-secret" not in json.dumps(call, default=str)
    turns = database[TURNS].find({"call_id": "loan-call-1"}).sort("turn").to_list()
    assert 50 <= turns[0]["llm_ttft_ms"] < 500
    assert (turns[1]["e2e_ms"], turns[1]["parts_add_up"], turns[1]["interrupted"]) == (1060, True, True)
    assert count_active(database) == 0

    assert run_in(python, script, "unanswered").returncode == 0
    again = database[CALLS].find_one({"_id": "loan-call-1"})
    assert again
    assert (again["status"], again["end_reason"]) == ("no_answer", "no_answer")
