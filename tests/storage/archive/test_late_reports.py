"""A carrier's price that comes once the call is archived."""

import asyncio
from datetime import timedelta

from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.models.calls.reports import CallReport
from core.services.metrics_service import MetricsService
from core.storage.archive.archived_rows import find_archived
from core.storage.calls import from_document
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.server.connection import server_time
from core.types import Document
from tests.storage.archive.test_mover import call, figures, recorded_long_ago


def test_a_report_of_an_archived_call_adds_to_it(database: Database[Document]) -> None:
    """The call comes back whole, with the price, and counts once; archived again it is as it was."""
    recorded_long_ago(database, [call(1, campaign="home"), call(2)])
    refresh_rollups(database)
    archive_due(database)
    price = {"call_id": "call_1", "source": "exotel", "role": "carrier", "stage": 60}
    told = CallReport.model_validate(price | {"facts": {"cost": {"telephony": 0.9}, "talk_seconds": 9}})
    for _ in range(2):
        write(database, [Record.now(told)], fresh=True)
        asyncio.run(MetricsService().aggregate_recent())
    (row,) = database["calls"].find()
    back = from_document(row)
    assert (back.call_id, back.campaign, back.talk_seconds, row["state"]) == ("call_1", "home", 9, "final")
    assert find_archived(database, "calls", "_id", ["call_1"]) == []
    assert back.cost is not None
    assert (back.cost.telephony, figures(database).total_calls) == (0.9, 2)


def test_a_call_counts_once_however_late_its_report_can_be_added(database: Database[Document]) -> None:
    """The archive's disk was away for hours after the report came: the call is not counted twice."""
    recorded_long_ago(database, [call(1, campaign="home"), call(2)])
    archive_due(database)
    price = {"call_id": "call_1", "source": "exotel", "role": "carrier", "stage": 60}
    line = {"start_time": call(1).start_time, "status": "completed", "cost": {"telephony": 0.9}}
    told = CallReport.model_validate(price | {"facts": line})
    write(database, [Record.now(told)], fresh=True)
    hours_ago = Timestamp(server_time(database) - timedelta(hours=3), 0)
    database["calls"].update_one({"_id": "call_1"}, {"$set": {"recorded_at": hours_ago}})
    asyncio.run(MetricsService().aggregate_recent())
    assert find_archived(database, "calls", "_id", ["call_1"]) == []
    assert figures(database).total_calls == 2


def test_a_callback_by_the_carriers_own_id_finds_an_archived_call(database: Database[Document]) -> None:
    """The carrier's price comes once the call is archived, under the carrier's id: it stays one call."""
    recorded_long_ago(database, [call(1, campaign="home", provider_call_id="ex-1"), call(2)])
    archive_due(database)
    named = {"call_id": "ex-1", "source": "exotel", "role": "carrier", "stage": 60, "known_call": False}
    line = {"start_time": call(1).start_time, "status": "completed", "cost": {"telephony": 0.9}}
    told = CallReport.model_validate(named | {"facts": {**line, "provider_call_id": "ex-1"}})
    for _ in range(2):
        write(database, [Record.now(told)], fresh=True)
        asyncio.run(MetricsService().aggregate_recent())
        (row,) = database["calls"].find()
        assert (row["_id"], row["campaign"], row["cost"]["telephony"]) == ("call_1", "home", 0.9)
        assert find_archived(database, "calls", "_id", ["call_1"]) == []
        assert figures(database).total_calls == 2


def test_archiving_does_not_give_a_call_for_its_report(database: Database[Document]) -> None:
    """The nightly archiving comes between the report and the next refresh: the call is all there still."""
    recorded_long_ago(database, [call(1, campaign="home")])
    archive_due(database)
    price = {"call_id": "call_1", "source": "exotel", "role": "carrier", "stage": 60}
    line = {"start_time": call(1).start_time, "status": "completed", "cost": {"telephony": 0.9}}
    write(database, [Record.now(CallReport.model_validate(price | {"facts": line}))], fresh=True)
    refresh_rollups(database)
    (row,) = database["calls"].find()
    assert (row["campaign"], row["cost"]["telephony"]) == ("home", 0.9)
    assert find_archived(database, "calls", "_id", ["call_1"]) == []


def test_a_report_that_comes_while_no_scheduler_runs_does_not_cost_the_archived_call(
    database: Database[Document],
) -> None:
    """The scheduler was away for a night, longer than reports are usually looked up again."""
    recorded_long_ago(database, [call(1, campaign="home"), call(2)])
    archive_due(database)
    now = server_time(database)
    database["rollup_state"].update_many({}, {"$set": {"until": now - timedelta(hours=9), "earlier": []}})
    price = {"call_id": "call_1", "source": "exotel", "role": "carrier", "stage": 60}
    line = {"start_time": call(1).start_time, "status": "completed", "cost": {"telephony": 0.9}}
    write(database, [Record.now(CallReport.model_validate(price | {"facts": line}))], fresh=True)
    database["calls"].update_one(
        {"_id": "call_1"}, {"$set": {"recorded_at": Timestamp(now - timedelta(hours=8), 0)}}
    )
    asyncio.run(MetricsService().aggregate_recent())
    (row,) = database["calls"].find()
    assert (row["campaign"], row["cost"]["telephony"]) == ("home", 0.9)
    assert figures(database).total_calls == 2
