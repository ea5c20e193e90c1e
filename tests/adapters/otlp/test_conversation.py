"""Spans that the real packages exported, as calls and turns; whole, in pieces, and in any order."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from core.adapters.otlp.conversation import read_conversation
from core.adapters.otlp.gathering import Conversations
from core.adapters.otlp.spans import Span, UnreadableSpansError, read_json, read_protobuf
from core.models.calls.reports import CallReport
from core.models.metrics import TurnMetrics

DATA = Path(__file__).parents[1] / "recorded"


def recorded(name: str) -> list[Span]:
    """The spans of one call: Pipecat 1.14.0's and LiveKit Agents 1.8.9's own, of bots with made services."""
    spans, refused = read_protobuf((DATA / f"{name}_spans.pb").read_bytes())
    assert refused == 0
    return spans


def read(spans: list[Span]) -> tuple[CallReport, list[TurnMetrics]]:
    ((call_id, known),) = Conversations().add(spans).items()
    return read_conversation(call_id, known)[:2]


def facts_of(report: CallReport) -> dict[str, Any]:
    found: dict[str, Any] = report.facts.model_dump(exclude_none=True)
    return found


START = 1_790_000_000
NAMED = {"gen_ai.conversation.id": "c"}


def span(name: str, at: float = 0.0, **attributes: str | float | bool) -> Span:
    start = 1_790_000_000 + at
    return Span("t", f"{name}{at}", "", name, start, start + 1, {"gen_ai.conversation.id": "c", **attributes})


def test_pipecats_spans_are_a_call_with_numbered_turns() -> None:
    report, turns = read(recorded("pipecat"))
    facts = facts_of(report)
    assert (report.call_id, report.final) == ("call_interrupted", True)
    assert (facts["status"], facts["lead_id"], facts["campaign"]) == ("completed", "lead_7", "festive")
    assert (facts["language"], facts["total_turns"], facts["interruptions"]) == ("hindi", 3, 1)
    assert {(one["kind"], one["model"], one.get("characters")) for one in facts["usage"]} == {
        ("llm", "made-mind", None),
        ("tts", "made-voice", 52),
    }
    assert [(turn.turn, turn.interrupted) for turn in turns] == [(1, False), (2, True), (3, False)]
    assert (turns[0].start_time, turns[0].e2e_ms) == (None, None)
    assert turns[1].e2e_ms == pytest.approx(604.7, abs=0.1)
    assert turns[1].asr_ms == pytest.approx(287.5, abs=0.1)
    assert turns[1].llm_ttft_ms == pytest.approx(122.9, abs=0.1)
    assert turns[1].tts_ttfb_ms == pytest.approx(103.3, abs=0.1)


def test_livekits_spans_are_a_call_that_says_how_it_ended() -> None:
    report, turns = read(recorded("livekit"))
    facts = facts_of(report)
    assert (facts["status"], facts["end_reason"], facts["agent"]) == ("completed", "agent_goodbye", "asha")
    assert [(one["model"], one["input_tokens"], one["output_tokens"]) for one in facts["usage"]] == [
        ("made-mind", 90, 12)
    ]
    assert [turn.turn for turn in turns] == [1]
    assert turns[0].llm_ttft_ms == pytest.approx(69.6, abs=0.1)


@pytest.mark.parametrize("name", ["pipecat", "livekit"])
def test_in_whichever_pieces_and_order_spans_come_they_end_in_the_same_call(name: str) -> None:
    """Services' spans come before the turn that they are of, and only some name the conversation."""
    spans = recorded(name)
    whole = read(spans)
    shuffled = random.Random(7)  # noqa: S311 (an order)
    for _ in range(20):
        shuffled.shuffle(spans)
        conversations = Conversations()
        said = [read_conversation(*one) for piece in spans for one in conversations.add([piece]).items()]
        assert said[-1][:2] == whole
        assert max(one.report.at for one in said) == whole[0].at


def test_a_call_is_open_until_the_span_of_the_whole_is_there() -> None:
    spans = [one for one in recorded("pipecat") if one.name != "conversation"]
    report, turns = read(spans)
    assert not report.final
    assert not {"status", "end_time"} & facts_of(report).keys()
    assert len(turns) == 3


