"""What was said in a turn, and for how long, as frameworks and platforms tell it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.adapters.livekit import Line, read_report
from core.adapters.pipecat.calls import End, PipecatCall
from core.adapters.sources import SOURCES
from core.adapters.turns import exchanges, length_ms
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from tests.adapters.cases import case

REPORT = Path(__file__).parent / "recorded" / "livekit_report.json"
T = 1_790_000_000.0


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORD_TRANSCRIPTS", "1")
    get_settings.cache_clear()


def elevenlabs() -> list[TurnMetrics]:
    payload = copy.deepcopy(case("elevenlabs", "completed"))
    said = payload["data"]["transcript"]
    said[2]["tool_results"] = [
        {"tool_name": "rates", "tool_latency_secs": 0.42, "is_error": False, "result_value": "8.4"},
        {"tool_name": "crm", "is_error": True},
    ]
    return list(SOURCES["elevenlabs"].read(payload).turns)


def vapi() -> list[TurnMetrics]:
    payload = copy.deepcopy(case("vapi", "completed"))
    begin = 1_793_597_412_000
    payload["message"]["artifact"]["messages"] = [
        {"role": "system", "message": "You are Asha"},
        {"role": "bot", "message": "Namaste!", "time": begin, "endTime": begin + 900},
        {"role": "user", "message": "Namaste, loan", "time": begin + 4_000, "endTime": begin + 5_500},
        {"role": "bot", "message": "Ji", "time": begin + 6_490, "endTime": begin + 7_000},
        {"role": "user", "message": "Kitna", "time": begin + 8_000, "endTime": begin + 8_600},
        {"role": "user", "message": "milega?", "time": begin + 8_900, "endTime": begin + 9_200},
        {"role": "bot", "message": "Das lakh", "time": begin + 10_340, "endTime": begin + 12_000},
    ]
    return list(SOURCES["vapi"].read(payload).turns)


def retell() -> list[TurnMetrics]:
    payload = copy.deepcopy(case("retell", "completed"))
    payload["call"]["transcript_object"] = [
        {"role": role, "content": words, "words": [{"word": "x", "start": begin, "end": begin + 1.5}]}
        for role, words, begin in (
            *(("agent", "Namaste!", 0.2), ("user", "Namaste, loan", 4.0), ("agent", "Ji", 6.3)),
            *(("user", "Kitna", 8.0), ("agent", "Das lakh", 10.4), ("user", "Theek", 14.0)),
            ("agent", "Shukriya", 16.5),
        )
    ]
    return list(SOURCES["retell"].read(payload).turns)


def livekit() -> list[TurnMetrics]:
    report: dict[str, Any] = json.loads(REPORT.read_text())
    items = report["chat_history"]["items"]
    messages = [item for item in items if item["type"] == "message"]
    messages[2]["content"] = ["Namaste, loan", {"type": "image"}]
    messages[3]["content"] = ["Ji"]
    began = messages[3]["created_at"]
    items.insert(-1, {"type": "function_call", "call_id": "f1", "name": "rates", "created_at": began})
    output = {"type": "function_call_output", "call_id": "f1", "is_error": True, "created_at": began + 0.42}
    items.insert(-1, output)
    return read_report(report, {}, Line())[1][1:]


def pipecat() -> list[TurnMetrics]:
    call = PipecatCall("call_1", T)
    call.started(T, connected=True)
    call.voice_started(T + 5)
    call.user_started(T + 5.2)
    call.user_spoke("hi-IN", "Namaste,")
    call.voice_stopped(T + 6.5)
    call.user_spoke("hi-IN", "loan")
    call.tool_used("rates", T + 6.6, 0.42)
    call.waited(0.99)
    call.bot_started(T + 7.49)
    call.bot_spoke("Ji")
    call.bot_stopped(T + 8)
    last, _ = call.ended(T + 60, End.FINISHED, None, {})
    assert last
    return [last]


Told = Callable[[], list[TurnMetrics]]


@pytest.mark.parametrize("told", [elevenlabs, vapi, retell, livekit, pipecat])
def test_what_was_said_is_told_where_it_is_wanted(told: Told, recorded: None) -> None:
    turn = told()[0]
    assert turn.transcript == "Lead: Namaste, loan" + (
        " ke baare mein batana hai\nAgent: Ji" if told is elevenlabs else "\nAgent: Ji"
    )


@pytest.mark.parametrize("told", [elevenlabs, vapi, retell, livekit, pipecat])
def test_unless_it_is_asked_for_nothing_of_it_is_kept(told: Told) -> None:
    assert "Namaste" not in repr(told())


@pytest.mark.parametrize(
    ("told", "lead_ms", "agent_ms"),
    [(vapi, 1_500, 510), (retell, 1_500, 1_500), (livekit, 1_500, None), (pipecat, 1_500, 510)],
)
def test_how_long_each_side_spoke_is_told(told: Told, lead_ms: float, agent_ms: float | None) -> None:
    turn = told()[0]
    assert turn.lead_speech_ms == pytest.approx(lead_ms)
    assert turn.agent_speech_ms == (None if agent_ms is None else pytest.approx(agent_ms))
    assert turn.start_time is not None


@pytest.mark.parametrize(("told", "ok"), [(elevenlabs, [True, False]), (livekit, [False]), (pipecat, [True])])
def test_the_tools_of_a_turn_are_told(told: Told, ok: list[bool]) -> None:
    tools = told()[0].tool_calls or []
    assert [one.ok for one in tools] == ok
    assert tools[0].name == "rates"
    assert tools[0].ms == pytest.approx(420)


def test_words_that_belong_to_no_one_turn_are_left_out(recorded: None) -> None:
    """The recorded payloads have one message, and waits of two turns: nobody can say of which it is."""
    for source in ("vapi", "retell"):
        turns = SOURCES[source].read(case(source, "completed")).turns
        assert len(turns) > 1
        assert [turn.transcript for turn in turns] == [None] * len(turns)


def test_exchanges_are_questions_with_their_answers() -> None:
    items = [
        ("agent", 0),
        ("lead", 1),
        ("lead", 2),
        ("agent", 3),
        ("agent", 4),
        ("lead", 5),
        ("agent", 6),
        ("lead", 7),
    ]
    assert exchanges(items) == [([1, 2], [3, 4]), ([5], [6])]


def test_a_length_that_makes_no_sense_is_not_known() -> None:
    assert (length_ms(1.0, 2.5), length_ms(2.0, 1.0), length_ms(None, 1.0), length_ms(0.0, 4_000.0)) == (
        *(1_500, None, None, None),
    )
