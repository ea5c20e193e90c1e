"""Entries follow each other without a gap, whoever writes, and say nothing of a person."""

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pymongo.database import Database
from pymongo.errors import ServerSelectionTimeoutError

from core.access.audit import Action, AuditError, append, audit, audit_read, call_subject, lead_token
from core.access.audit.anchor import head_file
from core.access.audit.append import forget_reads
from core.access.audit.verify import verify
from core.access.roles import Actor, Role
from core.errors import UserError
from core.settings import get_settings
from core.storage import get_sync_database
from core.types import Document

ASHA = Actor("asha", Role.ADMIN)
WRITERS, EACH = 8, 25
WRITE = f"""
import multiprocessing
from core.access.audit import Action, audit
from core.access.roles import Actor, Role
from core.storage import get_sync_database

def write(number):
    for _ in range({EACH}):
        who = Actor(f"writer {{number}}", Role.OPERATOR)
        audit(get_sync_database(), who, Action.SILENCED, f"s{{number}}")

# Nothing is connected yet: each has a client of its own.
with multiprocessing.get_context("fork").Pool({WRITERS}) as pool:
    pool.map(write, range({WRITERS}), chunksize=1)
"""


@pytest.fixture(autouse=True)
def nothing_read() -> Iterator[None]:
    forget_reads()
    yield
    forget_reads()


@pytest.mark.full
def test_eight_processes_at_once_leave_no_gap(database: Database[Document]) -> None:
    """Each entry has a number of its own and seals the one before."""
    done = subprocess.run(
        [sys.executable, "-c", WRITE], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = list(database["audit"].find().sort("_id", 1))
    assert [row["_id"] for row in rows] == list(range(1, WRITERS * EACH + 1))
    assert {row["actor"] for row in rows} == {f"writer {number}" for number in range(WRITERS)}
    report = verify(database)
    assert (report.fault, report.entries) == (None, WRITERS * EACH)
    assert [head.n for head in report.heads] == [WRITERS * EACH]


def test_an_entry_says_who_did_what_to_what(database: Database[Document]) -> None:
    entry = audit(database, ASHA, Action.CLOSED, "a1b2c3d4e5f6", records=3, file=None)
    (row,) = database["audit"].find()
    assert (row["actor"], row["role"], row["action"]) == ("asha", "admin", "closed")
    assert (row["subject"], row["about"], row["previous"]) == ("a1b2c3d4e5f6", {"records": 3}, "")
    assert row["hash"] == entry.hash
    assert len(entry.hash) == 64
    assert head_file().read_text().strip() == entry.head
    assert stat.S_IMODE(head_file().stat().st_mode) == 0o600


def test_nothing_personal_gets_in(database: Database[Document]) -> None:
    """Numbers are masked, leads are tokens, and what is long is cut."""
    audit(
        database,
        ASHA,
        Action.ERASED,
        lead_token("meera@example.com"),
        note="called from +91 98765 43210",
        long="x" * 1_000,
        many=list(range(2_000)),
    )
    text = json.dumps([row["about"] | {"subject": row["subject"]} for row in database["audit"].find()])
    assert "meera" not in text
    assert "43210" not in text.replace("…3210", "")
    assert len(text) < 1_200


def test_a_lead_has_one_token_and_nobody_guesses_it(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without AUDIT_KEY it is made with a key of DATA_DIR, which no backup of the database has."""
    token = lead_token("lead_7")
    assert token == lead_token("lead_7") != lead_token("lead_8")
    key = head_file().with_name("key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    assert lead_token("lead_7") != token
    monkeypatch.setenv("AUDIT_KEY", "k" * 22)
    get_settings.cache_clear()
    assert lead_token("lead_7") not in {token, lead_token("lead_8")}


def test_ids_of_calls_stay_readable_unless_they_are_numbers_of_people() -> None:
    for plain in (
        "call_123",
        "3f0c9a52-6d7e-4f0a-9a34-0d3f8a5f2b11",
        "CA5f0e8c1d2b3a49586776655443322110",
        "v3:x",
    ):
        assert call_subject(plain) == plain
    assert call_subject("+919876543210").startswith("call:")
    assert "9876543210" not in call_subject("lead-9876543210-2")


def test_whoever_looks_again_is_noted_once(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in (ASHA, ASHA, Actor("ravi", Role.VIEWER)):
        for call in ("call_1", "call_2"):
            audit_read(database, who, Action.VIEWED_CALL, call)
    assert database["audit"].count_documents({}) == 4
    monkeypatch.setattr(append, "ONCE_WITHIN", append.ONCE_WITHIN * 0)
    audit_read(database, ASHA, Action.VIEWED_CALL, "call_1")
    audit_read(database, ASHA, Action.EXPORTED, "calls", each=True)
    assert database["audit"].count_documents({}) == 6


def away(*_args: object) -> None:
    raise ServerSelectionTimeoutError("no server")


def test_a_change_that_cannot_be_noted_is_said_and_a_reading_goes_on(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "_newest", away)
    with pytest.raises(AuditError, match=r"done \(rule changed\), but the audit log did not take it"):
        audit(database, ASHA, Action.RULE_CHANGED, "error_rate")
    audit_read(database, ASHA, Action.VIEWED_CALL, "call_1")
    monkeypatch.undo()
    audit_read(get_sync_database(), ASHA, Action.VIEWED_CALL, "call_1")


def test_a_disk_that_is_full_costs_no_entry(database: Database[Document]) -> None:
    """The head beside the database is a comparison more; the entry is what counts."""
    head_file().parent.parent.mkdir(parents=True, exist_ok=True)
    head_file().parent.write_text("a file where the folder should be")
    audit(database, ASHA, Action.CLOSED, "a1")
    assert database["audit"].count_documents({}) == 1
    with pytest.raises(UserError, match="cannot be read"):
        verify(database)
    head_file().parent.unlink()


def test_appending_takes_milliseconds(database: Database[Document]) -> None:
    """So a page that notes a call opens as before: bounded here, 8 ms on a busy disk."""
    audit(database, ASHA, Action.CLOSED, "warm")
    took = []
    for _ in range(50):
        began = time.perf_counter()
        audit(database, ASHA, Action.CLOSED, "a1")
        took.append(time.perf_counter() - began)
    assert sorted(took)[25] < 0.05
