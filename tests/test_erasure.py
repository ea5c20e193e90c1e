"""All of a lead goes, wherever it lies, and nothing of anybody else."""

import asyncio
import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from bson import Timestamp, encode
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from core.aggregation.compliance.read import load_compliance
from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.aggregation.search.call_detail import find_call
from core.aggregation.search.call_search import list_calls
from core.clock import utc_now
from core.erasure import erase_lead, find_traces
from core.erasure.mentions import Names
from core.erasure.restriction import erase_due, restrict_lead
from core.erasure.traces import TREATMENTS
from core.errors import UserError
from core.models.calls.reports import CallReport
from core.models.metrics import ServiceMinute, TurnMetrics
from core.services.alert_service import AlertService
from core.settings import get_settings
from core.storage import collections, restrictions
from core.storage.archive.archived_rows import archived
from core.storage.archive.mover import COLLECTIONS
from core.storage.calls import write_calls
from core.storage.receipts import Receipts
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
from core.storage.recording.write import write
from core.storage.restrictions import lift, visible
from core.storage.server.connection import close_connections
from core.types import Document
from tests.importing.helpers import SIMPLE, Files
from tests.ports import free_port
from tests.storage.archive.test_mover import PERIOD, START, call, recorded_long_ago
from tests.test_cli import core

LEAD = "lead_7"
CALLS, OF_LEAD = 400, 8
"""call_7, call_57, … are the lead's: one in fifty."""


