"""A carrier knows a call by its own id, and some calls are never heard of again."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.search.call_detail import whole_call
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, TurnMetrics
from core.settings import get_settings
from core.storage.calls import from_document
from core.storage.collections import ACTIVE_CALLS, CALLS, TURNS
from core.storage.recording.active_calls import started
from core.storage.recording.joining import CLOSED_AT_ONCE, COMPARED_AT_ONCE, join_calls, known_as, mark_lost
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.server.connection import server_time
from core.types import Document
from tests.storage.recording.test_merging import START, agents, report, stored

LONG_AGO = timedelta(hours=1)


def record(database: Database[Document], *records: CallMetrics | CallReport | TurnMetrics) -> None:
    write(database, [Record.now(one) for one in records], fresh=True)


def carriers(call_id: str, now: datetime, **facts: object) -> CallReport:
    known = {"provider_call_id": call_id, "start_time": now, "status": "completed", "talk_seconds": 41}
    return report("plivo", "carrier", 50, call_id, known_call=False, **(known | facts))


def test_a_carriers_call_joins_the_agents(database: Database[Document]) -> None:
    """The callback comes first, under the carrier's id; one call is left once the agent names that id."""
    now = server_time(database)
    turn = TurnMetrics(call_id="pl-1", turn=1, e2e_ms=900, source="plivo")
    record(database, carriers("pl-1", now), turn)
    assert join_calls(database) == 0
    record(database, agents(start_time=now, provider_call_id="pl-1"))
    assert known_as(database, "pl-1") == "c1"
    assert join_calls(database) == 1
    (call,) = database[CALLS].find()
    assert from_document(call).talk_seconds == 41
    assert "unjoined" not in call
    assert [row["call_id"] for row in database[TURNS].find()] == ["c1"]
    assert join_calls(database) == 0


