"""Roll-ups say what the calls say, however many refresh them at once, and wherever one is killed."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from bson import Timestamp
from pymongo import AsyncMongoClient
from pymongo.database import Database

from core.aggregation.choices import campaigns
from core.aggregation.cube import load_cube
from core.aggregation.daily import daily_range
from core.aggregation.drift import drift
from core.aggregation.rollups import codec
from core.aggregation.rollups.call_frames import CallFilters, read_calls
from core.aggregation.rollups.cells import STORED, Cells
from core.aggregation.rollups.codec import cells_of_documents
from core.aggregation.rollups.refresh import rebuild_rollups, refresh_rollups
from core.aggregation.rollups.rollup import cells_of
from core.aggregation.tables import breakdown
from core.clock import day_bounds
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage import rollup_store
from core.storage.collections import (
    DIRTY_WINDOWS,
    ROLLUP_STATE,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.storage.recording import dirty_windows
from core.storage.recording.dirty_windows import window_of
from core.storage.server.embedded import embedded_uri
from core.types import Document
from tests.aggregation.calls import Calls, utc

ROOT = Path(__file__).resolve().parents[3]
START = utc(2024, 2, 27, 20)
DAILY = (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS, ROLLUPS_HOURLY)
OVERLAP_SECONDS = 1.5


def by_key(cells: Cells) -> Counter[tuple[object, ...]]:
    """The counts, sums and sketches of cells, by their time and dimensions."""
    result: Counter[tuple[object, ...]] = Counter()
    words = np.array([*cells.words, None], dtype=object)[cells.codes] if len(cells) else cells.codes
    keys = [(int(at), *names) for at, names in zip(cells.time, words.tolist(), strict=True)]
    for key, counts, costs in zip(keys, cells.counts, cells.costs, strict=True):
        for name, n in zip((one.key for one in STORED), counts, strict=True):
            result[(*key, name)] += int(n)
        result[(*key, "cost")] += round(float(costs.sum()) * 1_000)
    for name, tally in cells.tallies.items():
        for cell, value, n in zip(tally.cell, tally.key, tally.n, strict=True):
            result[(*keys[cell], name, tally.words[value] if tally.words else int(value))] += int(n)
    return +result


def stored(database: Database[Document], collection: str, start: str) -> Cells:
    # Days that tell campaigns apart; quarter hours always do.
    rows = list(database[collection].find({"calls": {"$gt": 0}}))
    return cells_of_documents(rows, [row[start] for row in rows])


def assert_rollups_equal_calls(database: Database[Document]) -> None:
    calls = read_calls(database, [(START - timedelta(days=400), START + timedelta(days=400))])
    raw = cells_of(calls)
    assert by_key(stored(database, ROLLUPS_15M, "_id")) == by_key(raw)
    tz = get_settings().tz
    days = [day_bounds(moment.astimezone(tz).date(), tz)[0] for moment in calls["start_time"].to_pylist()]
    per_day = Counter(int(start.timestamp()) for start in days)
    for collection in (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS):
        found = stored(database, collection, "start")
        n = np.bincount(np.unique(found.time, return_inverse=True)[1], found.counts[:, 0])
        assert dict(zip(np.unique(found.time).tolist(), n.tolist(), strict=True)) == dict(per_day), collection


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes land soon after their marking, so that no test waits a minute."""
    monkeypatch.setattr(dirty_windows, "OVERLAP", timedelta(seconds=OVERLAP_SECONDS))


@pytest.mark.full
@pytest.mark.usefixtures("hasty")
def test_killed_refreshers_leave_nothing_wrong(database: Database[Document]) -> None:
    """Two at once, each killed with -9 at random moments, while calls come, change, move and go."""
    calls, processes, kills = Calls(database, 7, START, 3), [], 0

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.aggregation.rollups.refresher", str(OVERLAP_SECONDS)]
        return subprocess.Popen(command, cwd=ROOT)

    calls.record_new(400)
    processes = [start(), start()]
    try:
        end = time.monotonic() + 45
        while time.monotonic() < end:
            calls.record_new(20)
            calls.change(40)
            calls.delete(5)
            time.sleep(float(calls.random.uniform(0, 0.5)))
            if calls.random.random() < 0.25:
                victim = int(calls.random.integers(2))
                processes[victim].kill()
                kills += 1
                processes[victim] = start()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert kills > 5
    assert database[ROLLUP_STATE].count_documents({}) == 2, "no refresh came to its end"
    time.sleep(2 * OVERLAP_SECONDS)
    refresh_rollups(database)
    assert database["calls"].count_documents({}) == len(calls.stored)
    assert_rollups_equal_calls(database)
    time.sleep(2 * OVERLAP_SECONDS)
    assert refresh_rollups(database).windows == 0, "what is right is not computed again"
    assert database[DIRTY_WINDOWS].count_documents({}) == 0


