"""What an erasure destroys for good, what it keeps the count of, and what its receipt proves."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from bson import Timestamp
from pymongo.database import Database

from core.access.audit import lead_token
from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.aggregation.search.call_detail import whole_call
from core.aggregation.search.call_search import count_calls, find_documents, search_calls
from core.clock import utc_now
from core.erasure import erase_due, erase_late, erase_lead, find_traces, restrict_lead
from core.errors import UserError
from core.models.metrics import TurnMetrics
from core.privacy.encryption import SealError
from core.settings import get_settings
from core.storage.archive.backup import back_up
from core.storage.archive.restore import restore
from core.storage.calls import write_calls
from core.storage.receipts import ReceiptError, Receipts
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.restrictions import restrictions
from core.storage.sealing.lead_keys import export_keys, import_keys, wrapped_with
from core.storage.sealing.open import open_value
from core.types import Document
from tests.storage.archive.test_mover import PERIOD, START, call, recorded_long_ago
from tests.storage.sealing.test_sealing import NEW, OLD, PERSON, use
from tests.test_cli import core

LEAD = "lead_7"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, OLD)


def nothing(*_: object) -> None:
    """Show no progress."""


@pytest.mark.full
@pytest.mark.usefixtures("keys")
def test_a_backup_from_before_an_erasure_cannot_bring_the_lead_back(
    database: Database[Document], tmp_path: Path
) -> None:
    """Not even its bytes can be opened: the key is nowhere, neither in it nor in an older file of keys."""
    said = [TurnMetrics(call_id="call_7", turn=n, transcript="I am Meera") for n in (1, 2)]
    write(database, [Record.now(said[0])])  # before anybody knows whose call it is
    write_calls(database, [call(n, lead_id=f"lead_{n}", metadata=PERSON) for n in (7, 8)])
    write(database, [Record.now(said[1])])
    back_up(database, get_settings().data_dir, tmp_path / "saved", nothing)
    export_keys(database, tmp_path / "keys")
    assert "lead_keys.bson.zst" not in {file.name for file in (tmp_path / "saved").iterdir()}
    found = erase_lead(database, LEAD)
    assert (found.lead_keys, found.calls, found.turns) == (2, 1, 2)
    restore(database, get_settings().data_dir, tmp_path / "saved", nothing, replace=True)
    tokens = {row["lead_id"]: row["metadata"]["phone"] for row in database["calls"].find()}
    assert open_value(database, "call_8", "metadata.phone", tokens["lead_8"]) == "97011 55238"
    done = import_keys(database, tmp_path / "keys", nothing)
    assert (done.stored, done.there, done.erased) == (0, 1, 2)
    for turn in database["turns"].find({"call_id": "call_7"}):
        with pytest.raises(SealError, match="its key is missing"):
            open_value(database, turn["_id"], "transcript", turn["transcript"])
    with pytest.raises(SealError, match="its key is missing"):
        open_value(database, "call_7", "metadata.phone", tokens["lead_7"])
    restored = core("restore", str(tmp_path / "saved"), "--replace")
    assert "1 lead was erased since" in restored.stdout, restored.stderr
    assert search_calls(database, LEAD) == []


@pytest.mark.parametrize("leaves", ["archive", "restore"])
@pytest.mark.usefixtures("keys")
def test_the_key_of_a_call_goes_with_its_lead_though_the_call_is_gone(
    database: Database[Document], tmp_path: Path, leaves: str
) -> None:
    """What was said before the lead was known cannot be opened either, wherever a copy of it is."""
    write_calls(database, [call(8)])
    back_up(database, get_settings().data_dir, tmp_path / "saved", nothing)
    write(database, [Record.now(TurnMetrics(call_id="call_7", turn=1, transcript="I am Meera"))])
    assert database["lead_keys"].distinct("lead") == ["call:call_7"]
    recorded_long_ago(database, [call(7)])
    if leaves == "archive":
        refresh_rollups(database)
        archive_due(database)
        database["archives"].delete_many({})  # its files are lost
        database["turns"].delete_many({})
    else:
        restore(database, get_settings().data_dir, tmp_path / "saved", nothing, replace=True)
    assert find_traces(database, LEAD).calls == find_traces(database, LEAD).archived_calls == 0
    export_keys(database, tmp_path / "keys")
    assert erase_lead(database, LEAD).lead_keys == 1
    assert database["lead_keys"].count_documents({}) == 0
    assert import_keys(database, tmp_path / "keys", nothing).erased == 1


def test_an_erased_lead_still_counts_as_nobody(database: Database[Document]) -> None:
    """In the database and in the archive; a figure of any kind is what it was."""
    old, new = [call(n, provider_call_id=f"CA{n}") for n in range(100)], [call(n) for n in range(100, 200)]
    recorded_long_ago(database, old)
    turns = [TurnMetrics(call_id=f"call_{n}", turn=1, start_time=START, asr_ms=n) for n in range(200)]
    write(database, [Record.now(turn) for turn in turns])
    database["turns"].update_many(
        {"asr_ms": {"$lt": 100}}, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}}
    )
    refresh_rollups(database)
    archive_due(database)
    write_calls(database, new)
    refresh_rollups(database)
    before = summarise(load_cube(database, *PERIOD))
    found = erase_lead(database, LEAD)
    assert (found.calls, found.archived_calls, found.turns, found.archived_turns) == (2, 2, 2, 2)
    refresh_rollups(database)
    assert summarise(load_cube(database, *PERIOD)) == before
    assert find_traces(database, LEAD).records == 0
    kept = list(database["calls"].find({"_id": {"$regex": "^erased-"}}))
    assert (len(kept), len({row["lead_id"] for row in kept})) == (4, 1)
    assert not any(row.keys() & {"metadata", "provider_call_id", "links", "sources"} for row in kept)
    assert {row["call_id"] for row in database["turns"].find({"_id": {"$regex": "^erased-"}})} == {
        row["_id"] for row in kept
    }
    (receipt,) = Receipts().folder.glob("*.json")
    assert Receipts().verify(receipt).kept == 4


@pytest.mark.full
def test_a_receipt_proves_what_was_done_and_by_whom(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in it can be changed; another installation checks it by the public key that it is told."""
    write_calls(database, [call(7)])
    done = core("erase-lead", LEAD, "--yes")
    assert done.returncode == 0, done.stderr
    (file,) = Receipts().folder.glob("*.json")
    shown = core("erasure", "receipt", "verify", str(file))
    assert (shown.returncode, "valid signature by" in shown.stdout) == (0, True), shown.stderr
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert (lines["erased"], lines["left"], lines["due_at"]) == ("calls 1", "none", "none")
    assert f"receipt: {file}" in done.stdout
    receipt = orjson.loads(file.read_bytes())
    public = receipt["public_key"]
    for changed in (
        {"kept": 2},
        {"by": "nobody"},
        {"more": 1},
        {"signature": "00" * 64},
        {"erased": {"calls": 9}},
    ):
        file.write_bytes(orjson.dumps(receipt | changed))
        with pytest.raises(ReceiptError, match="does not match its signature"):
            Receipts().verify(file)
    file.write_bytes(orjson.dumps(receipt))
    monkeypatch.setenv("ERASURE_RECEIPT_KEY", "D" * 42 + "A")
    get_settings.cache_clear()
    with pytest.raises(ReceiptError, match="signed by another key"):
        Receipts().verify(file)
    assert Receipts().verify(file, public).erased["calls"] == 1
    assert core("erasure", "receipt", "verify", str(file)).returncode == 2


