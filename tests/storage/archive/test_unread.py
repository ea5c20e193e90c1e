"""A file of the archive that is elsewhere or damaged stops nothing else; what waits for it is done later."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due, rebuild_rollups, refresh_rollups
from core.doctor.result import State
from core.doctor.work import archive as examined
from core.errors import UserError
from core.models.calls.reports import CallReport
from core.services.metrics_service import MetricsService
from core.storage.archive.archived_rows import find_archived, folder
from core.storage.calls import write_calls
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.server.connection import server_time
from core.types import Document
from tests.storage.archive.test_mover import PERIOD, START, call, figures, recorded_long_ago

FIRST, SECOND = START, START + timedelta(days=1)
"""Of two local days."""


@pytest.fixture
def archived(database: Database[Document]) -> Database[Document]:
    """Ten calls on each of two days, in a file each."""
    of_days = [
        call(number, call_id=f"{day}_{number}", start_time=start + timedelta(minutes=20 * number))
        for day, start in (("first", FIRST), ("second", SECOND))
        for number in range(10)
    ]
    recorded_long_ago(database, of_days)
    archive_due(database)
    return database


def first_file(database: Database[Document]) -> Path:
    """The file of the first day's calls."""
    (row,) = database["archives"].find({"day": "2026-01-10"})
    return folder(database) / str(row["file"])


def away(file: Path) -> Callable[[], object]:
    """Move a file; return what moves it back."""
    elsewhere = file.with_suffix(".away")
    file.rename(elsewhere)
    return lambda: elsewhere.rename(file)