def test_of_two_calls_with_one_carriers_id_the_latest_gets_its_reports(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """A slip of the agent's: it is said in the log and on the page of either call, not settled in silence."""
    now = server_time(database)
    for name, gap in (("c1", 60), ("c3", 0), ("c2", 30)):
        began = now - timedelta(seconds=gap)
        record(database, agents(name, start_time=began, provider_call_id="pl-1"))
    record(database, carriers("pl-1", now))
    assert join_calls(database) == 1
    assert {row["_id"]: row.get("talk_seconds") for row in database[CALLS].find()} == {
        "c1": None,
        "c2": None,
        "c3": 41,
    }
    assert "Several calls have one provider_call_id" in caplog.text
    whole = whole_call(database, "c2")
    assert whole is not None
    assert whole.alike == ["c3", "c1"]


def test_a_call_that_only_the_carrier_knows_counts_by_itself(database: Database[Document]) -> None:
    """Without an agent's record the carrier's is the call."""
    record(database, carriers("pl-2", server_time(database)))
    join_calls(database)
    assert database[CALLS].count_documents({"start_time": {"$exists": True}}) == 1


def test_calls_close_to_each_other_join_only_when_asked_to(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With JOIN_WITHIN_SECONDS the same lead's call that began seconds apart is the same call."""
    now = server_time(database)
    near = carriers("pl-3", now + timedelta(seconds=8), lead_id="lead_1", provider_call_id="pl-3")
    record(database, near, agents(start_time=now, lead_id="lead_1"))
    assert join_calls(database) == 0
    monkeypatch.setenv("JOIN_WITHIN_SECONDS", "15")
    get_settings.cache_clear()
    assert join_calls(database) == 1
    assert database[CALLS].count_documents({}) == 1


@pytest.mark.parametrize("seconds", ["0", "60"])
def test_a_call_joins_however_many_others_wait_in_vain(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    """People use the same carrier's account: their calls are never anybody else's, and come before it."""
    monkeypatch.setenv("JOIN_WITHIN_SECONDS", seconds)
    get_settings.cache_clear()
    now = server_time(database)
    record(database, carriers("pl-0", now, lead_id="lead-0"))
    (one,) = database[CALLS].find()
    others = (f"pl-{number}" for number in range(1, 2 * COMPARED_AT_ONCE))
    database[CALLS].insert_many({**one, "_id": name, "provider_call_id": name} for name in others)
    mine = carriers("pl-mine", now, lead_id="lead-1")
    known = {"provider_call_id": "pl-mine"} if seconds == "0" else {"lead_id": "lead-1"}
    record(database, mine, agents(start_time=now, **known))
    assert join_calls(database) == 1
    assert database[CALLS].find_one({"_id": "pl-mine"}) is None


def test_two_calls_that_fit_are_not_guessed_between(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead that was called twice within the tolerance keeps three calls rather than one wrong one."""
    monkeypatch.setenv("JOIN_WITHIN_SECONDS", "60")
    get_settings.cache_clear()
    now = server_time(database)
    both = [
        agents(name, start_time=now + timedelta(seconds=gap), lead_id="lead_1")
        for name, gap in (("a", 0), ("b", 20))
    ]
    record(database, carriers("pl-4", now, lead_id="lead_1"), *both)
    assert join_calls(database) == 0


def test_a_call_that_another_tool_wrote_keeps_no_other_from_being_joined(
    database: Database[Document], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a version it is joined all the same; one that cannot be read is named, and stays."""
    monkeypatch.setenv("JOIN_WITHIN_SECONDS", "30")
    get_settings.cache_clear()
    now = server_time(database)
    names = ["CA1", "CA2", "CA3"]
    record(database, *(carriers(name, now, lead_id="lead_1") for name in names))
    record(database, *(agents(name.lower(), start_time=now, provider_call_id=name) for name in names))
    database[CALLS].update_one({"_id": "CA1"}, {"$set": {"sources": "odd"}})
    database[CALLS].update_one({"_id": "ca2"}, {"$unset": {"version": True}})
    listed: Document = {"_id": "listed", "lead_id": ["lead_1"], "provider_call_id": ["CA3"]}
    database[CALLS].insert_one({**listed, "start_time": now - timedelta(seconds=9)})
    assert join_calls(database) == 2
    assert sorted(database[CALLS].distinct("_id")) == ["CA1", "ca1", "ca2", "ca3", "listed"]
    assert [line.__dict__["id"] for line in caplog.records if "cannot be read" in line.getMessage()] == [
        "CA1"
    ]


def test_a_call_whose_process_died_is_lost_and_counted(database: Database[Document]) -> None:
    """It began, gave signs of life, and its agent never recorded it."""
    which, change = started("gone", direction="outbound", campaign="home")
    database[ACTIVE_CALLS].update_one(which, change, upsert=True)
    assert mark_lost(database) == 0  # it may be alive
    silent = server_time(database) - LONG_AGO
    database[ACTIVE_CALLS].update_one(which, {"$set": {"seen_at": silent, "started_at": silent}})
    assert mark_lost(database) == 1
    assert mark_lost(database) == 0
    document = database[CALLS].find_one({"_id": "gone"})
    assert document is not None
    assert (document["state"], document["end_reason"], document["status"]) == ("lost", "lost", "failed")
    assert document["campaign"] == "home"


def test_a_lost_call_is_found_behind_many_whose_end_was_never_signalled(database: Database[Document]) -> None:
    """Their agents record calls and never say that they ended; nor do calls closed a minute ago."""
    silent = server_time(database) - LONG_AGO
    names = [*(f"a{number:04}" for number in range(CLOSED_AT_ONCE)), "gone"]
    rows = [{"_id": name, "ended": False, "seen_at": silent, "started_at": silent} for name in names]
    database[ACTIVE_CALLS].insert_many(rows)
    database[CALLS].insert_many([{"_id": name, "start_time": silent} for name in names[:-1]])
    assert mark_lost(database) == 1
    found = database[CALLS].find_one({"_id": "gone"})
    assert found is not None
    assert found["state"] == "lost"


def test_a_lost_call_that_is_heard_of_is_found(database: Database[Document]) -> None:
    """The record comes from a spool hours later: it overrides what the monitor assumed."""
    record(database, report("monitor", "monitor", start_time=server_time(database), status="failed"))
    record(database, agents())
    call = database[CALLS].find_one({"_id": "c1"})
    assert call is not None
    assert (call["state"], call["status"], call["start_time"].replace(tzinfo=UTC)) == (
        "final",
        "completed",
        agents().start_time,
    )


def test_a_call_that_a_source_began_and_nobody_ended_is_lost(database: Database[Document]) -> None:
    """A platform said that it rings, and no more."""
    began = server_time(database) - LONG_AGO
    record(database, report("vapi", "platform", 10, "ringing", start_time=began))
    assert mark_lost(database) == 0
    earlier = database.client.get_database(database.name)[CALLS]
    document = earlier.find_one({"_id": "ringing"})
    assert document is not None
    old = type(document["recorded_at"])(int(began.timestamp()), 1)
    earlier.update_one({"_id": "ringing"}, {"$set": {"recorded_at": old}})
    assert mark_lost(database) == 1
    found = earlier.find_one({"_id": "ringing"})
    assert found is not None
    assert found["state"] == "lost"


def test_platform_and_carrier_join_before_the_agent_does(database: Database[Document]) -> None:
    """Both know the call by ids of their own, and fold into each other; the agent comes last."""
    now = server_time(database)
    platforms = report(
        "vapi",
        "platform",
        50,
        "v1",
        known_call=False,
        provider_call_id="CA1",
        start_time=now,
        status="completed",
    )
    record(database, platforms, carriers("CA1", now))
    assert join_calls(database) == 1
    record(database, agents(start_time=now, provider_call_id="v1"))
    assert join_calls(database) == 1
    (call,) = database[CALLS].find()
    assert sorted(call["sources"]) == ["agent", "plivo", "vapi"]


def test_a_call_with_a_value_that_no_call_can_have_is_closed_with_the_others(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """It loses that value; one that is no call at all is named, and keeps no other open."""
    silent = server_time(database) - LONG_AGO
    long, sideways = {"language": "x" * 100}, {"direction": "sideways", "campaign": "home"}
    for name, odd in (("long", long), ("sideways", sideways), ("good", {}), ("n" * 300, {})):
        row: Document = {"_id": name, "ended": False, "seen_at": silent, "started_at": silent, **odd}
        database[ACTIVE_CALLS].insert_one(row)
    old = Timestamp(int(silent.timestamp()), 1)
    facts = {"carrier": {"role": "carrier", "stage": 10, "at": silent, "facts": {"start_time": silent}}}
    opened: Document = {"state": "open", "recorded_at": old, "sources": facts, "version": 1}
    database[CALLS].insert_many(
        [{"_id": "none", **opened, "sources": "x"}, {"_id": "open", **opened, **long}]
    )
    assert mark_lost(database) == 4
    lost = {row["_id"]: row for row in database[CALLS].find({"state": "lost"})}
    assert sorted(lost) == ["good", "long", "open", "sideways"]
    assert (lost["sideways"]["direction"], lost["sideways"]["campaign"]) == ("outbound", "home")
    named = [line.__dict__["id"] for line in caplog.records if "cannot be read" in line.getMessage()]
    assert sorted(named) == ["n" * 300, "none"]
    assert mark_lost(database) == 0


def test_a_call_whose_start_nobody_knows_counts_with_its_outcome(database: Database[Document]) -> None:
    """As Exotel reports one that was not answered; it was found lost again every quarter of an hour."""
    end = START + timedelta(seconds=40)
    write(database, [Record.now(report("exotel", "carrier", 50, end_time=end, status="no_answer"))])
    assert stored(database)["state"] == "open"
    database[CALLS].update_many({}, {"$set": {"recorded_at": Timestamp(1_600_000_000, 0)}})
    assert mark_lost(database) == 1
    call = stored(database)
    assert (call["state"], call["status"], call["start_time"]) == ("ended", "no_answer", end)
    assert "end_reason" not in call
    database[CALLS].update_many({}, {"$set": {"recorded_at": Timestamp(1_600_000_000, 0)}})
    assert mark_lost(database) == 0
    write(database, [Record.now(report("vapi", "platform", 60, start_time=START))])
    assert stored(database)["start_time"] == START
