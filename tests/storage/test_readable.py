"""A row of another version or tool is named in the log and left out; lists show everything else."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.exporting.gauges import gauges
from core.health import system_health
from core.storage.collections import ACTIVE_CALLS, HOOK_DELIVERIES, OUTBOX, PROCESSES, RESTRICTIONS
from core.storage.hook_deliveries import HookDelivery, kept_deliveries, recent_deliveries
from core.storage.recording.active_calls import list_active
from core.storage.recording.processes import processes
from core.storage.restrictions import Restriction, hidden_leads, restrict, restrictions
from core.types import Document

NOW = utc_now()
PROCESS = {"host": "h", "pid": 1, "component": "agent", "seen_at": NOW} | dict.fromkeys(
    ("records_waiting", "spooled", "dead", "lost", "log_waiting", "log_dropped"), 0
)
ACTIVE = {"ended": False, "seen_at": NOW, "started_at": NOW, "direction": "outbound"}
DELIVERY = HookDelivery(received_at=NOW, source="acme", outcome="stored").model_dump(exclude={"id"})
HIDDEN = {"since": NOW, "until": NOW, "reason": "a complaint", "by": "asha"}
LISTS: list[tuple[str, Document, Document, Callable[[Database[Document]], Sequence[object]]]] = [
    (PROCESSES, PROCESS, {"spooled": None}, processes),
    (ACTIVE_CALLS, ACTIVE, {"direction": "sideways"}, list_active),
    (HOOK_DELIVERIES, DELIVERY, {"outcome": "postponed"}, recent_deliveries),
    (HOOK_DELIVERIES, DELIVERY, {"source": 7}, lambda database: list(kept_deliveries(database, {}))),
    (RESTRICTIONS, HIDDEN, {"level": 2}, restrictions),
]


@pytest.mark.parametrize(("collection", "good", "odd", "read"), LISTS)
def test_one_row_of_another_form_hides_no_other(
    database: Database[Document],
    caplog: pytest.LogCaptureFixture,
    collection: str,
    good: Document,
    odd: Document,
    read: Callable[[Database[Document]], Sequence[object]],
) -> None:
    """It is named once, however often the list is looked at."""
    name = f"odd {collection} {sorted(odd)}"
    if "seen_at" in good:  # seen just now, however long the tests before this one took
        good = good | {"seen_at": utc_now()}
    database[collection].insert_many([{"_id": "good", **good}, {"_id": name, **good, **odd}])
    assert [len(read(database)) for _ in range(3)] == [1, 1, 1]
    named = [line.__dict__ for line in caplog.records if "cannot be read" in line.getMessage()]
    assert [(line["collection"], line["id"]) for line in named] == [(collection, name)]
    assert all(odd.keys() & {line["reason"].partition(":")[0]} for line in named)


def test_health_and_gauges_stay_with_a_process_of_an_older_version(database: Database[Document]) -> None:
    """Neither the System page nor Prometheus goes blind for one row."""
    database[PROCESSES].insert_many([{"_id": "now", **PROCESS}, {"_id": "then", "host": "h", "seen_at": NOW}])
    database[OUTBOX].insert_one({"_id": "x", "state": "queued", "created_at": NOW})
    assert [one.component for one in system_health(database).processes] == ["agent"]
    assert gauges(database)


def test_a_lead_whose_row_cannot_be_read_stays_hidden(database: Database[Document]) -> None:
    """Nobody sees a lead because the row that hides it is odd, nor is it erased before its time."""
    restrict(database, Restriction(lead_id="lead_1", until=NOW + timedelta(days=9), reason="r", by="asha"))
    database[RESTRICTIONS].insert_one({"_id": "lead_2", "until": NOW - timedelta(days=1)})
    assert restrictions(database, due=NOW) == []
    assert sorted(hidden_leads(database)) == ["lead_1", "lead_2"]
