"""What keeps the roll-ups from being whole is said by doctor and readiness alike."""

from datetime import timedelta

import pytest
from bson import Timestamp
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.activity import newest_call_start, oldest_call_start
from core.aggregation.rollups.refresh import archive_due, refresh_rollups, windows_key
from core.api.app import create_app
from core.api.security import this_machine
from core.clock import utc_now
from core.doctor import work
from core.doctor.result import State
from core.health import RollUpState, late_calls, rollup_health, system_health
from core.scheduler.journal import ROLL_UPS, Journal
from core.storage.collections import CALLS, ROLLUP_STATE
from core.types import Document
from tests.aggregation.calls import Calls, utc

START = utc(2024, 11, 5, 4)


@pytest.fixture
def refreshed(database: Database[Document]) -> Database[Document]:
    """Some calls, all of them rolled up."""
    Calls(database, 3, START, 1).record_new(5)
    refresh_rollups(database)
    return database


def readiness() -> Document:
    client = TestClient(create_app(this_machine), base_url="http://127.0.0.1", client=("127.0.0.1", 5))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found: Document = answer.json()
    return found


def states(database: Database[Document]) -> tuple[RollUpState, str, State]:
    """The roll-ups in health, readiness and doctor."""
    *_, said = work.roll_ups(database)
    ready = readiness()
    assert ready["roll_ups"]["state"] == rollup_health(database).state
    return rollup_health(database).state, ready["status"], said.state


def test_roll_ups_are_none_then_current_then_stale(database: Database[Document]) -> None:
    """Stale is what nobody refreshed for ten minutes; figures are right all the same, so it serves."""
    assert states(database) == (RollUpState.NONE, "ok", State.OFF)
    Calls(database, 3, START, 1).record_new(5)
    assert states(database) == (RollUpState.NONE, "ok", State.WARN)
    refresh_rollups(database)
    assert states(database) == (RollUpState.CURRENT, "ok", State.OK)
    old = {"$set": {"until": utc_now() - timedelta(minutes=11), "earlier": []}}
    database[ROLLUP_STATE].update_one({"_id": windows_key()}, old)
    assert states(database) == (RollUpState.STALE, "degraded", State.WARN)


def test_a_refresh_that_fails_is_said_until_one_succeeds(refreshed: Database[Document]) -> None:
    """Since when, how often, and why."""
    journal = Journal(refreshed)
    for reason in ("ValueError", "KeyError"):
        journal.failed(ROLL_UPS, reason)
    assert states(refreshed) == (RollUpState.FAILING, "degraded", State.FAIL)
    *_, said = work.roll_ups(refreshed)
    assert "2 times, most recently because of KeyError" in said.text
    assert journal.last_slot(ROLL_UPS, utc_now()) is None
    assert journal.succeeded(ROLL_UPS, 7, 1)
    assert states(refreshed) == (RollUpState.CURRENT, "ok", State.OK)
    journal.failed(ROLL_UPS, "KeyError")
    assert journal.last_slot(ROLL_UPS, utc_now()) == 7
    assert not journal.succeeded(ROLL_UPS, 8, 0), "a scheduler of a later term was at work"


def test_calls_without_a_time_are_named_and_stop_nothing(refreshed: Database[Document]) -> None:
    """As another tool may have written them: they lie on no day, and so in no figure."""
    stamp = {"recorded_at": Timestamp(1_700_000_000, 1), "status": "completed", "direction": "outbound"}
    odd: list[object] = ["2024-11-05", None, 7, True, {"a": 1}, ["x"], Timestamp(1, 1)]
    refreshed[CALLS].insert_many([{"_id": f"odd_{n}", "start_time": it} | stamp for n, it in enumerate(odd)])
    refreshed[CALLS].insert_one({"_id": "odd_none"} | stamp)
    apart = {"odd_none", *(f"odd_{n}" for n in range(len(odd)))}
    assert set(rollup_health(refreshed).set_apart) == apart
    first, last = work.roll_ups(refreshed)
    assert (first.state, last.state) == (State.WARN, State.OK)
    assert "8 calls cannot be rolled up" in first.text
    assert readiness()["roll_ups"]["set_apart"] == len(apart)
    stored = [row["start_time"] for row in refreshed[CALLS].find({"_id": {"$not": {"$regex": "^odd"}}})]
    assert (oldest_call_start(refreshed), newest_call_start(refreshed)) == (min(stored), max(stored))
    assert system_health(refreshed).oldest_call == min(stored)
    assert late_calls(refreshed).recorded >= len(stored)
    refresh_rollups(refreshed)
    archive_due(refreshed)


def test_calls_without_a_time_are_found_by_the_index(refreshed: Database[Document]) -> None:
    """The check costs the same however many calls there are."""
    refreshed.command("profile", 2)
    try:
        rollup_health(refreshed)
    finally:
        refreshed.command("profile", 0)
    (looked,) = refreshed["system.profile"].find({"op": "query", "ns": f"{refreshed.name}.{CALLS}"})
    assert looked["docsExamined"] == 0
    assert looked["keysExamined"] <= 3
