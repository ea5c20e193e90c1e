"""What arrives for an erased lead after its erasure does not stay, and counts nothing twice."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.clock import utc_now
from core.erasure import erase_again, erase_late, erase_lead, find_traces
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, CallSummary, TurnMetrics
from core.scheduler.jobs import all_jobs
from core.settings import get_settings
from core.storage.archive.backup import back_up
from core.storage.archive.restore import restore
from core.storage.calls import write_calls
from core.storage.receipts import Receipts
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.storage.archive.test_mover import PERIOD, START, call, recorded_long_ago
from tests.storage.sealing.test_sealing import OLD, PERSON, use
from tests.test_erasure import texts

LEAD = "lead_7"
HOUR = timedelta(hours=1)
TURN = TurnMetrics(call_id="call_7", turn=1, start_time=START, transcript="I am Meera Pillai")


def price(call_id: str, **about: object) -> CallReport:
    facts = {"start_time": START, "status": "completed", "direction": "outbound", "cost": {"telephony": 1.2}}
    given = {name: about.pop(name) for name in ("lead_id", "metadata") if name in about}
    told = {"call_id": call_id, "source": "exotel", "role": "carrier", "facts": facts | given}
    return CallReport.model_validate(told | about)


LATE: dict[str, list[CallReport | TurnMetrics]] = {
    "a turn": [TURN],
    "a price": [price("call_7")],
    "a price that names the lead": [price("call_7", lead_id=LEAD, metadata=PERSON)],
    "a price by the carrier's id": [price("CA7", known_call=False)],
    "a turn and a price": [TURN, price("call_7")],
}


def figures(database: Database[Document]) -> CallSummary:
    refresh_rollups(database)
    return summarise(load_cube(database, *PERIOD))


@pytest.fixture
def erased(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> CallSummary:
    """A lead's call has been erased, and counts as nobody's; another lead's is there."""
    use(monkeypatch, OLD)
    write_calls(database, [call(7, provider_call_id="CA7", metadata=PERSON), call(8)])
    write(database, [Record.now(TURN.model_copy(update={"call_id": "call_8"}))])
    before = figures(database)
    erase_lead(database, LEAD)
    return before


def is_left(database: Database[Document]) -> bool:
    left = texts(database)
    return any(f"'{one}'" in left for one in (LEAD, "call_7", "call:call_7", "CA7", "call_7:1"))


@pytest.mark.parametrize("what", LATE)
def test_what_arrives_late_is_gone_with_the_schedulers_next_run(
    database: Database[Document], erased: CallSummary, what: str
) -> None:
    write(database, [Record.now(one) for one in LATE[what]])
    assert is_left(database)
    assert erase_late(database) == 1
    assert not is_left(database)
    assert figures(database) == erased
    assert erase_late(database) == 0
    assert database["calls"].count_documents({}) == 2
    assert database["turns"].count_documents({"call_id": "call_8"}) == 1
    assert database["lead_keys"].distinct("lead") == ["lead_8"]


def record_long_ago(database: Database[Document]) -> None:
    """Have everything that is stored look as if it had been recorded two hours ago."""
    for name in ("calls", "turns"):
        database[name].update_many({}, {"$set": {"recorded_at": Timestamp(utc_now() - 2 * HOUR, 1)}})


@pytest.mark.usefixtures("erased")
@pytest.mark.parametrize("what", LATE)
def test_looking_for_what_arrived_late_costs_what_is_new(database: Database[Document], what: str) -> None:
    """However much is stored; and what arrives is found."""
    others = [call(number, lead_id="lead_8") for number in range(1_000, 2_000)]
    write_calls(database, others)
    turns = [TURN.model_copy(update={"call_id": one.call_id}) for one in others]
    write(database, [Record.now(one) for one in turns])
    record_long_ago(database)
    assert erase_late(database) == 0
    write(database, [Record.now(call(8)), Record.now(TURN.model_copy(update={"call_id": "call_9"}))])
    database.command("profile", 2)
    assert erase_late(database) == 0
    database.command("profile", 0)
    stored = {"ns": {"$in": [f"{database.name}.calls", f"{database.name}.turns"]}}
    looks = list(database["system.profile"].find(stored))
    assert 0 < sum(look.get("docsExamined", 0) + look.get("keysExamined", 0) for look in looks) < 300
    write(database, [Record.now(one) for one in LATE[what]])
    assert (erase_late(database), is_left(database)) == (1, False)


@pytest.mark.usefixtures("erased")
def test_everything_is_looked_at_after_another_erasure_a_restore_and_a_day(
    database: Database[Document],
) -> None:
    """What is old may concern someone now, come back with a backup, or have been missed by a wrong clock."""

    def overlooked() -> None:
        assert erase_late(database) == 0
        write(database, [Record.now(TURN)])
        record_long_ago(database)
        assert erase_late(database) == 0

    def another() -> None:
        erase_lead(database, "lead_8")

    def restored() -> None:
        database["rollup_state"].drop()

    def a_day_later(field: str, moved: timedelta) -> None:
        (row,) = database["rollup_state"].find({"_id": "erase_late"})
        database["rollup_state"].update_one({"_id": "erase_late"}, {"$set": {field: row[field] + moved}})

    def changed(field: str) -> None:
        database["rollup_state"].update_one({"_id": "erase_late"}, {"$set": {field: {"a": 1}}})

    overlooked()
    for then in (
        another,
        restored,
        partial(a_day_later, "whole_at", -timedelta(days=1)),
        partial(a_day_later, "at", HOUR),  # the clock was ahead
        partial(changed, "at"),  # by another tool
        partial(changed, "whole_at"),
    ):
        then()
        assert erase_late(database) == 1, then
        overlooked()