def test_what_was_said_is_not_even_read() -> None:
    names = {name for one in (*recorded("pipecat"), *recorded("livekit")) for name in one.attributes}
    assert not names & {"text", "transcript", "output", "user_id"}
    assert not [name for name in names if ".pii." in name]
    assert b"haan ji" in (DATA / "pipecat_spans.pb").read_bytes()
    assert not any(turn.transcript for name in ("pipecat", "livekit") for turn in read(recorded(name))[1])


def test_with_transcripts_on_a_turn_says_what_both_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORD_TRANSCRIPTS", "1")
    _, turns = read(recorded("pipecat"))
    both = "Lead: haan ji\nAgent: Namaste, loan chahiye?"
    assert [turn.transcript for turn in turns] == ["Agent: Namaste!", both, both]
    assert not [
        name for one in recorded("pipecat") for name in one.attributes if name in {"text", "transcript"}
    ]


@pytest.mark.parametrize("marked", ["lk.", "lk.pii."])
def test_livekits_words_are_the_heard_and_the_answered(marked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node's words may stand on the turn around it too; the prompt repeats them and is never read."""
    monkeypatch.setenv("RECORD_TRANSCRIPTS", "1")
    shared = {"traceId": "t", "startTimeUnixNano": str(10**18), "endTimeUnixNano": str(10**18 + 10**9)}

    def told(name: str, parent: str, **words: str) -> dict[str, Any]:
        said = {"gen_ai.conversation.id": "c", **{f"{marked}{key}": text for key, text in words.items()}}
        attributes = [{"key": key, "value": {"stringValue": text}} for key, text in said.items()]
        return {**shared, "name": name, "spanId": name, "parentSpanId": parent, "attributes": attributes}

    answer = {"response.text": "Ji, kitna?", "chat_ctx": "system prompt"}
    spans = [
        told("agent_session", ""),
        told("user_turn", "agent_session", user_transcript="loan chahiye"),
        told("agent_turn", "agent_session", **answer),
        told("llm_node", "agent_turn", **answer),
        told("tts_node", "llm_node", input_text="Ji, kitna?"),
    ]
    for order, one in enumerate(spans):
        one["startTimeUnixNano"] = str(10**18 + order * 10**6)
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    _, (turn,) = read(read_json(json.dumps(body).encode())[0])
    assert turn.transcript == "Lead: loan chahiye\nAgent: Ji, kitna?"


def test_what_is_said_twice_stands_twice() -> None:
    said = [
        Span("t", f"stt{at}", "turn", "stt", START + at, START + at, {"is_final": True}, words="haan")
        for at in (1, 2)
    ]
    turn = Span("t", "turn", "root", "turn", START, START + 3, {"turn.number": 1, **NAMED})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECORD_TRANSCRIPTS", "1")
        _, (found,) = read([turn, *said])
    assert found.transcript == "Lead: haan haan"


def test_livekits_turns_pair_what_was_heard_with_what_was_answered() -> None:
    root = Span(
        "t", "root", "", "agent_session", 1_790_000_000, 1_790_000_060, {"gen_ai.conversation.id": "c"}
    )
    heard = {"lk.end_of_turn_delay": 0.6, "lk.transcription_delay": 0.21}
    node = Span("t", "n", "agent_turn6", "tts_node", 1_790_000_006, 1_790_000_007, {"lk.response.ttfb": 0.12})
    spans = [
        span("agent_turn", 1),
        span("user_turn", 4, **heard),
        span("agent_turn", 6, **{"lk.e2e_latency": 1.06, "lk.interrupted": True}),
        node,
        span("user_turn", 9),
    ]
    report, turns = read([root, *spans])
    assert [turn.turn for turn in turns] == [1, 2, 3]
    assert (turns[1].e2e_ms, turns[1].end_of_turn_delay_ms, turns[1].asr_ms) == (1060, 600, 210)
    assert (turns[1].tts_ttfb_ms, turns[1].interrupted) == (120, True)
    assert facts_of(report)["interruptions"] == 1


def test_a_voicemail_and_an_error_are_seen() -> None:
    root = Span(
        "t", "root", "", "agent_session", 1_790_000_000, 1_790_000_060, {"gen_ai.conversation.id": "c"}
    )
    broken = Span("t", "l", "", "llm_request", 1_790_000_001, 1_790_000_002, {}, failed=True)
    report, _ = read([root, broken, span("amd", 1, **{"lk.amd.category": "machine-vm"})])
    facts = facts_of(report)
    assert (facts["status"], facts["end_reason"]) == ("no_answer", "voicemail")
    assert [(one["type"], one["fault"]) for one in facts["errors"]] == [("llm_error", "provider")]


def test_json_and_protobuf_say_the_same() -> None:
    attributes = [
        {"key": "conversation.id", "value": {"stringValue": "c"}},
        {"key": "turn.number", "value": {"intValue": "2"}},
        {"key": "turn.user_bot_latency_seconds", "value": {"doubleValue": 0.9}},
        {"key": "turn.was_interrupted", "value": {"boolValue": False}},
    ]
    whole = {"traceId": "0a", "spanId": "0b", "name": "turn", "attributes": attributes}
    timed = whole | {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": 1790000002000000000}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [timed, whole, {"traceId": 1}, None, "x"]}]}]}
    spans, refused = read_json(json.dumps(body).encode())
    assert refused == 4
    assert (spans[0].number("turn.number"), spans[0].attributes["turn.was_interrupted"]) == (2, False)
    _, (turn,) = read(spans)
    assert (turn.turn, turn.e2e_ms) == (2, 900)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("stt", {"language": " "}),
        ("tts_request", {"lk.tts_metrics": '{"characters_count": "12", "audio_duration": 3}'}),
        ("tts_request", {"lk.tts_metrics": '{"characters_count": [1], "audio_duration": 3}'}),
    ],
)
def test_an_attribute_that_cannot_be_used_costs_no_conversation(
    name: str, attributes: dict[str, str]
) -> None:
    """A blank language, an amount that is no number: the rest of the call is recorded."""
    turn = span("turn", **{"turn.number": 1})
    known = dict(turn.attributes)
    odd = Span("t", "odd", turn.id, name, turn.start, turn.end, {**known, **attributes})
    report, turns = read([turn, odd])
    assert [(one.turn, one.language) for one in turns] == [(1, "unknown")]
    if name == "tts_request":
        assert [one["audio_seconds"] for one in facts_of(report)["usage"]] == [3]