@pytest.fixture
def folder(database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store whose older half is archived, beside a spool, a dead letter and a log that name the lead."""
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "agent.log"))
    get_settings.cache_clear()
    data_dir = get_settings().data_dir
    half = [call(number) for number in range(CALLS // 2)]
    recorded_long_ago(database, half)
    turns = [TurnMetrics(call_id=f"call_{number}", turn=1, start_time=START) for number in range(CALLS)]
    write(database, [Record.now(turn) for turn in turns])
    old = {"call_id": {"$in": [one.call_id for one in half]}}
    database["turns"].update_many(old, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}})
    refresh_rollups(database)
    archive_due(database)
    write_calls(database, [call(number) for number in range(CALLS // 2, CALLS - 1)])
    Spool().put([Record.now(call(CALLS - 1, lead_id=LEAD))])
    letters = [Spool().bury(Record.now(call(number)), "error 2") for number in (7, 8)]
    database["logs"].insert_many([{"call_id": f"call_{n}", "message": "x"} for n in (7, 8, 307, 308)])
    database["active_calls"].insert_many([{"_id": "a", "lead_id": LEAD}, {"_id": "b", "lead_id": "lead_8"}])
    (tmp_path / "agent.log").write_text(f'{{"lead_id": "{LEAD}"}}\n{{"lead_id": "lead_8"}}\n')
    yield data_dir
    for letter in letters:
        letter.unlink(missing_ok=True)


def everything(database: Database[Document]) -> dict[str, list[str]]:
    """Every record with its lead or call, wherever it is stored."""
    names = set(database.list_collection_names()) - {"archives"}
    found = {name: [str(row) for row in database[name].find()] for name in names}
    for kind in COLLECTIONS:
        found[f"archived {kind}"] = [str(row) for row in archived(database, kind, [PERIOD]).to_pylist()]
    found["dead"] = [file.read_text() for file in Spool().dead.glob("*.json")]
    return found


def of_the_lead(text: str) -> bool:
    numbers = [*range(7, CALLS, 50), CALLS - 1]
    return any(f"'call_{n}'" in text or f'"call_{n}"' in text for n in numbers) or f"'{LEAD}'" in text


def test_nothing_of_the_lead_is_left_and_the_others_are(database: Database[Document], folder: Path) -> None:
    looked = core("erase-lead", LEAD)
    assert looked.returncode == 0, looked.stderr
    before = everything(database)
    assert sum(of_the_lead(text) for texts in before.values() for text in texts) == 22
    assert "nothing erased; add --yes" in looked.stdout
    done = core("erase-lead", LEAD, "--yes", "--no-keep-counts")
    assert done.returncode == 0, done.stderr
    assert "erased 22 records" in done.stdout
    assert "agent.log names the lead in 1 line" in done.stdout
    after = everything(database)
    for name in before:
        if not name.startswith("rollup") and name not in {"dirty_windows", "audit"}:
            assert sorted(after[name]) == sorted(text for text in before[name] if not of_the_lead(text)), name
    assert [of_the_lead(text) for text in after["audit"]] == [False]  # that it was erased, not who it was
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == CALLS - OF_LEAD - 1
    again = core("erase-lead", LEAD, "--yes")
    assert (again.returncode, "nothing is stored under this id" in again.stdout) == (0, True)


def test_the_calling_rules_count_an_erased_call_as_before(database: Database[Document]) -> None:
    """That it broke a rule is no less true; that there was a consent stays, but not which."""
    said = {"disclosure_given": False, "recording_notice": False, "opt_out": True, "consent_id": "of-meera"}
    days = (START, START + timedelta(days=1))
    write_calls(database, [call(number, lead_id=LEAD, compliance=said) for number in (1, 2)])

    before = load_compliance(database, *days)
    assert before.calls_in_violation == 2
    erase_lead(database, LEAD)
    after = load_compliance(database, *days)
    assert (after.rules, after.calls_in_violation) == (before.rules, 2)
    assert "of-meera" not in texts(database)


def test_what_counts_on_of_an_erased_call_names_the_lead_nowhere(database: Database[Document]) -> None:
    """Agents put what failed into the name of an error, and the lead with it; charts count by that name."""
    errors = [f"push of {LEAD} failed", "call_307 timed out", "no answer of 9811122233", "Meera Pillai busy"]
    told = {"errors": [*errors, "asr_timeout"], "campaign": "festive", "agent": f"for {LEAD}"}
    write_calls(database, [call(307, lead_id=LEAD, **told), call(308, lead_id="lead_8", errors=errors)])

    erase_lead(database, LEAD, also=["Meera Pillai"])

    (one,) = database["calls"].find({"_id": {"$ne": "call_308"}})
    assert not [name for name in (LEAD, "call_307", "9811122233", "Meera") if name in str(one)], one
    assert [error["type"] for error in one["errors"]] == [
        "push of (erased) failed",
        "(erased) timed out",
        "no answer of [phone …2233]",
        "(erased) busy",
        "asr_timeout",
    ]
    assert (one["campaign"], one["agent"]) == ("festive", "for (erased)")
    # What others say stays: it is their record.
    assert errors == [error["type"] for error in database["calls"].find_one({"_id": "call_308"})["errors"]]  # type: ignore[index]


def texts(database: Database[Document]) -> str:
    """All that is stored, as text."""
    return "\n".join(str(row) for name in database.list_collection_names() for row in database[name].find())


def send(alert_type: str, message: str, **metadata: object) -> None:
    """Send an alert as the agent does, with a channel that never answers."""

    async def sending() -> None:
        await AlertService().send_alert(alert_type, "critical", message, metadata=metadata)
        await close_connections()

    asyncio.run(sending())


@pytest.mark.full
def test_alerts_that_named_the_lead_go_with_their_history_and_messages(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what a later alert of the same type has written over."""
    monkeypatch.setenv("ALERT_APPRISE_URLS", f"m=jsons://127.0.0.1:{free_port()}/")
    get_settings.cache_clear()
    write_calls(database, [call(7, lead_id="lead_meera"), call(8, lead_id="lead_meera_2")])
    send("crm_push", "Meera Pillai waits", lead="lead_meera", name="Meera Pillai")
    send("slow_call", "Somebody waits for long", about={"calls": ["call_7"], "name": "Meera Pillai"})
    send("crm_push", "Ravi Iyer waits", lead="lead_meera_2", name="Ravi Iyer")
    assert texts(database).count("Meera Pillai") >= 2, "in messages; not in metadata"
    looked = find_traces(database, "lead_meera")
    assert (looked.alerts, looked.alert_events >= 2, looked.messages) == (1, True, 2)
    done = core("erase-lead", "lead_meera", "--yes")
    assert (done.returncode, "outbox" in done.stdout) == (0, False), done.stderr
    left = texts(database)
    assert "Meera" not in left
    assert "'lead_meera'" not in left
    assert left.count("Ravi Iyer") >= 3
    assert find_traces(database, "lead_meera").records == 0


@pytest.mark.full
def test_further_names_are_looked_for_as_whole_words(database: Database[Document]) -> None:
    """A number in a path and a name without an id are found where they are asked for."""
    send("crm_push", "Meera Pillai, 45071, waits")
    send("crm_pull", "Meera Pillaiyar waits")
    times = {"total_ms": 1, "min_ms": 1, "max_ms": 1}
    about = {"process": "w", "number": 1, "service": "crm", "operation": "GET /leads/45071", "count": 1}
    minute = ServiceMinute.model_validate({"minute": START, **about, **times})
    write(database, [Record.now(minute)])
    database["logs"].insert_many([{"message": "Meera Pillai called"}, {"message": "145071"}])
    assert core("erase-lead", "lead_m", "--yes").returncode == 0
    assert "Meera Pillai," in texts(database)
    assert core("erase-lead", "lead_m", "--yes", "--also", "ab").returncode == 2
    done = core("erase-lead", "lead_m", "--yes", "--also", "Meera Pillai", "--also", "45071")
    assert (done.returncode, "service minutes" in done.stdout) == (0, True), done.stderr
    left = texts(database)
    assert ("Meera Pillai waits" in left, "/leads/45071" in left, "Pillai called" in left) == (False,) * 3
    assert ("Meera Pillaiyar" in left, "145071" in left) == (True, True)


def test_an_alert_of_a_rule_goes_on_without_the_words_about_the_lead(database: Database[Document]) -> None:
    """What somebody wrote about the lead goes, the alert does not."""
    note = {"author": "asha", "comment": "lead_7 told me, so did call_7", "at": START, "until": START}
    fields = {"origin": "rule", "state": "firing", "revision": 3, "message": "12 % failed"}
    database["alerts"].insert_one({"_id": "a1", "acknowledged": note, **fields})
    database["silences"].insert_one({"_id": "s1", "comment": "because of lead_7"})
    write_calls(database, [call(7, lead_id=LEAD)])
    found = erase_lead(database, LEAD)
    assert (found.alerts, found.said) == (1, {"silences": 1})
    alert = database["alerts"].find_one({"_id": "a1"})
    assert alert is not None
    assert alert["acknowledged"]["comment"] == "(erased) told me, so did (erased)"
    assert (alert["acknowledged"]["author"], alert["message"]) == ("asha", "12 % failed")


def test_what_cannot_be_rewritten_is_said_wherever_it_lies(database: Database[Document]) -> None:
    """Packed logs, drafts of a killed process and spools of other databases are named."""
    data_dir = get_settings().data_dir
    packed = data_dir / "logs" / "agent.log.2.gz"
    draft, other = Spool().folder / "1.new", Spool(f"{database.name}_b").folder / "1-1-a.json"
    for file in (packed, draft, other):
        file.parent.mkdir(parents=True, exist_ok=True)
        line = b'{"lead_id": "lead_7"}\n{"lead_id": "lead_77"}\n'
        file.write_bytes(gzip.compress(line) if file == packed else line)
    try:
        assert find_traces(database, LEAD).files == {file.absolute(): 1 for file in (packed, draft, other)}
    finally:
        for file in (packed, draft, other):
            file.unlink()


def test_turns_of_a_call_that_the_database_never_took_go_too(database: Database[Document]) -> None:
    """The call lies apart in the spool alone, and says whose the turns are."""
    letter = Spool().bury(Record.now(call(9, lead_id=LEAD)), "error 2")
    write(database, [Record.now(TurnMetrics(call_id="call_9", turn=1, start_time=START))])
    try:
        found = erase_lead(database, LEAD)
        assert (found.turns, found.refused, letter.exists()) == (1, 1, False)
    finally:
        letter.unlink(missing_ok=True)
    assert database["turns"].count_documents({}) == 0


@pytest.mark.full
def test_what_was_erased_does_not_come_back(database: Database[Document], tmp_path: Path) -> None:
    """Neither by the same import nor by a backup; calls that began since are the lead's own again."""
    mapping = SIMPLE + 'lead_id = "lead"\n'
    rows = "id,lead,started,status,seconds\nm1,lead_m,2024-10-24 10:00:00,completed,9\n"
    files = Files(tmp_path).put(f"{rows}o1,lead_o,2024-10-24 10:00:00,completed,9\n", mapping)
    folder = Receipts().folder
    assert files.run().inserted == 2
    assert core("backup", str(tmp_path / "saved")).returncode == 0
    assert core("erase-lead", "lead_m", "--yes").returncode == 0
    (receipt,) = folder.glob("*.json")
    assert "lead_m" not in receipt.read_text() + receipt.name
    assert orjson.loads(receipt.read_bytes())["erased"]["calls"] == 1
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder, *folder.iterdir()))
    again = files.run()
    assert (again.replaced, again.inserted, again.rejected) == (1, 0, 1)
    assert "lead_m" not in files.rejects.read_text()
    restored = core("restore", str(tmp_path / "saved"), "--replace")
    assert restored.returncode == 0, restored.stderr
    assert "1 lead was erased since" in restored.stdout
    assert [lead for lead in database["calls"].distinct("lead_id") if "erased-" not in lead] == ["lead_o"]
    soon = utc_now().astimezone(get_settings().tz) + timedelta(minutes=1)
    later = f"m2,lead_m,{soon:%Y-%m-%d %H:%M:%S},completed,9\n"
    assert Files(tmp_path).put(rows.splitlines(keepends=True)[0] + later, mapping).run().inserted == 1


