"""The clocks of server and agents jump between any two steps: no call is lost, the last form of each stays.

The server's clock is that of a real server, which cannot be set here. So everything that is stored is moved
instead: to whoever works meanwhile it is as if the clock had jumped.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import Timestamp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import UpdateOne
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.refresh import refresh_rollups
from core.models.metrics import CallMetrics
from core.storage.calls import from_document, write_calls
from core.storage.collections import (
    CALLS,
    DIRTY_WINDOWS,
    ROLLUP_STATE,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.storage.recording import records
from core.types import Document

START = datetime(2024, 11, 5, 4, tzinfo=UTC)
APART = timedelta(minutes=2)
"""Between two steps. Of stamps that lie closer to each other nobody promises which is the later one."""
YEARS = timedelta(days=3_650)
BUCKETS: tuple[Bucket, ...] = ("1D", "15min")
JUMPS = st.one_of(
    st.just(timedelta()),
    st.sampled_from([1, -1, 59, -59, 61, 600, -3_600, 19_800, -19_800]).map(lambda s: timedelta(seconds=s)),
    st.integers(-10, 10).map(lambda years: years * timedelta(days=365)),
    st.timedeltas(-YEARS, YEARS).map(lambda span: timedelta(seconds=round(span.total_seconds()))),
)


@dataclass(frozen=True)
class Step:
    """A call recorded, or the roll-ups refreshed where there is none; and how far off the clocks are."""

    call: int | None
    form: int
    server: timedelta
    agent: timedelta


STEPS = st.builds(Step, st.one_of(st.none(), st.integers(0, 3)), st.integers(0, 2), JUMPS, JUMPS)


def call_of(step: Step) -> CallMetrics:
    """Its forms differ in how it ended, and one of them in when it began."""
    return CallMetrics.model_validate(
        {
            "call_id": f"call_{step.call}",
            "start_time": START + timedelta(hours=7 * (step.form == 2), minutes=step.call or 0),
            "duration_seconds": 30,
            "status": ("completed", "failed", "completed")[step.form],
            "direction": "outbound",
        }
    )


def move(database: Database[Document], by: timedelta) -> None:
    """Move every time that a clock of server or agent has left in the store."""
    seconds, milliseconds = round(by.total_seconds()), by // timedelta(milliseconds=1)
    if not seconds:
        return
    for name, field in ((CALLS, "recorded_at"), (DIRTY_WINDOWS, "marked_at")):
        rows = [
            UpdateOne({"_id": row["_id"]}, {"$set": {field: Timestamp(row[field].time + seconds, 1)}})
            for row in database[name].find({}, {field: 1})
        ]
        if rows:
            database[name].bulk_write(rows)
    database[CALLS].update_many({}, {"$inc": {"version": 1_000 * milliseconds}})
    for name in (ROLLUPS_15M, ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY, ROLLUPS_HOURLY):
        database[name].update_many({}, [{"$set": {"read_at": {"$add": ["$read_at", milliseconds]}}}])
    earlier = {"$map": {"input": {"$ifNull": ["$earlier", []]}, "in": {"$add": ["$$this", milliseconds]}}}
    moved = {"until": {"$add": ["$until", milliseconds]}, "earlier": earlier}
    database[ROLLUP_STATE].update_many({}, [{"$set": moved}])


def take(database: Database[Document], step: Step) -> None:
    """One step while the server's clock is off by ``step.server``, and that of an agent's machine too."""
    move(database, -step.server)
    if step.call is None:
        refresh_rollups(database)
    else:
        off = (step.agent - step.server) // timedelta(microseconds=1) * 1_000
        right = time.time_ns
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time_ns", lambda: right() + off)
            patch.setattr(records, "version_now", records._Clock().now)  # a process of its own
            write_calls(database, [call_of(step)])
        if step.server < timedelta():
            refresh_rollups(database)  # a clock is behind for longer than the minute between two refreshes
    move(database, step.server - APART)


def check_nothing_is_lost(database: Database[Document], steps: list[Step]) -> None:
    for name in database.list_collection_names():
        database[name].delete_many({})
    for step in steps:
        take(database, step)
    last = {step.call: call_of(step) for step in steps if step.call is not None}
    stored = [from_document(row) for row in database[CALLS].find()]
    assert {call.call_id: call for call in stored} == {call.call_id: call for call in last.values()}
    refresh_rollups(database)
    for bucket in BUCKETS:
        cube = load_cube(database, START - timedelta(days=2), START + timedelta(days=3), bucket=bucket)
        failed = sum(call.status == "failed" for call in last.values())
        assert (cube.total, int(cube.counted("failed_calls").sum())) == (len(last), failed), bucket


AGENT_AND_SERVER_AHEAD = [
    Step(0, 0, timedelta(hours=5), timedelta(hours=6)),
    Step(0, 1, timedelta(), timedelta()),
]
"""Both clocks were ahead when the call was recorded; it is corrected once both are right."""
PASSED_BY = [
    Step(0, 0, timedelta(), timedelta()),
    Step(None, 0, timedelta(hours=3), timedelta()),
    Step(1, 0, timedelta(), timedelta()),
    Step(None, 0, timedelta(hours=5), timedelta()),
    Step(None, 0, timedelta(), timedelta()),
]
"""A mark of the future is passed by a clock that jumps further, with a call in between."""


@pytest.mark.parametrize("steps", [AGENT_AND_SERVER_AHEAD, PASSED_BY], ids=["both ahead", "passed by"])
def test_a_clock_that_jumps_loses_no_call(database: Database[Document], steps: list[Step]) -> None:
    """And a correction counts, from whichever machine it comes."""
    check_nothing_is_lost(database, steps)


@pytest.mark.full
@pytest.mark.timeout(900)
@given(steps=st.lists(STEPS, min_size=2, max_size=9))
@example(steps=[replace(step, server=-step.server) for step in PASSED_BY])
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_jumps_of_any_clocks_lose_a_call(database: Database[Document], steps: list[Step]) -> None:
    """By a second or by ten years, between any two steps."""
    check_nothing_is_lost(database, steps)