@pytest.mark.parametrize("half", [rb"\ud83d", b"\xed\xa0\xbd"])
def test_half_a_character_in_an_attribute_costs_no_conversation(half: bytes) -> None:
    """JavaScript cuts texts at the limit for attributes, within an emoji too."""
    attributes = [
        {"key": key, "value": {"stringValue": f"{value}HALF"}}
        for key, value in (("conversation.id", "c"), ("end_reason", "done "), ("lead_id", "lead "))
    ]
    timed = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000002000000000"}
    whole = {"traceId": "0a", "spanId": "0b", "name": "turn", "attributes": attributes, **timed}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]}).encode()
    spans, refused = read_json(body.replace(b"HALF", half))
    report, _ = read(spans)
    assert (refused, report.call_id.rstrip("\ufffd")) == (0, "c")
    assert facts_of(report)["lead_id"].rstrip("\ufffd") == "lead "


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"resourceSpans": 1}', b"[" * 100_000])
def test_what_is_no_otlp_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableSpansError):
        read_json(body)


def test_no_more_spans_are_held_than_memory_has_room_for() -> None:
    """The conversation that was silent longest gives way."""
    conversations = Conversations(most_spans=10)
    for number in range(20):
        spans = [
            Span(
                f"t{number}",
                f"{number}-{one}",
                "",
                "turn",
                1_790_000_000,
                1_790_000_001,
                {"conversation.id": f"c{number}"},
            )
            for one in range(3)
        ]
        assert list(conversations.add(spans)) == [f"c{number}"]
    assert len(conversations.add([span("turn")])["c"]) == 1
    assert conversations.held <= 10


def test_a_conversation_without_end_stays_bounded_and_its_end_is_heard() -> None:
    """Spans beyond the bound are dropped and counted, by whichever way they come to be of it."""
    conversations = Conversations(most_of_one=50)
    for number in range(120):
        conversations.add([span("turn", number)])
    assert (conversations.held, conversations.dropped) == (50, 70)
    conversations.add([span("turn", 3.0)])  # a repeat is none too many
    for number in range(10):  # spans of a trace that is named only later
        spans = [Span(f"t{number}", f"{number}-{part}", "", "llm", 1.79e9, 1.79e9) for part in range(5)]
        assert conversations.add(spans) == {}
        assert conversations.add([Span(f"t{number}", f"n{number}", "", "turn", 1.79e9, 1.79e9, NAMED)]) == {}
    (known,) = conversations.add([span("conversation", 130)]).values()
    assert (len(known), known[-1].name) == (51, "conversation")
    assert conversations.held <= 51 + 50