def test_a_rejected_row_of_an_erased_lead_is_not_kept(database: Database[Document], tmp_path: Path) -> None:
    """The next export has the lead again, in rows that are no calls; the file of rejected rows has not."""
    row, rows = "{},{},2024-10-24 10:00:00,{},9,{}\n", "id,lead,started,status,seconds,name\n"
    files = Files(tmp_path).put(
        rows + row.format("m1", "9811122233", "completed", "Meera"), SIMPLE + 'lead_id = "lead"\n'
    )
    assert files.run().inserted == 1
    erase_lead(database, "+91 98111 22233")
    wrong = [("m2", "09811122233", "lost", "Meera"), ("o1", "lead_o", "lost", "Asha")]
    files.data.write_text(rows + "".join(row.format(*one) for one in wrong))
    assert files.run().rejected == 2
    assert [one["line"] for one in files.rejected() if "not 'lost'" in one["reason"]] == [2, 3]
    kept = files.rejects.read_text()
    assert ("Asha" in kept, "Meera" in kept, "9811122233" in kept) == (True, False, False)


SPELLINGS = [
    *("+91 98111 22233", "09811122233", "9811122233", "(098111) 22233", "९८१११२२२३३", "tel:+919811122233"),
    *(
        "sip:+919811122233@10.0.0.7;user=phone",
        "whatsapp:+919811122233",
        "૯૮૧૧૧૨૨૨૩૩",
        "\u202a+919811122233\u202c",
    ),
]
OTHERS = ["9811122234", "lead-9811122233", "99811122233", "+1 981 112 2233"]


