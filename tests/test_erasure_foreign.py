"""What other tools have stored stops no erasure: neither of its own lead, nor of anybody else."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.database import Database

from core.clock import utc_now
from core.erasure import erase_again, erase_late, erase_lead
from core.erasure.restriction import erase_due, restrict_lead
from core.errors import UserError
from core.models.metrics import TurnMetrics
from core.storage.archive.archived_rows import ArchiveUnreadableError
from core.storage.archive.opt_outs import archived_opt_outs
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.restrictions import Restriction, lift, restrict
from core.types import Document
from tests.storage.archive.test_mover import START, call

LEAD, OTHER = "lead_7", "lead_8"
_NO_CALENDAR = DatetimeMS(8_640_000_000_000_000)
_COUNTED: Document = {"start_time": START, "status": "completed", "direction": "inbound"}
FOREIGN: dict[str, tuple[str, Document]] = {
    "a call with an id of the database": ("calls", {"_id": ObjectId(), "lead_id": LEAD} | _COUNTED),
    "a call with a number as its id": ("calls", {"_id": 7, "lead_id": LEAD} | _COUNTED),
    "a call with a document as its id": ("calls", {"_id": {"n": 7}, "lead_id": LEAD} | _COUNTED),
    "a call without a start": ("calls", {"_id": "call_x", "lead_id": LEAD}),
    "a call with a text as its start": (
        "calls",
        {"_id": "call_x", "lead_id": LEAD} | _COUNTED | {"start_time": "x"},
    ),
    "a call of several leads": ("calls", {"_id": "call_x", "lead_id": [LEAD, "lead_9"]} | _COUNTED),
    "a call with a time of no calendar": (
        "calls",
        {"_id": "call_x", "lead_id": LEAD, "metadata": {"until": _NO_CALENDAR}} | _COUNTED,
    ),
    "a turn without a number": ("turns", {"_id": "x", "call_id": "call_7"}),
    "a message about no alert": ("outbox", {"_id": "x", "text": f"about {LEAD}"}),
    "a message with a text as its alerts": (
        "outbox",
        {"_id": "x", "text": f"about {LEAD}", "notification": {"alerts": "x"}},
    ),
    "a log line with a time of no calendar": ("logs", {"_id": "x", "lead_id": LEAD, "at": _NO_CALENDAR}),
    "an alert with a time of no calendar": ("alerts", {"_id": "x", "message": LEAD, "at": _NO_CALENDAR}),
}
ERASE: dict[str, Any] = {"at once": erase_lead, "late": erase_late, "after a restore": erase_again}


def record(database: Database[Document]) -> None:
    write_calls(database, [call(7), call(8)])
    turns = [TurnMetrics(call_id=f"call_{number}", turn=1, start_time=START) for number in (7, 8)]
    write(database, [Record.now(turn) for turn in turns])


@pytest.mark.parametrize("how", ERASE)
@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_record_goes_with_its_lead_and_stops_nothing(
    database: Database[Document], what: str, how: str
) -> None:
    collection, row = FOREIGN[what]
    record(database)
    if how != "at once":
        for lead_id in (LEAD, OTHER):
            erase_lead(database, lead_id)
        record(database)
    database[collection].insert_one(dict(row))
    ERASE[how](database, *([LEAD] if how == "at once" else []))
    assert database[collection].find_one({"_id": row["_id"]}, {"_id": 1}) is None
    left = {
        row["_id"] for row in database["calls"].find({}, {"_id": 1}) if not row["_id"].startswith("erased-")
    }
    assert left == ({"call_8"} if how == "at once" else set())
    assert database["turns"].count_documents({"call_id": "call_7"}) == 0


def test_a_foreign_call_counts_on_as_nobodys(database: Database[Document]) -> None:
    collection, row = FOREIGN["a call with an id of the database"]
    database[collection].insert_one(dict(row))
    erase_lead(database, LEAD)
    [kept] = database["calls"].find()
    assert (kept["_id"][:7], kept["start_time"], kept["status"]) == ("erased-", START, "completed")


def test_a_foreign_wish_not_to_be_called_hides_no_other(database: Database[Document]) -> None:
    foreign: list[Document] = [
        {"_id": "lead_1"},
        {"_id": 5, "asked_at": START},
        {"_id": "a", "asked_at": "x"},
    ]
    database["opt_outs"].insert_many([*foreign, {"_id": LEAD, "asked_at": START}])
    assert archived_opt_outs(database) == {LEAD: START}


def test_a_lead_that_must_be_kept_stops_the_erasure_of_no_other_after_a_restore(
    database: Database[Document],
) -> None:
    record(database)
    for lead_id in (LEAD, OTHER):
        erase_lead(database, lead_id)
    record(database)
    restrict_lead(database, LEAD, utc_now() + timedelta(days=3), "a dispute", "meera")
    assert erase_again(database) == 1
    assert database["calls"].distinct("lead_id", {"_id": {"$in": ["call_7", "call_8"]}}) == [LEAD]


def test_a_phone_kept_for_longer_under_another_spelling_stops_no_other_erasure(
    database: Database[Document],
) -> None:
    write_calls(database, [call(1, lead_id="+91 98111 22233"), call(2, lead_id="09811122233"), call(8)])
    now, day = utc_now(), timedelta(days=1)
    for lead_id, until in (("+91 98111 22233", now + day), ("09811122233", now - day), (OTHER, now - day)):
        restrict(database, Restriction(lead_id=lead_id, until=until, reason="a dispute", by="meera"))
    assert erase_due(database) == 1
    assert database["calls"].distinct("_id", {"lead_id": {"$not": {"$regex": "^erased-"}}}) == [
        "call_1",
        "call_2",
    ]
    assert erase_due(database, now + 2 * day) == 1
    assert database["calls"].count_documents({"_id": {"$in": ["call_1", "call_2"]}}) == 0


def test_it_is_said_when_nobody_knows_until_when_a_lead_is_kept(database: Database[Document]) -> None:
    record(database)
    erase_lead(database, OTHER)
    record(database)
    database["restrictions"].insert_many([{"_id": LEAD}, {"_id": OTHER}])
    with pytest.raises(UserError, match=r"until when cannot be read \(until: is missing\): show-lead"):
        erase_lead(database, LEAD)
    erase_late(database)
    assert database["calls"].count_documents({"_id": "call_8"}) == 1
    lift(database, [LEAD])
    erase_lead(database, LEAD)
    assert database["calls"].count_documents({"_id": "call_7"}) == 0


def test_nobody_is_said_to_be_erased_while_an_entry_of_the_archive_cannot_be_read(
    database: Database[Document],
) -> None:
    record(database)
    database["archives"].insert_one({"_id": "x"})
    with pytest.raises(
        ArchiveUnreadableError, match="x in the collection archives is not an entry"
    ) as refused:
        erase_lead(database, LEAD)
    assert "\n" not in str(refused.value)