def damaged(file: Path) -> Callable[[], object]:
    """Damage a file; return what restores it."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    return lambda: file.write_bytes(content)


def mean_of(database: Database[Document]) -> float:
    """The mean duration of all calls, wherever they are."""
    ids = [f"{day}_{number}" for day in ("first", "second") for number in range(10)]
    rows = [*find_archived(database, "calls", "_id", ids), *database["calls"].find()]
    return float(np.mean([row["duration_seconds"] for row in {row["_id"]: row for row in rows}.values()]))


@pytest.mark.parametrize("harm", [away, damaged])
def test_everything_else_goes_on_and_what_waits_is_done_later(
    archived: Database[Document], harm: Callable[[Path], Callable[[], object]]
) -> None:
    """Figures stay as they were; new calls are rolled up; a call recorded again counts once, in the end."""
    before = figures(archived)
    restore = harm(first_file(archived))
    write_calls(archived, [call(99, start_time=SECOND), call(1, call_id="first_1", duration_seconds=700.0)])
    mark_dirty(archived, [FIRST + timedelta(hours=1)])
    for _ in range(2):
        refresh_rollups(archived)
        assert archived["dirty_windows"].count_documents({}) == 1, "too young to be forgotten"
        now = figures(archived)
        assert now.total_calls == before.total_calls + 1
        assert now.duration_seconds.n == 21
    finding = examined(archived)
    assert (finding.state, "wait for" in finding.text) == (State.FAIL, True)
    restore()
    asyncio.run(MetricsService().aggregate_recent())
    now = figures(archived)
    assert now.total_calls == 21
    assert now.duration_seconds.mean == pytest.approx(mean_of(archived), rel=1e-9)
    assert find_archived(archived, "calls", "_id", ["first_1"]) == []
    assert examined(archived).state is State.OK


def test_pages_show_the_figures_of_before_a_late_change(archived: Database[Document]) -> None:
    """A reader without the file, as on another machine, sees what is rolled up."""
    before = figures(archived)
    away(first_file(archived))
    mark_dirty(archived, [FIRST + timedelta(hours=1)])
    assert figures(archived) == before


def test_a_price_that_comes_while_the_file_is_away_is_added_later(archived: Database[Document]) -> None:
    restore = away(first_file(archived))
    price = {"call_id": "first_1", "source": "exotel", "role": "carrier", "stage": 60}
    line = {"start_time": FIRST + timedelta(minutes=20), "status": "completed", "cost": {"telephony": 0.9}}
    write(archived, [Record.now(CallReport.model_validate(price | {"facts": line}))], fresh=True)
    asyncio.run(MetricsService().aggregate_recent())
    restore()
    asyncio.run(MetricsService().aggregate_recent())
    (row,) = archived["calls"].find()
    assert (row["lead_id"], row["cost"]["telephony"]) == ("lead_1", 0.9), "with what the agent had recorded"
    assert figures(archived).total_calls == 20


def test_a_price_does_not_take_the_place_of_a_call_whose_file_was_away_for_days(
    archived: Database[Document],
) -> None:
    """It is merged at the latest when it is to be archived itself."""
    restore = away(first_file(archived))
    price = {"call_id": "first_1", "source": "exotel", "role": "carrier", "stage": 60}
    line = {"start_time": FIRST + timedelta(minutes=20), "status": "completed", "cost": {"telephony": 0.9}}
    write(archived, [Record.now(CallReport.model_validate(price | {"facts": line}))], fresh=True)
    asyncio.run(MetricsService().aggregate_recent())
    now = server_time(archived)
    archived["rollup_state"].update_many(
        {"_id": {"$in": ["unread_calls", "unread_reports"]}}, {"$set": {"since": now - timedelta(days=3)}}
    )
    long_ago = {"$set": {"recorded_at": Timestamp(now - timedelta(days=300), 0)}}
    archived["calls"].update_one({"_id": "first_1"}, long_ago)
    restore()
    asyncio.run(MetricsService().aggregate_recent())
    for _ in range(2):
        archive_due(archived)
        asyncio.run(MetricsService().aggregate_recent())
        archived["calls"].update_many({}, long_ago)
    (row,) = find_archived(archived, "calls", "_id", ["first_1"])
    assert (row["lead_id"], row["cost"]["telephony"]) == ("lead_1", 0.9)
    assert (figures(archived).total_calls, archived["calls"].count_documents({})) == (20, 0)


def test_a_file_that_was_away_for_days_is_looked_into_once(archived: Database[Document]) -> None:
    """Not at every refresh from then on."""
    restore = away(first_file(archived))
    write_calls(archived, [call(99, start_time=SECOND)])
    asyncio.run(MetricsService().aggregate_recent())
    waits = {"_id": {"$in": ["unread_calls", "unread_reports"]}}
    assert archived["rollup_state"].count_documents(waits) > 0
    archived["rollup_state"].update_many(
        waits, {"$set": {"since": server_time(archived) - timedelta(days=3)}}
    )
    restore()
    asyncio.run(MetricsService().aggregate_recent())
    assert archived["rollup_state"].count_documents(waits) == 0


def test_other_days_are_archived(archived: Database[Document]) -> None:
    """Late calls of the damaged file's day stay in the database; they count once it is restored."""
    restore = damaged(first_file(archived))
    late = [call(77, start_time=FIRST), call(78, start_time=SECOND)]
    write_calls(archived, late)
    refresh_rollups(archived)
    recorded_long_ago(archived, late)
    assert [(what.day, what.rows) for what in archive_due(archived)] == [(date(2026, 1, 11), 1)]
    assert [row["_id"] for row in archived["calls"].find()] == ["call_77"]
    assert figures(archived).total_calls == 21
    restore()
    refresh_rollups(archived)
    assert figures(archived).total_calls == 22


def test_recomputing_that_day_names_the_file(archived: Database[Document]) -> None:
    """Somebody asked for it; the other day is recomputed all the same."""
    before = figures(archived)
    away(first_file(archived))
    archived["rollups_15m"].update_many({"_id": {"$gte": SECOND}}, {"$set": {"calls": 0}})
    with pytest.raises(UserError, match="archived calls of 2026-01-10 are not on this machine"):
        rebuild_rollups(archived, *PERIOD)
    assert figures(archived) == before


def test_an_entry_of_another_tool_stops_no_figures_and_deletes_no_file(archived: Database[Document]) -> None:
    """Archiving waits, as it could overlook what such an entry stands for."""
    before = figures(archived)
    archived["archives"].update_one({"day": "2026-01-10"}, {"$set": {"rows": "ten"}})
    write_calls(archived, [call(99, start_time=SECOND), call(0, call_id="second_0", start_time=SECOND)])
    refresh_rollups(archived)
    assert figures(archived).total_calls == before.total_calls + 1
    recorded_long_ago(archived, [call(98, start_time=SECOND)])
    with pytest.raises(UserError, match="is not an entry of the archive"):
        archive_due(archived)
    assert first_file(archived).is_file()