@pytest.mark.parametrize("what", LATE)
def test_erasing_the_lead_again_finds_what_arrived_late(
    database: Database[Document], erased: CallSummary, what: str
) -> None:
    write(database, [Record.now(one) for one in LATE[what]])
    assert find_traces(database, "lead_8").records >= 2
    traces = find_traces(database, LEAD)
    assert traces.calls + traces.turns == len(LATE[what])
    assert erase_lead(database, LEAD).records == traces.records
    assert not is_left(database)
    assert figures(database) == erased
    assert find_traces(database, LEAD).records == 0


def test_what_arrived_late_and_was_archived_meanwhile_is_found_too(
    database: Database[Document], erased: CallSummary
) -> None:
    late = CallMetrics.model_validate(call(7).model_dump() | {"lead_id": None})
    recorded_long_ago(database, [late])
    archive_due(database)
    assert find_traces(database, LEAD).archived_calls == 1
    assert erase_lead(database, LEAD).archived_calls == 1
    assert (find_traces(database, LEAD).records, figures(database)) == (0, erased)


@pytest.mark.usefixtures("erased")
def test_calls_that_began_after_the_erasure_stay(database: Database[Document]) -> None:
    """Also once something late was erased: that does not move the moment of the erasure."""
    new = call(107, lead_id=LEAD, start_time=utc_now(), metadata=PERSON)
    write_calls(database, [new])
    write(database, [Record.now(price("call_7", lead_id=LEAD))])
    assert erase_late(database) == 1
    assert (erase_late(database), database["calls"].distinct("_id", {"lead_id": LEAD})) == (0, ["call_107"])
    assert LEAD in database["lead_keys"].distinct("lead")
    receipts = [Receipts().verify(file) for file in sorted(Receipts().folder.glob("*.json"))]
    assert [one.completes for one in receipts] == [None, receipts[0].at]


@pytest.mark.usefixtures("erased")
def test_a_call_that_another_machine_had_spooled_goes_and_counts(database: Database[Document]) -> None:
    """Nobody knew of it when its lead was erased; what arrives for it after that goes as well."""
    write_calls(database, [call(57)])
    before = figures(database)
    assert erase_late(database) == 1
    write(database, [Record.now(TURN.model_copy(update={"call_id": "call_57"}))])
    assert erase_late(database) == 1
    assert ("'call_57'" in texts(database), figures(database)) == (False, before)


def test_calls_recorded_during_an_erasure_are_erased_by_the_next_run_and_count(
    database: Database[Document],
) -> None:
    """Or stay, if they began after it; none is deleted unseen."""
    write_calls(database, [call(number) for number in range(50)])
    over, recorded = Event(), list(range(50))

    def record() -> None:
        while not over.is_set():
            numbers = range(len(recorded), len(recorded) + 10)
            made = [call(number, lead_id=LEAD if number % 2 else "lead_8") for number in numbers]
            write_calls(database, made)
            turns = [TURN.model_copy(update={"call_id": one.call_id}) for one in made]
            write(database, [Record.now(one) for one in turns])
            recorded.extend(numbers)

    recorder = Thread(target=record)
    recorder.start()
    try:
        for _ in range(5):
            erase_lead(database, LEAD)
    finally:
        over.set()
        recorder.join()
    erase_late(database)
    assert figures(database).total_calls == len(recorded)
    names = [f"call_{number}" for number in recorded if number >= 50 and number % 2]
    assert database["calls"].count_documents({"$or": [{"lead_id": LEAD}, {"_id": {"$in": names}}]}) == 0
    assert database["turns"].count_documents({"call_id": {"$in": names}}) == 0


def test_a_late_report_does_not_count_what_was_not_to_count(database: Database[Document]) -> None:
    write_calls(database, [call(7), call(8)])
    erase_lead(database, LEAD, counts=False)
    write(database, [Record.now(price("call_7", lead_id=LEAD))])
    assert erase_late(database) == 1
    assert figures(database).total_calls == 1
    write(database, [Record.now(price("call_7"))])
    assert erase_lead(database, LEAD).calls == 1
    assert figures(database).total_calls == 1


def test_turns_that_only_a_backup_has_are_erased_again(
    database: Database[Document], erased: CallSummary, tmp_path: Path
) -> None:
    """The backup was made when a turn had arrived late."""
    write(database, [Record.now(TURN)])
    back_up(database, get_settings().data_dir, tmp_path / "saved", lambda *_: None)
    restore(database, get_settings().data_dir, tmp_path / "saved", lambda *_: None, replace=True)
    erase_again(database)
    assert (is_left(database), figures(database)) == (False, erased)


def test_turns_of_a_call_in_progress_go_with_the_lead(database: Database[Document]) -> None:
    """No call is stored yet, but the heartbeat says whose it is; the call that follows goes too."""
    database["active_calls"].insert_one({"_id": "call_7", "lead_id": LEAD, "seen_at": utc_now()})
    write(database, [Record.now(TURN)])
    assert erase_lead(database, LEAD).turns == 1
    write_calls(database, [call(7, start_time=utc_now() - timedelta(minutes=5))])
    assert (erase_late(database), is_left(database)) == (1, False)
    assert database["calls"].count_documents({"_id": {"$regex": "^erased-"}}) == 1


def test_the_scheduler_erases_what_arrives_late() -> None:
    assert "erase_late" in {job.name for job in all_jobs()}
