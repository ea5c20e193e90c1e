"""A row that another tool or version wrote costs at most itself: the page and the counters go on."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.exporting.families import families
from core.exporting.otlp import metrics_data
from core.exporting.prometheus import expose
from core.exporting.totals import advance_totals, packed, read_totals
from core.health import system_health
from core.storage.calls import write_calls
from core.storage.collections import EXPORTED_DAYS, EXPORTED_TOTALS, ROLLUPS_DAILY
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import told

COMPLETED = ("calls", "outbound", "hindi", "completed")
NOW = datetime.now(UTC)


def record(database: Database[Document], first: int, number: int) -> None:
    """Calls of a minute ago."""
    began = utc_now() - timedelta(minutes=1)
    write_calls(database, [call(n, began) for n in range(first, first + number)])


@pytest.mark.parametrize(
    ("collection", "row"),
    [
        ("outbox", {"state": "queued"}),
        ("outbox", {"state": "queued", "created_at": "yesterday"}),
        ("heartbeats", {"_id": "scheduler"}),
        ("heartbeats", {"_id": "scheduler", "at": "now", "interval_seconds": 60}),
        ("heartbeats", {"_id": "scheduler", "at": NOW, "interval_seconds": float("nan")}),
        ("active_calls", {"ended": False, "seen_at": "now"}),
        ("active_calls", {"ended": False, "seen_at": NOW, "direction": {"to": 1}}),
        ("alerts", {"state": "firing"}),
        ("rollups_15m", {"set_apart": 7}),
        ("rollups_15m", {"_id": "odd", "set_apart": ["call_9"]}),
    ],
)
def test_prometheus_gets_its_page_whatever_row_is_odd(
    database: Database[Document], collection: str, row: Document
) -> None:
    """Every other figure is there, and the system's health is known."""
    record(database, 0, 2)
    told(database)
    database["rollups_15m"].update_one({}, {"$set": {"set_apart": ["call_1"]}})
    database[collection].insert_one({"_id": "odd", **row})
    page = expose(families(database), "")[0].decode()
    assert 'voice_agent_calls_total{direction="outbound",language="hindi",status="completed"} 2.0' in page
    assert "voice_agent_calls_set_apart 1.0" in page
    assert system_health(database).rollups.set_apart == ["call_1"]


def test_an_active_call_without_a_known_direction_is_counted(database: Database[Document]) -> None:
    database["active_calls"].insert_many(
        [
            {"_id": "a", "ended": False, "seen_at": datetime.now(UTC), "direction": "sideways"},
            {"_id": "b", "ended": False},
        ]
    )
    page = expose(families(database), "")[0].decode()
    assert 'voice_agent_active_calls{direction="unknown"} 1.0' in page


@pytest.mark.parametrize(
    "change",
    [
        {"$set": {"sums": b"no sums"}},
        {"$unset": {"floor": 1}},
        {"$set": {"until": "yesterday"}},
        {"$set": {"taking": ["odd"]}},
        {"$set": {"since": "ever"}},
        {"$set": {"revision": ""}},
    ],
)
def test_totals_that_cannot_be_read_are_counted_again(database: Database[Document], change: Document) -> None:
    """Until then the gauges are shown alone; no call is missing afterwards."""
    record(database, 0, 2)
    told(database)
    database[EXPORTED_TOTALS].update_one({"_id": "calls"}, change)
    record(database, 2, 3)
    assert b"voice_agent_active_calls" in expose(families(database), "")[0]
    assert told(database)[COMPLETED] == 5


@pytest.mark.parametrize("change", [{"$set": {"sums": b"no sums"}}, {"$unset": {"sums": 1}}])
def test_a_counted_day_that_cannot_be_read_is_counted_again_and_never_twice(
    database: Database[Document], change: Document
) -> None:
    record(database, 0, 2)
    told(database)
    database[EXPORTED_DAYS].update_many({}, change)
    record(database, 2, 3)
    assert told(database)[COMPLETED] == 2
    advance_totals(database)
    totals = read_totals(database)
    assert totals is not None
    assert totals.published[COMPLETED] == 5
    record(database, 5, 1)
    assert told(database)[COMPLETED] == 6


def test_a_sum_with_other_labels_is_left_out(database: Database[Document]) -> None:
    """Another version counts by more: what this one cannot name stops no export, and doubles no series."""
    record(database, 0, 2)
    odd = {("calls", "outbound", "hindi", "completed", "delhi"): 9.0, ("calls", "outbound"): 9.0}
    odd |= {("e2e_latency_seconds", "hindi", "delhi", "3"): 9.0, ("e2e_latency_seconds", "3"): 9.0}
    sums = packed(told(database) | odd | {("later", "x"): 9.0})
    database[EXPORTED_TOTALS].update_one({"_id": "calls"}, {"$set": {"sums": sums}})
    page = expose(families(database), "")[0].decode()
    assert re.findall(r"^voice_agent_calls_total.*", page, re.MULTILINE) == [
        'voice_agent_calls_total{direction="outbound",language="hindi",status="completed"} 2.0'
    ]
    assert "delhi" not in page
    (resource,) = metrics_data(database).resource_metrics
    assert any(metric.name == "voice_agent.calls" for metric in resource.scope_metrics[0].metrics)


@pytest.mark.parametrize("field", [{"start": None}, {"counts": 7}, {"read_at": "yesterday"}])
def test_a_rolled_up_day_that_cannot_be_read_stops_no_other(
    database: Database[Document], field: Document
) -> None:
    record(database, 0, 2)
    told(database)
    day = database[ROLLUPS_DAILY].find_one({})
    assert day is not None
    database[ROLLUPS_DAILY].insert_one({**day, "_id": "odd", **field})
    database[EXPORTED_TOTALS].delete_many({})
    database[EXPORTED_DAYS].delete_many({})
    record(database, 2, 3)
    assert told(database)[COMPLETED] == 5
    record(database, 5, 1)
    assert told(database)[COMPLETED] == 6