def of_numbers(database: Database[Document]) -> None:
    """Calls of one person and of others, with and without several sources; the first ones are archived."""
    leads = [*SPELLINGS, *OTHERS]
    calls = [call(number, lead_id=lead) for number, lead in enumerate(leads)]
    recorded_long_ago(database, calls[:2])
    refresh_rollups(database)
    archive_due(database)
    write_calls(database, calls[2:])


def leads_left(database: Database[Document]) -> set[str]:
    rows = archived(database, "calls", [PERIOD]).to_pylist()
    leads = {row["lead_id"] for row in [*database["calls"].find({}, {"lead_id": 1}), *rows]}
    return {lead for lead in leads if not lead.startswith("erased-")}


@pytest.mark.parametrize("given", SPELLINGS)
def test_a_number_is_one_lead_however_it_is_written(database: Database[Document], given: str) -> None:
    of_numbers(database)
    letter = Spool().bury(Record.now(call(99, lead_id="98111 22233")), "error 2")
    traces = find_traces(database, given)
    assert traces.refused == 1
    assert traces.calls + traces.archived_calls == len(SPELLINGS)
    erase_lead(database, given)
    assert not letter.exists()
    assert leads_left(database) == set(OTHERS)
    assert [lead for lead in (*SPELLINGS, *OTHERS) if Receipts().covers(lead, START)] == SPELLINGS


