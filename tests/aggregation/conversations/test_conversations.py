"""What only single calls tell: waits for a person, changes of language, silences before a hang-up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from core.aggregation.conversations import read
from core.aggregation.conversations.handoffs import SLA_SECONDS, handoffs, waits
from core.aggregation.conversations.language_changes import language_changes
from core.aggregation.conversations.read import Conversations, conversations
from core.aggregation.conversations.silences import ended_in_silence, hang_ups
from core.aggregation.rollups.call_frames import CallFilters
from core.clock import utc_now
from core.erasure import restrict_lead
from core.models.metrics import CallMetrics, TurnMetrics
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document

NOON = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)


def call(number: int, **fields: Any) -> CallMetrics:
    usual: dict[str, Any] = {"status": "completed", "direction": "outbound", "language": "hindi"}
    start = NOON - timedelta(minutes=number)
    return CallMetrics(call_id=f"call_{number}", start_time=start, duration_seconds=60, **(usual | fields))


def handed(number: int, wait: float | None, *, answered: bool = True, **fields: Any) -> CallMetrics:
    at = NOON if answered and wait is not None else None
    told = {"handoff_triggered": True, "handoff_wait_seconds": wait, "handoff_answered_at": at}
    return call(number, **told, **fields)


def found(database: Database[Document], calls: list[CallMetrics], **filters: str) -> Conversations:
    write_calls(database, calls)
    return conversations(
        database, NOON - timedelta(days=1), NOON + timedelta(minutes=1), CallFilters(**filters)
    )


def test_leads_wait_for_a_person_and_some_wait_in_vain(database: Database[Document]) -> None:
    """A handoff whose wait is not told is named apart; one that nobody answered counts against the target."""
    calls = [
        *(handed(n, 4.0 + n) for n in range(8)),
        handed(10, 25.0, language="english"),
        handed(11, 40.0, answered=False, language="english"),
        handed(12, None),
        call(13),
        handed(14, 3.0, status="no_answer"),
    ]
    seen = found(database, calls).calls
    frame = handoffs(seen)
    whole = frame.loc[""]
    assert (whole["offered"], whole["untold"]) == (10, 1)
    assert (whole["answered"], whole["in_time"]) == (0.9, 0.8)
    assert whole["answered_low"] < 0.9 < whole["answered_high"]
    assert whole["p50"] == 8.0, "of those that a person answered"
    hindi = frame.loc["hindi"]
    assert (hindi["p50"], hindi["p95"]) == (7.0, 11.0), "each is a wait of a lead"
    assert list(frame.index) == ["", "hindi", "english"]
    assert frame.loc["english", "in_time"] == 0
    bins = waits(seen)
    assert (bins["answered"].sum(), bins["unanswered"].sum()) == (9, 1)
    late = bins[bins["start"] >= SLA_SECONDS]
    assert (late["answered"].sum(), late["unanswered"].sum()) == (1, 1)


def test_a_change_of_language_counts_where_the_lead_makes_it(database: Database[Document]) -> None:
    """Not where it is unknown for a turn, and not the one way back twice."""

    def turns(number: int, spoken: list[str], replies: list[str] | None = None) -> list[TurnMetrics]:
        return [
            TurnMetrics(
                call_id=f"call_{number}",
                turn=at + 1,
                language=language,
                reply_language=(replies or spoken)[at],
                e2e_ms=2_000 if at and spoken[at - 1] != language else 1_000,
            )
            for at, language in enumerate(spoken)
        ]

    told = [
        *turns(1, ["hindi", "hindi", "english", "english"], ["hindi", "hindi", "hindi", "english"]),
        *turns(2, ["hindi", "unknown", "hindi"]),
        *turns(3, ["english", "hindi"]),
    ]
    write(database, [Record.now(turn) for turn in told])
    seen = found(database, [call(1, qualification_completed=True), call(2), call(3), call(4)])
    changes = language_changes(seen.calls, seen.turns)
    assert (changes.changing.calls, changes.changing.qualified) == (2, 1)
    assert (changes.steady.calls, changes.steady.turns) == (1, 2), "a call without turns tells nothing"
    assert (changes.first.turns, changes.first.p50) == (2, 2_000)
    assert (changes.changing.p50, changes.changing.p95) == (1_000, 2_000), "each is a wait of a lead"
    assert changes.not_followed == 1
    assert changes.changing.newest == ("call_1", "call_3")


def test_a_call_of_a_hidden_lead_counts_and_is_not_named(database: Database[Document]) -> None:
    """A link to it would only lead to a page that says it is not there."""
    turns = [
        TurnMetrics(call_id=f"call_{number}", turn=turn, language=("hindi", "english")[turn % 2])
        for number in (1, 2)
        for turn in (1, 2)
    ]
    write(database, [Record.now(turn) for turn in turns])
    restrict_lead(database, "lead_1", utc_now() + timedelta(days=9), "a duty", by="asha")
    seen = found(database, [call(1, lead_id="lead_1"), call(2, lead_id="lead_2")])
    changing = language_changes(seen.calls, seen.turns).changing
    assert (changing.calls, changing.newest) == (2, ("call_2",))


def test_leads_hang_up_on_an_agent_that_is_silent(database: Database[Document]) -> None:
    """Calls that do not tell their silences say nothing; the lead's own silences are not the agent's."""

    def silent(number: int, seconds: float, end_reason: str, by: str = "agent") -> CallMetrics:
        one = {"by": by, "seconds": seconds, "ended_call": end_reason == "hung_up"}
        return call(number, silences=[one], end_reason=end_reason)

    calls = [
        silent(1, 4.6, "hung_up"),
        silent(2, 4.0, "hung_up"),
        silent(3, 3.9, "agent_goodbye"),
        silent(4, 9.0, "agent_goodbye", by="customer"),
        call(5, silences=[], end_reason="hung_up"),
        call(6, end_reason="hung_up"),
    ]
    seen = found(database, calls).calls
    frame = hang_ups(seen)
    assert frame["n"].to_dict() == {"none": 2, "under 2 s": 0, "2 to 4 s": 1, "4 s and longer": 2}
    assert frame.loc["4 s and longer", "rate"] == 1
    assert frame.loc["none", "rate"] == 0.5
    assert ended_in_silence(seen) == (2, 3)


def test_only_the_newest_calls_are_read_and_it_is_said(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However rare what a filter picks is, no more calls are looked at."""
    monkeypatch.setattr(read, "NEWEST_CALLS", 5)
    calls = [call(n, language="english" if n in {3, 8} else "hindi") for n in range(10)]
    seen = found(database, calls, language="english")
    assert list(seen.calls.index) == ["call_3"]
    assert (seen.cut, seen.since) == (True, NOON - timedelta(minutes=4))


def test_of_no_calls_there_is_nothing_to_say(database: Database[Document]) -> None:
    seen = found(database, [])
    assert handoffs(seen.calls).loc["", "offered"] == 0
    assert hang_ups(seen.calls)["n"].sum() == 0
    assert language_changes(seen.calls, seen.turns).changing.calls == 0
    assert (seen.cut, seen.since) == (False, None)
