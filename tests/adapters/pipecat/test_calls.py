"""What a Pipecat bot's frames become, without Pipecat: its observer hands over plain data."""

from collections.abc import Mapping
from typing import Any

import pytest

from core.adapters.pipecat.calls import RINGING_SECONDS, End, PipecatCall
from core.adapters.waits import Span
from core.models.metrics import CallMetrics, TurnMetrics

T = 1_790_000_000.0
SPANS: list[Span] = [
    ("endpointing_wait", 200.0, "setting"),
    ("transcription", 84.7, "service"),
    ("turn_detection", 20.9, "setting"),
    ("speech_synthesis", 99.1, "service"),
]


def greeted() -> PipecatCall:
    """A call in which the agent has said its greeting, from T + 1.2 to T + 3."""
    call = PipecatCall("call_1", T)
    call.started(T + 1, connected=True)
    call.bot_started(T + 1.2)
    call.bot_stopped()
    return call


def ask(call: PipecatCall, at: float, *, answer: bool = True) -> TurnMetrics | None:
    """The lead asks for half a second; the agent answers 561.4 ms after that."""
    call.voice_started(at)
    over = call.user_started(at + 0.2)
    call.voice_stopped()
    call.user_spoke("hi-IN")
    if answer:
        call.bot_started(at + 1.1)
        call.waited(0.562)
        call.wait_explained(0.5614, 0.2848, [("asr", 0.285), ("llm", 0.156), ("tts", 0.0991)], SPANS)
    return over