@pytest.mark.parametrize(("named", "asked"), [("lead_b", "lead_b"), ("+91 98111 22233", "09811122233")])
def test_an_archived_call_goes_with_a_lead_that_only_its_carrier_names(
    database: Database[Document], named: str, asked: str
) -> None:
    """The agent names another, whose calls stay; neither the row nor its sources tell of the erased one."""
    recorded_long_ago(database, [call(1), call(2), call(3)])
    about = {"source": "exotel", "role": "carrier", "facts": {"lead_id": named, "status": "completed"}}
    told = [{"call_id": "call_1", **about}, {"call_id": "call_2", **about, "facts": {"lead_id": "lead_c"}}]
    write(database, [Record.now(CallReport.model_validate(one)) for one in told])
    long_ago = {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}}
    database["calls"].update_many({}, long_ago)
    archive_due(database)
    assert (find_traces(database, asked).archived_calls, database["calls"].count_documents({})) == (1, 0)
    assert erase_lead(database, asked, counts=False).archived_calls == 1
    left = {row["_id"]: str(row) for row in archived(database, "calls", [PERIOD]).to_pylist()}
    assert (set(left), named in str(left), "lead_c" in left["call_2"]) == ({"call_2", "call_3"}, False, True)


def test_all_spellings_of_a_number_are_hidden_and_erased_once(database: Database[Document]) -> None:
    of_numbers(database)
    restrict_lead(database, SPELLINGS[2], utc_now() + timedelta(days=1), "a complaint", "tester")
    assert {row["lead_id"] for row in database["calls"].find(visible(database, {}))} <= set(OTHERS)
    assert erase_due(database, utc_now() + timedelta(days=2)) == 1
    assert leads_left(database) == set(OTHERS)


def listed(database: Database[Document]) -> set[str]:
    return {row["lead_id"] for row in list_calls(database, {})}


@pytest.mark.parametrize(
    "later",
    [
        *("09811122233", "+91-98111-22233", "919811122233", "981-112-2233", "tel:+919811122233"),
        *("whatsapp:+919811122233", "sip_+919811122233", "919811122233@s.whatsapp.net"),
    ],
)
def test_a_hidden_phone_stays_hidden_when_it_is_called_under_another_spelling(
    database: Database[Document], later: str
) -> None:
    """On lists and as a single call; it is shown again as one."""
    restrict_lead(database, SPELLINGS[0], utc_now() + timedelta(days=1), "a complaint", "tester")
    write_calls(database, [call(1, lead_id=later), call(2, lead_id=OTHERS[0])])
    assert listed(database) == {OTHERS[0]}
    assert find_call(database, "call_1") is None
    assert lift(database, [later])
    assert listed(database) == {later, OTHERS[0]}
    assert find_call(database, "call_1") is not None


def test_a_rare_spelling_of_a_hidden_phone_opens_no_call(database: Database[Document]) -> None:
    restrict_lead(database, SPELLINGS[1], utc_now() + timedelta(days=1), "a complaint", "tester")
    write_calls(database, [call(1, lead_id="(09).81.11.22.23.3")])
    assert find_call(database, "call_1") is None


def test_the_plain_spellings_are_hidden_however_many_phones_are(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restrictions, "MOST_SPELLINGS", 10)
    for phone in ("97000 00001", "97000 00002", SPELLINGS[0]):
        restrict_lead(database, phone, utc_now() + timedelta(days=1), "a complaint", "tester")
    plain = ["+919811122233", "919811122233", "09811122233", "9811122233"]
    write_calls(database, [call(number, lead_id=lead) for number, lead in enumerate(plain)])
    assert listed(database) == set()
    assert len(restrictions.hidden_leads(database)) < 40