def test_an_earlier_reading_never_replaces_a_later_one(database: Database[Document]) -> None:
    """A refresher that was held up between reading and writing must not undo what another did meanwhile."""
    calls = Calls(database, 3, START, 1)
    calls.record_new(20)
    refresh_rollups(database)
    held_up = {name: list(database[name].find()) for name in (ROLLUPS_15M, *DAILY)}
    calls.record_new(20)
    calls.change(10)
    refresh_rollups(database)
    for name, rows in held_up.items():
        for row in rows:
            rollup_store.replace_older(database, name, [row], row["read_at"])
    assert_rollups_equal_calls(database)


@pytest.mark.full
@pytest.mark.usefixtures("hasty")
def test_a_change_that_lands_after_its_window_was_recomputed_is_found(database: Database[Document]) -> None:
    """The row outlives the refresh that came between marking and change."""
    calls = Calls(database, 5, START, 1)
    calls.record_new(20)
    refresh_rollups(database)
    # Alone in its window: no other call has that recomputed.
    windows = Counter(window_of(call.start_time) for call in calls.stored.values())
    gone = next(call for call in calls.stored.values() if windows[window_of(call.start_time)] == 1)
    del calls.stored[gone.call_id]
    dirty_windows.mark_dirty(database, [gone.start_time])
    refresh_rollups(database)
    database["calls"].delete_one({"_id": gone.call_id})
    refresh_rollups(database)
    assert_rollups_equal_calls(database)
    time.sleep(2 * OVERLAP_SECONDS)
    refresh_rollups(database)
    assert database[DIRTY_WINDOWS].count_documents({}) == 0


