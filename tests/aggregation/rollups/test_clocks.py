"""No clock hides a call: what was stored while the server's was ahead is not believed once it is set."""

from datetime import timedelta

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.refresh import refresh_rollups, windows_key
from core.clock import utc_now
from core.doctor import work
from core.doctor.result import State
from core.health import system_health
from core.storage import rollup_store
from core.storage.collections import (
    ROLLUP_STATE,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.types import Document
from tests.aggregation.calls import Calls, utc

START = utc(2024, 11, 5, 4)
BUCKETS: tuple[Bucket, ...] = ("1D", "15min")
STORED = (ROLLUPS_15M, ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY, ROLLUPS_HOURLY)
AHEAD = [timedelta(minutes=2), timedelta(hours=5, minutes=30), timedelta(hours=40), timedelta(days=4_000)]


def shown(database: Database[Document]) -> list[int]:
    """Calls of some days, from days and from quarter hours."""
    start, end = START - timedelta(days=2), START + timedelta(days=3)
    return [load_cube(database, start, end, bucket=bucket).total for bucket in BUCKETS]


def stamp_ahead(database: Database[Document], ahead: timedelta) -> None:
    """Everything that a refresh has stored, as if the server's clock had been ahead then."""
    milliseconds = ahead // timedelta(milliseconds=1)
    database[ROLLUP_STATE].update_many({}, [{"$set": {"until": {"$add": ["$until", milliseconds]}}}])
    for name in STORED:
        database[name].update_many({}, [{"$set": {"read_at": {"$add": ["$read_at", milliseconds]}}}])


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_calls_are_shown_after_the_servers_clock_was_ahead_once(
    database: Database[Document], ahead: timedelta
) -> None:
    """New ones, and such as belong to windows and days that were stored then."""
    calls = Calls(database, 3, START, 2)
    calls.record_new(10)
    refresh_rollups(database)
    stamp_ahead(database, ahead)
    for count in (10, 11):
        calls.record_new(count)
        assert shown(database) == [len(calls.stored)] * 2
        refresh_rollups(database)
        assert shown(database) == [len(calls.stored)] * 2
    rolled_up = {row["calls"] for row in database[ROLLUPS_15M].aggregate([_TOTAL])}
    assert rolled_up == {len(calls.stored)}


_TOTAL = {"$group": {"_id": None, "calls": {"$sum": "$calls"}}}


def test_a_mark_in_the_future_is_a_warning_and_gone_with_the_next_refresh(
    database: Database[Document],
) -> None:
    """Never a negative age."""
    calls = Calls(database, 5, START, 1)
    calls.record_new(5)
    refresh_rollups(database)
    stamp_ahead(database, timedelta(hours=40))
    (found,) = work.roll_ups(database)
    assert found.state is State.WARN
    assert "40.0 h in the future" in found.text
    until = system_health(database).rollups.until
    assert until is not None
    assert until <= utc_now() + timedelta(minutes=1)
    refresh_rollups(database)
    assert [found.state for found in work.roll_ups(database)] == [State.OK]


def test_what_was_recorded_before_a_mark_from_the_future_is_found_when_that_has_passed(
    database: Database[Document],
) -> None:
    """Nobody refreshed in between, so that the mark looks like any other."""
    calls = Calls(database, 7, START, 1)
    calls.record_new(5)
    refresh_rollups(database)
    key, now = windows_key(), utc_now()
    state = {
        "until": now - timedelta(hours=1),
        "earlier": [now - timedelta(hours=9), now - timedelta(hours=1)],
    }
    calls.record_new(6)
    between = Timestamp(int((now - timedelta(hours=3)).timestamp()), 1)
    database["calls"].update_many({"_id": {"$regex": "_6$"}}, {"$set": {"recorded_at": between}})
    database[ROLLUP_STATE].update_one({"_id": key}, {"$set": state})
    refresh_rollups(database)
    assert shown(database) == [11, 11]


def test_marks_do_not_pile_up_and_an_earlier_one_changes_nothing(database: Database[Document]) -> None:
    """One an hour is kept, for some days."""
    now = utc_now()
    for hours in range(300, 0, -1):
        rollup_store.advance(database, "key", now - timedelta(hours=hours))
        rollup_store.advance(database, "key", now - timedelta(hours=hours, minutes=-1))
    rollup_store.advance(database, "key", now - timedelta(hours=50))
    (row,) = database[ROLLUP_STATE].find({"_id": "key"})
    assert len(row["earlier"]) <= rollup_store.MOST_KEPT
    assert abs(rollup_store.until(database, "key")["key"] - (now - timedelta(minutes=59))) < timedelta(
        seconds=1
    )
