"""Whatever is done to the log is found, with the first entry that is wrong and why."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.access.audit import Action, audit, lead_token
from core.access.audit.anchor import Head, head_file, keep_head
from core.access.audit.entries import Entry, seal
from core.access.audit.prune import prune
from core.access.audit.verify import verify
from core.access.roles import Actor, Role
from core.clock import utc_now
from core.erasure import erase_lead
from core.errors import UserError
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.dashboard.conftest import make_call
from tests.test_cli import core

ASHA = Actor("asha", Role.ADMIN)
Log = Database[Document]


@pytest.fixture
def log(database: Log) -> Log:
    """Ten entries."""
    for number in range(1, 11):
        audit(database, ASHA, Action.VIEWED_CALL, f"call_{number}", lines=number)
    return database


def set_keys(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("AUDIT_KEY", keys)
    get_settings.cache_clear()


def change(log: Log, n: int, **fields: object) -> None:
    log["audit"].update_one({"_id": n}, {"$set": fields})


def swap(log: Log, one: int, other: int) -> None:
    """Exchange two entries, each with its own hash."""
    rows = [log["audit"].find_one({"_id": n}) for n in (one, other)]
    for row, n in zip(rows, (other, one), strict=True):
        assert row is not None
        log["audit"].replace_one({"_id": n}, {**row, "_id": n})


def rewrite(log: Log, first: int, **fields: object) -> None:
    """What somebody does who knows how entries are sealed: one is changed, and all after it sealed anew."""
    previous = None
    for row in list(log["audit"].find({"_id": {"$gte": first}}).sort("_id", 1)):
        entry = Entry.of(row | (fields if row["_id"] == first else {}) | {"key": ""})
        entry = entry if previous is None else entry.model_copy(update={"previous": previous})
        entry = entry.model_copy(update={"hash": seal(entry)})
        log["audit"].replace_one({"_id": entry.n}, entry.to_row())
        previous = entry.hash


TAMPERINGS: dict[str, tuple[Callable[[Log], object], int, str]] = {
    "another actor": (lambda log: change(log, 4, actor="ravi"), 4, "changed after it was written"),
    "another time": (lambda log: change(log, 5, at=utc_now() - timedelta(days=9)), 5, "changed after"),
    "a fact": (lambda log: change(log, 6, **{"about.lines": 0}), 6, "changed after"),
    "a fact more": (lambda log: change(log, 6, **{"about.x": None}), 6, "changed after"),
    "a field more": (lambda log: change(log, 6, comment="x"), 6, "it is no entry of the log"),
    "its hash": (lambda log: change(log, 7, hash="0" * 64), 7, "changed after"),
    "a field less": (
        lambda log: log["audit"].update_one({"_id": 3}, {"$unset": {"actor": 1}}),
        3,
        "no entry",
    ),
    "the first": (lambda log: log["audit"].delete_one({"_id": 1}), 1, "missing"),
    "one in the middle": (lambda log: log["audit"].delete_one({"_id": 5}), 5, "missing"),
    "several": (
        lambda log: log["audit"].delete_many({"_id": {"$in": [5, 6, 7]}}),
        5,
        "missing, and 2 after it",
    ),
    "the end": (lambda log: log["audit"].delete_many({"_id": {"$gt": 8}}), 9, "the end is cut off"),
    "all": (lambda log: log["audit"].delete_many({}), 1, "the end is cut off"),
    "two exchanged": (lambda log: swap(log, 3, 8), 3, "moved here from elsewhere"),
    "neighbours exchanged": (lambda log: swap(log, 3, 4), 3, "moved here from elsewhere"),
    "one put in": (lambda log: log["audit"].insert_one({"_id": "x"}), 11, "it is no entry"),
    "sealed anew alone": (
        lambda log: log["audit"].replace_one(
            {"_id": 4},
            Entry.of(log["audit"].find_one({"_id": 4}) or {})
            .model_copy(update={"actor": "ravi"})
            .sealed()
            .to_row(),
        ),
        5,
        "does not follow the entry before it",
    ),
    "all sealed anew": (lambda log: rewrite(log, 4, actor="ravi"), 10, "another entry was here when"),
    "an early cut": (
        lambda log: change(log, 10, action="pruned", about={"through": 7}),
        10,
        "changed after it was written",
    ),
}


def test_tampering_of_every_kind_is_found(log: Log) -> None:
    """With the first entry that is wrong, and why; each on a log that was whole."""
    whole = list(log["audit"].find())
    for what, (tamper, n, why) in TAMPERINGS.items():
        assert verify(log).fault is None, what
        tamper(log)
        fault = verify(log).fault
        assert fault is not None, what
        assert (fault.n, why in fault.why) == (n, True), f"{what}: {fault}"
        log["audit"].delete_many({})
        log["audit"].insert_many(whole)


def test_with_a_key_nobody_seals_anew_who_has_only_the_database(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the head in DATA_DIR is gone too."""
    set_keys(monkeypatch, "k" * 22)
    for number in range(11, 16):
        audit(log, ASHA, Action.VIEWED_CALL, f"call_{number}")
    report = verify(log)
    assert (report.fault, report.entries, report.sealed) == (None, 15, 5)
    assert any("10 entries are sealed without AUDIT_KEY" in line for line in report.lines)
    head_file().unlink()
    rewrite(log, 13, actor="ravi")
    fault = verify(log).fault
    assert fault is not None
    assert (fault.n, "sealed without a key" in fault.why) == (13, True)