def end(
    call: PipecatCall,
    how: End = End.FINISHED,
    reason: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> CallMetrics:
    """The call, ended at T + 60."""
    return call.ended(T + 60, how, reason, about or {})[1]


def test_a_turn_says_what_the_lead_waited_for_and_the_parts_add_up() -> None:
    call = greeted()
    greeting = ask(call, T + 5)
    turn = ask(call, T + 9)
    assert greeting
    assert (greeting.turn, greeting.start_time, greeting.e2e_ms) == (1, None, None)
    assert turn
    assert turn.turn == 2
    assert turn.start_time is not None
    assert turn.start_time.timestamp() == T + 5
    assert (turn.e2e_ms, turn.end_of_turn_delay_ms) == (561.4, 284.8)
    assert (turn.asr_ms, turn.llm_ttft_ms, turn.tts_ttfb_ms) == (285.0, 156.0, 99.1)
    assert turn.language == "hindi"
    assert turn.parts_add_up is True
    assert turn.parts
    assert [(part.key, part.ms, part.owner) for part in turn.parts][-1] == ("pipeline", 156.7, "agent")


def test_parts_that_are_more_than_the_whole_are_marked() -> None:
    call = greeted()
    ask(call, T + 5, answer=False)
    call.bot_started(T + 6)
    call.wait_explained(0.3, None, [], SPANS)
    turn = ask(call, T + 9)
    assert turn
    assert turn.parts_add_up is False


def test_a_pause_within_what_the_lead_says_is_no_turn_of_its_own() -> None:
    """The agent had not answered yet when the lead went on."""
    call = greeted()
    ask(call, T + 5, answer=False)
    assert ask(call, T + 7) is None
    assert end(call).total_turns == 2


def test_a_lead_who_cuts_in_interrupts_the_turn_that_the_agent_was_answering() -> None:
    """It is recorded again: that it was cut short is known once the next has begun."""
    call = greeted()
    ask(call, T + 5)
    over = ask(call, T + 7, answer=False)
    assert over
    assert over.interrupted is False
    again = call.interrupted()
    assert again
    assert (again.turn, again.interrupted, again.e2e_ms) == (2, True, 561.4)
    whole = end(call)
    assert (whole.interruptions, whole.total_turns, whole.user_turns) == (1, 3, 2)


def test_the_end_of_a_pipeline_interrupts_nothing() -> None:
    """Pipecat itself marks the last turn so."""
    call = greeted()
    ask(call, T + 5)
    call.bot_stopped()
    last, whole = call.ended(T + 9, End.FINISHED, "lead_hung_up", {})
    assert last
    assert (last.turn, last.interrupted, whole.interruptions) == (2, False, 0)


def test_an_agent_that_speaks_while_the_lead_does_cuts_in() -> None:
    call = greeted()
    call.voice_started(T + 5)
    call.user_started(T + 5.2)
    call.bot_started(T + 5.5)
    assert end(call).agent_interruptions == 1


def test_a_call_has_the_means_of_its_turns_and_the_sums_of_what_it_used() -> None:
    call = greeted()
    ask(call, T + 5)
    for _ in range(2):
        call.used("llm", "openai", "gpt-5-mini", input_tokens=130, cached_tokens=40, output_tokens=12)
        call.used("tts", "cartesia", "sonic", characters=22)
    call.used("asr", "deepgram", "nova-3", audio_seconds=1.25)
    whole = end(call)
    assert (whole.e2e_latency_ms, whole.asr_latency_ms) == (561.4, 285.0)
    assert whole.language == "hindi"
    assert whole.metadata == {"greeting_ms": 200.0}
    assert whole.usage
    assert {
        (one.kind, one.provider, one.input_tokens, one.characters, one.audio_seconds) for one in whole.usage
    } == {
        ("llm", "openai", 260, None, None),
        ("tts", "cartesia", None, 44, None),
        ("asr", "deepgram", None, None, 1.25),
    }


@pytest.mark.parametrize(
    ("how", "reason", "left", "expected"),
    [
        (End.FINISHED, "lead_hung_up", False, ("completed", "customer_hung_up", None)),
        (End.FINISHED, None, False, ("completed", "agent_goodbye", "agent")),
        (End.CANCELLED, None, True, ("completed", "customer_hung_up", "customer")),
        (End.CANCELLED, None, False, ("completed", "cancelled", "system")),
        (End.CANCELLED, "idle timeout", False, ("completed", "silence", None)),
        (End.CANCELLED, "voicemail", False, ("no_answer", "voicemail", None)),
        (End.FINISHED, "our own word", False, ("completed", "unknown", None)),
        (End.NOT_STARTED, None, False, ("failed", "platform_error", None)),
    ],
)
def test_an_ending_is_what_the_bot_says_else_what_happened(
    how: End, reason: str | None, left: bool, expected: tuple[str, str, str | None]
) -> None:
    call = greeted()
    ask(call, T + 5)
    if left:
        call.client_left(T + 50)
    whole = end(call, how, reason)
    assert (whole.status, whole.end_reason, whole.hangup_by) == expected


def test_half_a_character_in_a_bots_reason_costs_no_call() -> None:
    """As from JSON that JavaScript cut; the rest of the call is recorded."""
    call = end(greeted(), reason="not now \ud83d", about={"lead_id": "lead_1"})
    assert (call.status, call.lead_id, call.end_reason) == ("completed", "lead_1", None)


def test_nobody_there_is_no_answer() -> None:
    call = PipecatCall("call_1", T)
    call.started(T, connected=False)
    whole = end(call, End.CANCELLED)
    assert (whole.status, whole.end_reason, whole.total_turns) == ("no_answer", "cancelled", 0)


def test_a_lead_whom_the_agent_dialled_rang_first() -> None:
    """A line that was there before the pipeline did not ring here."""
    call = PipecatCall("call_1", T)
    call.started(T, connected=False)
    call.client_connected(T + 7)
    whole = end(call)
    assert (whole.ring_seconds, whole.duration_seconds) == (7.0, 53.0)
    assert end(greeted()).ring_seconds is None
    assert RINGING_SECONDS < 7


@pytest.mark.parametrize(
    ("kind", "category", "type_", "fault", "ending"),
    [
        ("llm", "rate_limit", "llm_rate_limit", "provider", "provider_error"),
        ("tts", "authentication", "tts_authentication", "agent", "configuration"),
        ("asr", None, "asr_error", "provider", "provider_error"),
        (None, "unknown", "pipeline_error", "agent", "platform_error"),
        (None, "application", "pipeline_application", "agent", "platform_error"),
    ],
)
def test_an_error_has_a_short_type_and_a_fault_and_may_end_the_call(
    kind: Any, category: str | None, type_: str, fault: str, ending: str
) -> None:
    """Nothing of its text is kept: it may hold keys and what was said."""
    call = greeted()
    ask(call, T + 5)
    call.failed(T + 8, kind, category, ends=False)
    goes_on = end(call)
    assert [(one.type, one.fault) for one in goes_on.errors] == [(type_, fault)]
    assert goes_on.status == "completed"
    call.failed(T + 9, kind, category, ends=True)
    over = end(call, End.CANCELLED, "fatal error: key sk-1 of 98765 43210 is wrong")
    assert (over.status, over.end_reason, over.end_reason_raw) == ("failed", ending, None)


def test_an_agent_that_never_answers_because_of_errors_has_failed() -> None:
    """Though it greeted the lead, and the lead hung up."""
    call = greeted()
    ask(call, T + 5, answer=False)
    call.failed(T + 6, "llm", "quota", ends=False)
    whole = end(call, reason="lead_hung_up")
    assert (whole.status, whole.end_reason) == ("failed", "provider_error")


def test_what_the_bot_says_of_a_call_is_taken_and_what_cannot_be_used_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names it: nobody else tells the bot's engineers."""
    about = {
        "lead_id": "lead_7",
        "direction": "inbound",
        "attempt": "none",
        "secret": "x",
        "start_time": "never",
        "qualification_completed": True,
    }
    whole = end(greeted(), about=about)
    assert (whole.lead_id, whole.direction, whole.attempt) == ("lead_7", "inbound", None)
    assert whole.qualification_completed is True
    assert whole.start_time.timestamp() == T + 1
    (line,) = [one for one in caplog.records if "left out" in one.getMessage()]
    assert list(line.__dict__["fields"]) == ["attempt"]
