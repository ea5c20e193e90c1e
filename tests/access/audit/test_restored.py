"""A restore takes the audit log nowhere back, and says what was lost with a store."""

from pathlib import Path

import pytest
from bson import ObjectId
from pymongo.database import Database

from core.access.audit import Action, audit
from core.access.audit.verify import verify
from core.access.roles import Actor, Role
from core.settings import get_settings
from core.storage.archive.backup import back_up
from core.storage.archive.restore import restore
from core.types import Document
from tests.storage.archive.test_backup import silent
from tests.test_cli import core

ASHA = Actor("asha", Role.ADMIN)


@pytest.fixture
def backup(database: Database[Document], tmp_path: Path) -> Path:
    """A backup made after three entries."""
    for number in range(3):
        audit(database, ASHA, Action.VIEWED_CALL, f"call_{number}")
    folder = tmp_path / "backup"
    back_up(database, get_settings().data_dir, folder, lambda _what, _done, _total: None)
    return folder


def actions(database: Database[Document]) -> list[str]:
    return [row["action"] for row in database["audit"].find().sort("_id", 1)]


def test_what_was_noted_since_a_backup_stays(database: Database[Document], backup: Path) -> None:
    audit(database, ASHA, Action.EXPORTED, "calls")
    done = core("restore", str(backup), "--replace")
    assert done.returncode == 0, done.stderr
    assert actions(database) == [*["viewed_call"] * 3, "exported", "restored"]
    report = verify(database)
    assert (report.fault, [head.n for head in report.heads]) == (None, [5])


def test_an_empty_store_gets_the_log_of_the_backup(database: Database[Document], backup: Path) -> None:
    """Which entries are gone with the store stands in the log."""
    audit(database, ASHA, Action.EXPORTED, "calls")
    for name in database.list_collection_names():
        database.drop_collection(name)
    assert verify(database).fault is not None
    done = core("restore", str(backup))
    assert done.returncode == 0, done.stderr
    assert actions(database) == [*["viewed_call"] * 3, "restored"]
    (last,) = database["audit"].find({"action": "restored"})
    assert (last["about"]["lost_after"], last["about"]["lost_to"]) == (3, 4)
    assert verify(database).fault is None
    audit(database, ASHA, Action.CLOSED, "a1")
    assert verify(database).fault is None


def test_a_log_of_its_own_stays_beside_that_of_a_backup(database: Database[Document], backup: Path) -> None:
    """Two chains cannot be one: the backup's stays in the backup."""
    for name in database.list_collection_names():
        database.drop_collection(name)
    audit(database, ASHA, Action.SIGNED_IN, "asha")
    assert core("restore", str(backup)).returncode == 0
    assert actions(database) == ["signed_in", "restored"]


@pytest.mark.parametrize("identity", ["x", ObjectId("6b0dcddbcf87bbf06c7f28fb"), 7.5], ids=str)
def test_what_others_put_into_the_log_stops_no_restore(
    database: Database[Document], backup: Path, identity: object
) -> None:
    """It would be found out only after everything else had been deleted."""
    database["audit"].insert_one({"_id": identity})
    before = list(database["audit"].find())
    restore(database, get_settings().data_dir, backup, silent, replace=True)
    assert [row for row in before if row not in list(database["audit"].find())] == []
    assert "restore" not in database.list_collection_names()