def test_a_phone_hidden_under_two_spellings_has_one_end(database: Database[Document]) -> None:
    """The newest; it is then erased once."""
    now = utc_now()
    for days, lead in ((1, SPELLINGS[0]), (9, SPELLINGS[1])):
        restrict_lead(database, lead, now + timedelta(days=days), "a complaint", "tester")
    write_calls(database, [call(1, lead_id=SPELLINGS[2])])
    assert erase_due(database, now + timedelta(days=2)) == 0
    with pytest.raises(UserError, match="must be kept until"):
        erase_lead(database, SPELLINGS[2])
    assert erase_due(database, now + timedelta(days=10)) == 1
    assert restrictions.restrictions(database) == []


def test_every_collection_has_been_thought_of() -> None:
    """One that is added without a word about erasure is no longer overlooked."""
    named = {value for name, value in vars(collections).items() if name.isupper() and isinstance(value, str)}
    assert set(TREATMENTS) == named


@pytest.mark.parametrize("lead", ["7", "42", "1024", "abc"])
def test_an_id_that_could_be_any_number_is_found_where_ids_stand_alone(lead: str) -> None:
    """``7 % of calls failed`` is not about lead 7."""
    names = Names([lead])
    about: list[dict[str, Any]] = [
        {"lead": lead},
        {"metadata": {"lead_id": lead}},
        {"a": [{"Lead": lead}]},
        {"calls": [lead]},
    ]
    others: list[dict[str, Any]] = [
        {"message": f"{lead} % of calls failed"},
        {"hour": lead},
        {"current_value": 42},
        {"n": 1_024},
    ]
    for document, expected in [*((one, True) for one in about), *((one, False) for one in others)]:
        assert names.within_document(document) is expected
        assert names.within_document(RawBSONDocument(encode(document))) is expected
    assert names.within(f'{{"lead_id":"{lead}","n":1}}'.encode())
    assert not names.within(f'{{"message":"{lead} ms","n":{lead}}}'.encode())


def test_an_id_with_odd_letters_is_found_in_json_too() -> None:
    """Quotes and backslashes are spelt otherwise there."""
    for lead in ('le"ad', "le\\ad", "ली८ड", "lead\t1"):
        assert Names([lead]).within(orjson.dumps({"lead_id": lead}))
        assert Names([lead]).within_document(RawBSONDocument(encode({"x": f"of {lead}"})))


@given(
    st.text(st.sampled_from("lead_7 x-.é"), min_size=1, max_size=8),
    st.text(st.sampled_from("lead_7 x-.é"), max_size=24),
)
def test_names_are_found_as_whole_words_only(name: str, text: str) -> None:
    """``lead_7`` is not ``lead_77``, and what is found is what is replaced."""
    names = Names([], [name])
    word = r"[\w-]"
    expected = re.search(f"(?<!{word}){re.escape(name)}(?!{word})", text) is not None
    assert names.within(text.encode()) is expected
    assert names.within_document(RawBSONDocument(encode({"": [{"n": text}]}))) is expected
    assert (names.without(text) != text) is expected


def _progress(database: Database[Document]) -> list[object]:
    counts = [database[name].count_documents({}) for name in ("turns", "logs", "active_calls", "calls")]
    return [*counts, *sorted(row["file"] for row in database["archives"].find())]


@pytest.mark.full
def test_an_erasure_killed_anywhere_is_finished_by_the_next(
    database: Database[Document], folder: Path
) -> None:
    core("erase-lead", LEAD)  # what waits in the spool is in the database then
    others = {
        name: sorted(text for text in texts if not of_the_lead(text))
        for name, texts in everything(database).items()
        if "calls" in name or "turns" in name
    }
    halfway = 0
    command = [sys.executable, "-m", "core", "erase-lead", LEAD, "--yes", "--no-keep-counts"]
    for _ in range(8):
        if halfway == 3:
            break
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = _progress(database)
        while running.poll() is None and _progress(database) == before:
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        if running.wait() == -signal.SIGKILL:
            left = sum(of_the_lead(text) for texts in everything(database).values() for text in texts)
            halfway += 0 < left < 22
    assert halfway >= 2
    subprocess.run(command, check=True, env=os.environ, stdout=subprocess.DEVNULL)
    after = everything(database)
    assert [text for texts in after.values() for text in texts if of_the_lead(text)] == []
    assert {name: sorted(after[name]) for name in others} == others