def test_a_hidden_lead_is_shown_nowhere_counts_and_is_erased_at_the_end(database: Database[Document]) -> None:
    """Its receipt says both dates; before the end it is not erased by mistake."""
    write_calls(database, [call(7), call(8)])
    refresh_rollups(database)
    assert len(find_documents(database, *PERIOD)) == 2
    end = utc_now() + timedelta(days=30)
    hidden = core("restrict-lead", LEAD, "--until", f"{end:%Y-%m-%d}", "--reason", "DPDP Rule 8(3)")
    assert hidden.returncode == 0, hidden.stderr
    restrict_lead(database, LEAD, end, "DPDP Rule 8(3)", "asha")
    assert [row["_id"] for row in find_documents(database, *PERIOD)] == ["call_8"]
    assert count_calls(database, *PERIOD) == 1
    assert search_calls(database, LEAD) == []
    assert whole_call(database, "call_7") is None
    assert load_cube(database, *PERIOD).total == 2
    with pytest.raises(UserError, match="must be kept until"):
        erase_lead(database, LEAD)
    assert erase_due(database) == 0
    assert erase_due(database, end + timedelta(seconds=1)) == 1
    noted = database["audit"].find_one({"action": "erased"})
    assert noted is not None
    assert (noted["actor"], noted["subject"]) == ("scheduler", lead_token(LEAD))
    assert restrictions(database) == []
    (file,) = Receipts().folder.glob("*.json")
    receipt = Receipts().verify(file)
    assert receipt.due_at is not None
    assert receipt.restricted_at is not None
    assert abs(receipt.due_at - end) < timedelta(seconds=1)
    assert receipt.restricted_at < receipt.at
    assert database["calls"].distinct("_id") != ["call_7", "call_8"]


