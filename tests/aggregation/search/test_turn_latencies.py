"""Percentiles of single turns."""

from datetime import timedelta

import pytest
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search import turn_latencies as module
from core.aggregation.search.turn_latencies import turn_latencies
from core.clock import utc_now
from core.models.metrics import CallMetrics, TurnMetrics
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document

NOW = utc_now().replace(microsecond=0)
DAY = (NOW - timedelta(days=1), NOW)


def _record(database: Database[Document], call_id: str, minutes: int, waits: list[float | None]) -> None:
    """A call that began so many minutes ago, in Hindi where its id says so, with its turns."""
    start = NOW - timedelta(minutes=minutes)
    call = CallMetrics(
        call_id=call_id,
        start_time=start,
        status="completed",
        direction="outbound",
        language="hindi" if "hindi" in call_id else "english",
    )
    write_calls(database, [call])
    turns = [
        TurnMetrics(call_id=call_id, turn=number, start_time=start, e2e_ms=wait)
        for number, wait in enumerate(waits, 1)
    ]
    write(database, [Record.now(turn) for turn in turns])


def test_one_long_pause_among_good_turns_is_seen(database: Database[Document]) -> None:
    """The mean of the call is 1,700 ms; its slowest turn, and the p95 of its turns, say what was waited.

    Percentiles are values of turns, by the ranks of all other percentiles: the 10th of 10 for p95.
    """
    _record(database, "call", 5, [*([1_000.0] * 9), 8_000.0, None])
    found = turn_latencies(database, *DAY)
    waits = found.spreads["e2e_latency_ms"]
    assert (waits.n, waits.p50, waits.max) == (10, 1_000, 8_000)
    assert (waits.p90, waits.p95) == (1_000, 8_000)
    assert found.spreads["asr_latency_ms"].n == 0
    assert (found.calls, found.since) == (1, NOW - timedelta(minutes=5))


def test_turns_are_of_the_calls_of_period_and_filters(database: Database[Document]) -> None:
    """A turn has no outcome or campaign of its own: its call decides."""
    _record(database, "hindi", 5, [1_000.0])
    _record(database, "english", 10, [2_000.0])
    _record(database, "hindi of old", 60 * 48, [9_000.0])
    assert turn_latencies(database, *DAY).spreads["e2e_latency_ms"].n == 2
    hindi = turn_latencies(database, *DAY, CallFilters(language="hindi"))
    assert (hindi.spreads["e2e_latency_ms"].max, hindi.calls) == (1_000, 1)


def test_of_many_calls_the_newest_are_read(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is bounded whatever is stored, and it is said since when the turns are."""
    monkeypatch.setattr(module, "NEWEST_CALLS", 3)
    for minutes in range(1, 6):
        _record(database, f"call {minutes}", minutes, [100.0 * minutes])
    found = turn_latencies(database, *DAY)
    assert (found.calls, found.since) == (3, NOW - timedelta(minutes=3))
    assert found.spreads["e2e_latency_ms"].max == 300


def test_without_turns_there_is_nothing_to_say(database: Database[Document]) -> None:
    """Calls of an agent that records no turns."""
    _record(database, "call", 5, [])
    found = turn_latencies(database, *DAY)
    assert (found.calls, found.since) == (0, None)
    assert found.spreads["e2e_latency_ms"].n == 0
