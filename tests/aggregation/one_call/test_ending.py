"""How a call ended, as a sentence: each ending, whoever hung up, with and without a silence before it."""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from core.aggregation.one_call.ending import how_it_ended
from core.models.calls.endings import ENDINGS
from core.models.calls.parts import HangupBy
from core.models.metrics import CallMetrics, TurnMetrics

TABLE = Path(__file__).with_name("endings.md")
SILENCES = {"no silence": None, "agent silent": "agent", "lead silent": "customer"}
ENDS = (*ENDINGS, None)
HUNG_UP = (None, *HangupBy)


def call(**fields: Any) -> CallMetrics:
    usual = {"call_id": "c", "status": "completed", "direction": "outbound", "total_turns": 9}
    return CallMetrics.model_validate(
        usual | {"start_time": datetime(2026, 11, 24, tzinfo=UTC), "duration_seconds": 60} | fields
    )


def silence(by: str, **fields: Any) -> dict[str, Any]:
    return {"by": by, "seconds": 4.6, "turn": 9, "ended_call": True} | fields


def sentence(end_reason: str | None, hangup_by: str | None, silent: str | None) -> str:
    silences = [silence(silent)] if silent else None
    return how_it_ended(call(end_reason=end_reason, hangup_by=hangup_by, silences=silences))


def test_every_ending_is_the_sentence_of_the_table() -> None:
    """A changed sentence is read by somebody before it stands in the table."""
    rows = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines()[2:]]
    told = {(end, by): dict(zip(SILENCES, sentences, strict=True)) for end, by, *sentences in rows}
    said = {
        (str(end), str(by)): {name: sentence(end, by, silent) for name, silent in SILENCES.items()}
        for end, by in product(ENDS, HUNG_UP)
    }
    assert said == told


def test_sentences_are_english_sentences() -> None:
    """A capital first, no full stop, no code of ours, nothing said twice."""
    for end, by, silent in product(ENDS, HUNG_UP, SILENCES.values()):
        said = sentence(end, by, silent)
        assert said[0].isupper()
        assert not said.endswith((".", " "))
        assert "_" not in said
        assert "  " not in said
        assert said.count("hung up") < 2
        assert said.count(" in turn ") < 2
        assert len(said) < 130


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"silences": [silence("agent", seconds=0.4)]}, "The lead hung up after 0.4 s of silence in turn 9"),
        ({"silences": [silence("agent", seconds=12.3)]}, "The lead hung up after 12 s of silence in turn 9"),
        ({"silences": [silence("agent", turn=None)]}, "The lead hung up after 4.6 s of silence in turn 9"),
        ({"silences": [silence("agent", turn=4)]}, "The lead hung up after 4.6 s of silence in turn 4"),
        ({"silences": [silence("agent", ended_call=False)]}, "The lead hung up in turn 9"),
        ({"total_turns": None}, "The lead hung up"),
        ({"total_turns": 0}, "The lead hung up"),
    ],
)
def test_a_silence_counts_that_the_call_ended_in(fields: dict[str, Any], said: str) -> None:
    """Another one, or no turn, is left out; seconds are as exact as they are worth."""
    assert how_it_ended(call(end_reason="customer_hung_up", **fields)) == said


def test_the_turns_that_are_stored_say_which_was_the_last() -> None:
    turns = [TurnMetrics(call_id="c", turn=number) for number in (1, 2, 3)]
    assert how_it_ended(call(end_reason="hung_up", total_turns=None), turns) == "The lead hung up in turn 3"


def test_a_carrier_drops_a_call_that_it_had_connected() -> None:
    """And could not connect one that nobody answered."""
    unanswered = call(end_reason="carrier_failed", total_turns=None, status="failed")
    assert how_it_ended(unanswered) == "The carrier could not connect the call"
    assert how_it_ended(call(end_reason="carrier_failed")) == "The carrier dropped the call in turn 9"


def test_a_source_s_own_words_are_not_in_the_sentence() -> None:
    foreign = call(end_reason="<b>zorp</b>", hangup_by="customer")
    assert how_it_ended(foreign) == "The lead hung up in turn 9"
