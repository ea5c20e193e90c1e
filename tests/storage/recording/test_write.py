"""The one way of writing: what is stored in the end, whoever wrote when."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Timestamp
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.results import BulkWriteResult

from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, TurnMetrics
from core.storage.calls import delete_calls, from_document, write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import Outcome, Refusal, write
from core.types import Document

START = datetime(2024, 10, 24, 10, 7, tzinfo=UTC)


def call(call_id: str = "call_1", start: datetime = START, **fields: object) -> CallMetrics:
    usual: dict[str, object] = {"status": "completed", "direction": "outbound", "start_time": start}
    return CallMetrics.model_validate({"call_id": call_id, **usual, **fields})


def dirty(database: Database[Document]) -> set[str]:
    return {f"{row['_id']:%H:%M}" for row in database["dirty_windows"].find()}


def test_a_new_call_leaves_no_dirty_window_and_one_that_moves_two(database: Database[Document]) -> None:
    write(database, [Record.now(call())])
    assert dirty(database) == set()
    write(database, [Record.now(call(start=START + timedelta(hours=2)))])
    assert dirty(database) == {"10:00", "12:00"}


def test_the_window_is_marked_before_the_call_changes(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had been killed in between."""
    write(database, [Record.now(call())])

    bulk_write = Collection.bulk_write

    def killed_at_calls(self: Collection[Document], *arguments: Any, **options: Any) -> BulkWriteResult:
        if self.name == "calls":
            raise KeyboardInterrupt
        return bulk_write(self, *arguments, **options)

    monkeypatch.setattr(Collection, "bulk_write", killed_at_calls)
    with pytest.raises(KeyboardInterrupt):
        write(database, [Record.now(call(language="hindi"))])
    assert database["calls"].find_one({}, {"language": 1}) == {"_id": "call_1", "language": "unknown"}
    assert dirty(database) == {"10:00"}


def test_what_became_of_each_record(database: Database[Document]) -> None:
    old, new = Record.now(call("a")), Record.now(call("a", language="hindi"))
    assert write(database, [new]) == [Outcome.INSERTED]
    assert write(database, [old]) == [Outcome.OUTDATED]
    assert write(database, [Record.now(call("a", language="hindi"))]) == [Outcome.UNCHANGED]
    outcomes = write(
        database,
        [
            Record.now(call("a", language="english")),
            Record.now(call("b")),
            Record.now(call("b", language="hindi")),
            Record.now(call("c", metadata={"note": "x" * 17_000_000})),
            Record.now(TurnMetrics(call_id="a", turn=1, start_time=START)),
        ],
    )
    assert outcomes[:3] == [Outcome.REPLACED, Outcome.INSERTED, Outcome.REPLACED]
    assert isinstance(outcomes[3], Refusal)
    assert outcomes[4] == Outcome.INSERTED
    assert {row["_id"]: row["language"] for row in database["calls"].find()} == {"a": "english", "b": "hindi"}


def test_a_call_that_an_older_version_stored_with_what_is_empty_is_unchanged(
    database: Database[Document],
) -> None:
    write(database, [Record.now(call())])
    database["calls"].update_one({}, {"$set": {"cost": {}}})
    assert write(database, [Record.now(call())]) == [Outcome.UNCHANGED]


def test_an_unchanged_call_is_still_the_latest(database: Database[Document]) -> None:
    """An older form that was spooled meanwhile does not come after it."""
    write(database, [Record.now(call())])
    spooled = Record.now(call(language="hindi"))
    write(database, [Record.now(call())])
    assert write(database, [spooled]) == [Outcome.OUTDATED]