@pytest.mark.usefixtures("keys")
def test_a_lead_hidden_by_its_phone_is_erased_once_with_one_receipt(database: Database[Document]) -> None:
    """Though it may be stored under the phone itself, as before there were keys, or its index."""
    write_calls(database, [call(7, lead_id="9701155238")])
    end = utc_now() + timedelta(days=30)
    restrict_lead(database, "97011 55238", end, "a duty", "asha")
    assert len(restrictions(database)) == 2
    assert erase_due(database, end + timedelta(seconds=1)) == 1
    assert restrictions(database) == []
    (file,) = Receipts().folder.glob("*.json")
    assert Receipts().verify(file).erased["calls"] == 1


def test_a_restored_backup_does_not_show_who_was_hidden_since(
    database: Database[Document], tmp_path: Path
) -> None:
    write_calls(database, [call(7), call(8)])
    back_up(database, get_settings().data_dir, tmp_path / "saved", nothing)
    restrict_lead(database, LEAD, utc_now() + timedelta(days=1), "a duty", "asha")
    restore(database, get_settings().data_dir, tmp_path / "saved", nothing, replace=True)
    assert [one.reason for one in restrictions(database)] == ["a duty"]
    assert search_calls(database, LEAD) == []


@pytest.mark.full
@pytest.mark.usefixtures("keys")
def test_a_rotation_killed_in_the_middle_is_gone_on_with(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_calls(
        database, [call(n, lead_id=f"lead_{n}", metadata={"phone": "97011 55238"}) for n in range(6_000)]
    )
    use(monkeypatch, NEW, OLD)
    command, stopped = [sys.executable, "-m", "core", "keys", "rotate"], 0
    for _ in range(3):
        running, before = subprocess.Popen(command, stdout=subprocess.DEVNULL), wrapped_with(database)
        while running.poll() is None and wrapped_with(database) == before:
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        stopped += running.wait() == -signal.SIGKILL and 0 < wrapped_with(database).get("old", 0) < 6_000
    assert stopped >= 1
    done = subprocess.run(command, check=True, env=os.environ, capture_output=True, text=True)
    assert "old wraps nothing: remove it" in done.stdout
    assert wrapped_with(database) == {"new": 6_000}
    use(monkeypatch, NEW)
    row = database["calls"].find_one({"_id": "call_5999"})
    assert row is not None
    assert open_value(database, "call_5999", "metadata.phone", row["metadata"]["phone"]) == "97011 55238"


def test_receipts_without_their_key_are_said_to_know_nobody(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new key would make all of them worthless without a word; an empty one would give the leads away."""
    use(monkeypatch, OLD)
    write_calls(database, [call(7), call(8)])
    erase_lead(database, "lead_7")
    key = Receipts().folder / "key"
    for damaged in (None, b"", b"short"):
        key.unlink() if damaged is None else key.write_bytes(damaged)
        for work in (lambda: erase_lead(database, "lead_8"), lambda: erase_late(database)):
            with pytest.raises(UserError, match=r"is missing or damaged: restore it from a copy"):
                work()
        assert database["calls"].count_documents({"_id": "call_8"}) == 1
        assert (key.read_bytes() if key.exists() else None) == damaged