def test_another_time_zone_gets_its_own_days(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first zone's days follow what was recorded while it was not in use."""
    calls = Calls(database, 9, START, 2)
    calls.record_new(30)
    refresh_rollups(database)
    monkeypatch.setenv("TIMEZONE", "America/New_York")
    get_settings.cache_clear()
    calls.record_new(30)
    refresh_rollups(database)
    monkeypatch.setenv("TIMEZONE", "Asia/Kolkata")
    get_settings.cache_clear()
    for name in DAILY:
        database[name].delete_many({"zone": "America/New_York"})
    refresh_rollups(database)
    assert_rollups_equal_calls(database)


def test_a_rebuild_mends_what_was_damaged(database: Database[Document]) -> None:
    calls = Calls(database, 11, START, 1)
    calls.record_new(40)
    refresh_rollups(database)
    database[ROLLUPS_15M].update_many({}, {"$set": {"calls": 0}})
    for name in DAILY:
        database[name].delete_many({})
    seen: list[tuple[int, int]] = []
    rebuild_rollups(database, START, START + timedelta(days=1), lambda *progress: seen.append(progress))
    assert_rollups_equal_calls(database)
    assert seen[-1] == (96, 96)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_client_of_the_callers_own_aggregates_in_its_own_database(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is given a database of another name than the configured one, by a naive client."""
    calls = Calls(database, 13, START, 0.1)
    calls.record_new(10)
    monkeypatch.setenv("MONGODB_DATABASE", "configured_but_empty")
    get_settings.cache_clear()

    async def aggregate() -> int:
        async with AsyncMongoClient[Document](embedded_uri(get_settings().data_dir)) as client:
            service = MetricsService(client[database.name])
            return (await service.aggregate_daily_metrics(date(2024, 2, 28))).total_calls

    assert asyncio.run(aggregate()) == 10
    assert database["daily_metrics"].count_documents({"total_calls": 10}) == 1


@pytest.mark.full
def test_a_campaign_for_every_call_makes_no_document_too_large(database: Database[Document]) -> None:
    """Beyond the 300 largest of a day campaigns are counted together; nothing else changes."""
    documents_ = [
        {
            "_id": f"call_{number}",
            "start_time": START + timedelta(seconds=number),
            "status": "completed",
            "direction": "outbound",
            "language": "hindi",
            "campaign": "diwali" if number % 10 == 0 else f"campaign {number}",
            "recorded_at": Timestamp(1_700_000_000, 1),
            "version": 1,
        }
        for number in range(60_000)
    ]
    database["calls"].insert_many(documents_)
    refresh_rollups(database)
    cube = load_cube(database, START - timedelta(days=1), START + timedelta(days=2))
    assert cube.total == 60_000
    by_campaign = breakdown(cube, "campaign")["n"]
    assert by_campaign["diwali"] == 6_000
    assert by_campaign["(other)"] > 50_000
    assert len(by_campaign) < 1_000


@pytest.mark.full
def test_the_campaigns_of_a_day_are_told_apart_whatever_other_days_are_refreshed_with_it(
    database: Database[Document],
) -> None:
    """The cap is a day's own: many days with few campaigns each, in one refresh, keep all of them."""
    days = 150
    calls = Calls(database, 19, START, 1)
    made = (calls.make(f"call_{number}") for number in range(3 * days))
    moments = (START - timedelta(days=number // 3, seconds=number % 3) for number in range(3 * days))
    moved = [
        call.model_copy(update={"start_time": moment}) for call, moment in zip(made, moments, strict=True)
    ]
    calls.record(call.model_copy(update={"campaign": f"c{number}"}) for number, call in enumerate(moved))
    database["calls"].update_many({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    refresh_rollups(database)
    for number in (0, 3 * (days // 2), 3 * (days - 1)):
        day = moved[number].start_time.astimezone(get_settings().tz).date()
        by_campaign = breakdown(load_cube(database, *day_bounds(day)), "campaign")["n"]
        assert by_campaign.to_dict() == {f"c{number + offset}": 1 for offset in range(3)}
        assert drift(database, day).differences == ()


def test_a_days_largest_campaigns_are_the_same_in_whatever_order_calls_are_read(
    database: Database[Document],
) -> None:
    """Beyond the 300 those of equally many calls are chosen by name, and a wrong choice is drift."""
    calls = Calls(database, 21, START.replace(hour=6), 0.3)
    made = [calls.make(f"call_{number}") for number in range(400)]
    calls.record(call.model_copy(update={"campaign": f"c{number:03}"}) for number, call in enumerate(made))
    database["calls"].update_many({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    refresh_rollups(database)
    day = START.date()
    by_campaign = breakdown(load_cube(database, *day_bounds(day)), "campaign")["n"].to_dict()
    assert by_campaign == {f"c{number:03}": 1 for number in range(300)} | {"(other)": 100}
    assert drift(database, day).differences == ()
    for campaign, there in (
        ("c007", 1),
        ("c350", 1),
        ("(other)", 0),
        ("c999", 0),
    ):
        chosen = CallFilters(campaign=campaign)
        for bucket in ("1D", "1h", "1min"):
            cube = load_cube(database, *day_bounds(day), chosen, bucket=bucket)
            assert cube.total == there, (campaign, bucket)
        assert daily_range(database, day, day, chosen)[0].total_calls == there
    assert campaigns(database) == [f"c{number:03}" for number in range(300)]
    database[ROLLUPS_CAMPAIGNS].update_many(
        {}, [{"$set": {"words": {"$map": {"input": "$words", "in": _swapped()}}}}]
    )
    assert {found.figure for found in drift(database, day).differences} == {
        "campaign c007 by campaign",
        "campaign c399 by campaign",
    }


def _swapped() -> Document:
    return {"$cond": [{"$eq": ["$$this", "c007"]}, "c399", "$$this"]}


@pytest.mark.full
def test_documents_stay_below_the_servers_limit(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where many busy campaigns would not fit, fewer are told apart; no call is lost."""
    monkeypatch.setattr(codec, "MOST_BYTES", 200_000)
    start = START.replace(hour=10)
    calls = Calls(database, 17, start, 0.3)
    made = (calls.make(f"call_{number}") for number in range(1_200))
    calls.record(call.model_copy(update={"campaign": f"c{number % 200}"}) for number, call in enumerate(made))
    database["calls"].update_many({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    refresh_rollups(database)
    for collection in (ROLLUPS_15M, *DAILY):
        (largest,) = database[collection].aggregate(
            [{"$group": {"_id": None, "bytes": {"$max": {"$bsonSize": "$$ROOT"}}}}]
        )
        assert largest["bytes"] < 220_000, collection
    cube = load_cube(database, *day_bounds(date(2024, 2, 27)))
    assert cube.total == 1_200
    assert 20 < len(breakdown(cube, "campaign")) < 200