def test_keys_change_and_old_ones_go_on_verifying(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch, "old-key-of-22-characters")
    audit(log, ASHA, Action.CLOSED, "a1")
    set_keys(monkeypatch, "new-key-of-22-characters,old-key-of-22-characters")
    audit(log, ASHA, Action.CLOSED, "a2")
    assert verify(log).fault is None
    set_keys(monkeypatch, "new-key-of-22-characters")
    fault = verify(log).fault
    assert fault is not None
    assert (fault.n, "that AUDIT_KEY does not have" in fault.why) == (11, True)


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch, "short")
    with pytest.raises(UserError, match="AUDIT_KEY"):
        get_settings()


def test_a_head_that_was_written_down_elsewhere_counts(log: Log) -> None:
    """As whoever keeps the logs has it."""
    head_file().unlink()
    entry = Entry.of(log["audit"].find_one({"_id": 9}) or {})
    assert verify(log, heads=[Head.parse(entry.head, "--head")]).fault is None
    log["audit"].delete_many({"_id": {"$gte": 8}})
    assert verify(log).fault is None
    assert verify(log, heads=[Head.parse(entry.head, "--head")]).fault is not None


def test_old_entries_go_and_the_rest_verifies(log: Log) -> None:
    """Whole prefixes, killed on the way too; and nothing that is younger."""
    later = utc_now() + timedelta(days=364)
    assert prune(log, later) == 0
    assert prune(log, later + timedelta(days=2)) == 10
    (left,) = log["audit"].find()
    assert (left["_id"], left["action"], left["about"]["through"]) == (11, "pruned", 10)
    report = verify(log)
    assert (report.fault, report.pruned, report.entries) == (None, 10, 1)
    audit(log, ASHA, Action.CLOSED, "a1")
    assert verify(log).fault is None
    log["audit"].delete_one({"_id": 12})
    fault = verify(log).fault
    assert fault is not None
    assert fault.n == 12


def test_a_run_that_was_killed_is_finished_by_the_next(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(log, ASHA, Action.PRUNED, through=6, older_than_days=365)
    log["audit"].delete_many({"_id": {"$lte": 3}})
    assert verify(log).fault is None
    assert prune(log) == 3
    assert verify(log).fault is None
    assert [row["_id"] for row in log["audit"].find({}, {"_id": 1}).sort("_id", 1)] == [7, 8, 9, 10, 11]


def test_an_erasure_leaves_the_chain_and_no_lead(database: Log) -> None:
    """Who looked at the call is still known; whose call it was is not."""
    write_calls(database, [make_call(1, utc_now(), lead_id="lead_meera_7")])
    audit(database, ASHA, Action.SEARCHED, lead_token("lead_meera_7"))
    audit(database, ASHA, Action.VIEWED_CALL, "call_1")
    erase_lead(database, "lead_meera_7")
    audit(database, ASHA, Action.ERASED, lead_token("lead_meera_7"))
    report = verify(database)
    assert (report.fault, report.entries) == (None, 3)
    assert "meera" not in str(list(database["audit"].find()))


def test_a_long_log_is_walked_with_its_progress(log: Log) -> None:
    """In batches: the walk holds one entry at a time."""
    last = Entry.of(log["audit"].find_one({"_id": 10}) or {})
    rows = []
    for n in range(11, 3_501):
        last = last.model_copy(update={"n": n, "previous": last.hash}).sealed()
        rows.append(last.to_row())
    log["audit"].insert_many(rows)
    keep_head(last.n, last.hash)
    told: list[tuple[str, int, int]] = []
    report = verify(log, lambda *what: told.append(what))
    assert (report.fault, report.entries) == (None, 3_500)
    assert [done for _, done, _ in told] == [1_000, 2_000, 3_000]


@pytest.mark.full
def test_the_command_line_says_it_and_exits_with_1(log: Log) -> None:
    good = core("audit", "verify")
    assert (good.returncode, "whole: 10 entries" in good.stdout) == (0, True), good.stderr
    change(log, 4, actor="ravi")
    bad = core("audit", "verify")
    assert (bad.returncode, "BROKEN at entry 4: changed after it was written" in bad.stdout) == (1, True)