def test_writers_of_the_same_calls_at_once_leave_the_latest(database: Database[Document]) -> None:
    versions = [
        [Record.now(call(f"call_{n}", START + timedelta(hours=writer))) for n in range(50)]
        for writer in range(6)
    ]
    threads = [threading.Thread(target=write, args=(database, records)) for records in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [from_document(row) for row in database["calls"].find()]
    assert len(stored) == 50
    assert {one.start_time for one in stored} == {START + timedelta(hours=5)}


def test_deleted_calls_are_gone_with_their_turns_and_their_windows_are_marked(
    database: Database[Document],
) -> None:
    write_calls(database, [call("a", lead_id="lead_1"), call("b", lead_id="lead_2")])
    write(database, [Record.now(TurnMetrics(call_id=key, turn=1, start_time=START)) for key in ("a", "b")])
    assert delete_calls(database, {"lead_id": "lead_1"}) == 1
    assert [row["_id"] for row in database["calls"].find()] == ["b"]
    assert [row["_id"] for row in database["turns"].find()] == ["b:1"]
    assert dirty(database) == {"10:00"}


def test_an_index_that_a_user_made_stops_no_other_call(database: Database[Document]) -> None:
    """A call that another unique index refuses is refused, not tried for ever."""
    database["calls"].drop_index("lead_id_1")
    database["calls"].create_index("lead_id", unique=True)
    results = write(database, [Record.now(call(key, lead_id="lead_1")) for key in ("a", "b")])
    database["calls"].drop_indexes()  # so that no other test gets this database as it is
    assert results[0] == Outcome.INSERTED
    assert results[1] == Refusal("MongoDB error 11000", for_good=True)


@pytest.mark.parametrize(
    "sources",
    [
        "odd",
        {"vapi": "odd"},
        {"agent": {"version": "odd"}},
        {"vapi": {"role": "boss", "facts": {"status": "completed"}, "stamps": {}}},
        {"exotel": {"role": "carrier", "facts": {"ring_seconds": 1}, "stamps": "odd"}},
    ],
)
def test_a_stored_call_that_cannot_be_read_stops_no_other_record(
    database: Database[Document], sources: object
) -> None:
    """As another version or tool left it: what is told of it is kept apart, and all else is stored."""
    odd: Document = {"_id": "odd", "sources": sources, "version": 1}
    database["calls"].insert_one(odd)
    facts = {"ring_seconds": 3, "start_time": START, "status": "completed"}
    report = {"call_id": "odd", "source": "exotel", "role": "carrier", "facts": facts}
    records = [CallReport.model_validate(report), call("odd"), call("good"), call("good", campaign="home")]
    results = write(database, [Record.now(one) for one in records], fresh=True)
    refused = [result for result in results[:2] if isinstance(result, Refusal)]
    assert all(one.for_good and "cannot be read" in one.reason for one in refused)
    assert refused
    assert not any(isinstance(result, Refusal) for result in results[2:])
    good = database["calls"].find_one({"_id": "good"})
    assert good is not None
    assert good["campaign"] == "home"


HOUR = 3_600_000_000
"""In microseconds, as versions are."""


@pytest.mark.parametrize("behind", [HOUR // 12, HOUR, 24 * 365 * HOUR], ids=["5 min", "1 h", "1 year"])
def test_a_correction_from_a_machine_whose_clock_is_behind_is_stored(
    database: Database[Document], behind: int
) -> None:
    """What is handed over after something was stored is later than that, whatever the clocks say."""
    write(database, [Record.now(call("c7", status="no_answer"))], fresh=True)
    time.sleep(0.01)
    offset = time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: offset() - behind * 1_000)
        correction = Record.now(call("c7"))._replace(version=time.time_ns() // 1_000)
        assert write(database, [correction], fresh=True) == [Outcome.REPLACED]
    assert database["calls"].find_one({}, {"_id": 0, "status": 1}) == {"status": "completed"}


@pytest.mark.parametrize(
    "ahead", [HOUR // 12, HOUR, 100 * 24 * 365 * HOUR], ids=["5 min", "1 h", "100 years"]
)
def test_a_call_from_a_machine_whose_clock_was_ahead_can_be_corrected(
    database: Database[Document], ahead: int
) -> None:
    """Recorded, imported, and from the spool; the machine itself goes on correcting, too."""
    wrong = Record.now(call("c7", status="failed"))
    write(database, [wrong._replace(version=wrong.version + ahead)])
    assert write_calls(database, [call("c7", status="no_answer")]).replaced == 1
    assert database["calls"].find_one({}, {"_id": 0, "status": 1}) == {"status": "no_answer"}
    database["calls"].update_one({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    assert write(database, [Record.now(call("c7"))]) == [Outcome.REPLACED]
    assert database["calls"].find_one({}, {"_id": 0, "status": 1}) == {"status": "completed"}


def test_an_older_form_that_is_replayed_is_counted_and_named(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """It is not unchanged: what it says is stored nowhere."""
    spooled = Record.now(call("c7", status="failed"))
    write(database, [Record.now(call("c7"))])
    with caplog.at_level(logging.WARNING):
        assert write(database, [spooled]) == [Outcome.OUTDATED]
    assert [record.__dict__.get("ids") for record in caplog.records] in ([], [["c7"]])
    assert database["calls"].find_one({}, {"_id": 0, "status": 1}) == {"status": "completed"}
