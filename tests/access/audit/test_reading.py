"""Pages of the log, the newest first; a page costs the same however long the log is."""

import base64
import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.access.audit import Action, audit, lead_token
from core.access.audit.reading import Wanted, actors, csv_row, entries
from core.access.roles import Actor, Role
from core.cli.access.audit import private_csv
from core.errors import UserError
from core.settings import get_settings
from core.types import Document
from tests.test_cli import core

ASHA, RAVI = Actor("asha", Role.ADMIN), Actor("ravi", Role.VIEWER)
START = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 20_000


def row(n: int, **fields: object) -> Document:
    usual: Document = {
        "at": START + timedelta(minutes=n // 2),
        "actor": ("asha", "ravi", "key 1a2b3c4d")[n % 3],
        "role": "viewer",
        "action": "viewed_call",
        "subject": f"call_{n % 5_000}",
        "about": {},
        "previous": "",
        "key": "",
        "hash": "",
    }
    return {"_id": n, **usual, **fields}


@pytest.fixture
def long(database: Database[Document]) -> Database[Document]:
    """Many entries, two a minute, of three actors."""
    database["audit"].insert_many([row(n) for n in range(1, MANY + 1)])
    database["audit"].update_one({"_id": 100}, {"$set": {"action": "erased"}})
    return database


WANTED = {
    "all": Wanted(),
    "an actor": Wanted(actor="ravi"),
    "an action": Wanted(action="erased"),
    "a subject": Wanted(subject="call_77"),
    "a period": Wanted(since=START + timedelta(days=2), until=START + timedelta(days=3)),
    "an actor and a period": Wanted(actor="asha", since=START + timedelta(days=2)),
}


def test_a_page_reads_little_more_than_it_shows(long: Database[Document]) -> None:
    """By an index, in its order: 50 of 20,000 cost what 50 of a million do."""
    for name, wanted in WANTED.items():
        rows = long["audit"].find(wanted.query()).sort([("at", -1), ("_id", -1)]).limit(51)
        found = rows.explain()["executionStats"]
        assert found["totalDocsExamined"] <= 60, name
        assert found["totalKeysExamined"] <= 60, name


def test_pages_go_on_where_the_one_before_ended(long: Database[Document]) -> None:
    """Also where several entries have the same time."""
    for wanted in WANTED.values():
        whole = [one.n for one in entries(long, wanted, most=120)]
        before: int | None = None
        paged: list[int] = []
        while len(paged) < len(whole):
            page = [one.n for one in entries(long, wanted, before=before, most=30)]
            before = page[-1]
            paged += page
        assert paged[:120] == whole == sorted(whole, reverse=True)


def test_a_lead_is_found_by_its_id_though_the_log_has_a_token(database: Database[Document]) -> None:
    audit(database, ASHA, Action.ERASED, lead_token("lead_7"))
    audit(database, RAVI, Action.VIEWED_CALL, "call_7")
    assert [one.action for one in entries(database, Wanted(subject="lead_7"))] == ["erased"]
    assert [one.action for one in entries(database, Wanted(subject="call_7"))] == ["viewed_call"]
    assert actors(database) == ["asha", "ravi"]


def test_who_saw_a_phone_is_found_however_the_phone_is_written(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is opened by one spelling, the erasure is asked for by another; also after a key was set."""
    audit(database, ASHA, Action.VIEWED_LEAD, lead_token("09812345678"))
    audit(database, RAVI, Action.ERASED, lead_token("+91 98123 45678"))
    wanted = Wanted(subject="98123-45678")
    assert [one.action for one in entries(database, wanted)] == ["erased", "viewed_lead"]
    monkeypatch.setenv("BLIND_INDEX_KEY", base64.b64encode(bytes(32)).decode())
    get_settings.cache_clear()
    audit(database, ASHA, Action.SEARCHED, lead_token("9812345678"))
    assert [one.action for one in entries(database, wanted)] == ["searched", "erased", "viewed_lead"]


def test_an_entry_that_was_spoilt_is_shown_all_the_same(database: Database[Document]) -> None:
    """Whoever looks for what was tampered with must see it."""
    audit(database, ASHA, Action.CLOSED, "a1")
    database["audit"].update_one({"_id": 1}, {"$set": {"actor": 7}, "$unset": {"about": 1}})
    (one,) = entries(database, Wanted())
    assert (one.n, one.actor, one.about) == (1, "7", {})


def test_a_csv_is_the_entry_and_no_formula(database: Database[Document]) -> None:
    entry = audit(database, Actor("=1+1", Role.ADMIN), Action.CLOSED, "a1", records=3)
    assert csv_row(entry)[2:7] == ["'=1+1", "admin", "closed", "a1", '{"records":3}']
    assert csv_row(entry)[-1] == entry.hash


@pytest.mark.full
def test_the_command_line_lists_and_exports(database: Database[Document], tmp_path: Path) -> None:
    """The file is its owner's alone; who made it stands in the log."""
    audit(database, ASHA, Action.CLOSED, "a1")
    audit(database, RAVI, Action.VIEWED_CALL, "call_7")
    listed = core("audit", "list", "--actor", "asha", "--since", "2020-01-01T00:00", COLUMNS="200")
    assert listed.returncode == 0, listed.stderr
    assert ("closed" in listed.stdout, "call_7" in listed.stdout) == (True, False)
    file = tmp_path / "audit.csv"
    made = core("audit", "export", str(file), "--action", "viewed_call")
    assert made.returncode == 0, made.stderr
    lines = file.read_text().splitlines()
    assert (len(lines), file.stat().st_mode & 0o777) == (2, 0o600)
    assert lines[0] == "n,at,actor,role,action,subject,about,previous,key,hash"
    last = database["audit"].find_one({}, sort=[("_id", -1)])
    assert last is not None
    assert (last["action"], last["subject"], last["about"]) == ("exported", "audit log", {"entries": 1})
    assert last["actor"].endswith(" at this machine")
    with pytest.raises(UserError, match="already exists"), private_csv(file):
        pass


def write_until(stop: BaseException, file: Path) -> None:
    with private_csv(file) as write:
        write(("lead_id", "calls"))
        raise stop


def test_an_export_that_is_stopped_leaves_no_file_that_passes_for_the_whole(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    with pytest.raises(KeyboardInterrupt):
        write_until(KeyboardInterrupt(), file)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        write_until(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), file)
    assert not file.exists()
