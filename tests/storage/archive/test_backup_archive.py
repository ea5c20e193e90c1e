"""Backups of a store with an archive, while calls move between the two."""

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.alerting.rules.target_store import delete_target, save_target, targets_in_force
from core.alerting.rules.targets import Target
from core.erasure import erase_lead
from core.settings import get_settings
from core.storage.archive.archived_rows import archived, folder
from core.storage.archive.backup import BackupError, back_up, not_here
from core.storage.archive.mover import ArchiveBusyError
from core.storage.archive.restore import restore
from core.storage.calls import write_calls
from core.types import Document, Progress
from tests.storage.archive.test_backup import silent
from tests.storage.archive.test_mover import PERIOD, call, figures, recorded_long_ago
from tests.test_cli import core


@pytest.fixture
def filled(database: Database[Document]) -> Database[Document]:
    """A hundred archived calls and ten others."""
    recorded_long_ago(database, [call(number) for number in range(100)])
    refresh_rollups(database)
    archive_due(database)
    write_calls(database, [call(number) for number in range(100, 110)])
    refresh_rollups(database)
    return database


@pytest.fixture
def other(database: Database[Document]) -> Iterator[Database[Document]]:
    name = f"{database.name}_other"
    yield database.client[name]
    database.client.drop_database(name)


def at(step: str, action: Callable[[], object]) -> Progress:
    """Do something once, when a backup comes to a step."""
    waiting = [action]

    def progress(what: str, _done: int, _total: int) -> None:
        if what == step and waiting:
            waiting.pop()()

    return progress


def ids(database: Database[Document]) -> set[str]:
    stored = {row["_id"] for row in database["calls"].find({}, {"_id": 1})}
    return stored.union(archived(database, "calls", [PERIOD], ["_id"])["_id"].to_pylist())


def restored(database: Database[Document], other: Database[Document], backup: Path) -> tuple[set[str], int]:
    restore(other, get_settings().data_dir, backup, silent)
    refresh_rollups(other)
    return ids(other), figures(other).total_calls


@pytest.mark.parametrize("step", ["Saving archive", "Saving calls", "Saving turns", "Saving users"])
def test_a_call_that_leaves_the_archive_meanwhile_is_in_the_backup(
    filled: Database[Document], other: Database[Document], tmp_path: Path, step: str
) -> None:
    def record_again() -> None:
        write_calls(filled, [call(number, duration_seconds=99) for number in (3, 50)])
        refresh_rollups(filled)

    back_up(filled, get_settings().data_dir, tmp_path / "backup", at(step, record_again))
    assert restored(filled, other, tmp_path / "backup") == ({f"call_{n}" for n in range(110)}, 110)


@pytest.mark.parametrize("what", ["archive", "erase"])
def test_nothing_is_archived_or_erased_while_a_backup_is_saved(
    filled: Database[Document], other: Database[Document], tmp_path: Path, what: str
) -> None:
    refused = []

    def move() -> None:
        with pytest.raises(ArchiveBusyError) as error:
            archive_due(filled) if what == "archive" else erase_lead(filled, "lead_7")
        refused.append(str(error.value))

    recorded_long_ago(filled, [call(number) for number in range(110, 120)])
    back_up(filled, get_settings().data_dir, tmp_path / "backup", at("Saving calls", move))
    assert "saving a backup" in refused[0]
    assert restored(filled, other, tmp_path / "backup") == ({f"call_{n}" for n in range(120)}, 120)


def test_files_that_lie_on_another_machine_are_said_to_be_missing(
    filled: Database[Document], tmp_path: Path
) -> None:
    manifest = back_up(filled, get_settings().data_dir, tmp_path / "backup", silent)
    assert not_here(filled, manifest) == 0
    for file in folder(filled).rglob("*.parquet"):
        file.unlink()
    manifest = back_up(filled, get_settings().data_dir, tmp_path / "again", silent)
    assert not_here(filled, manifest) == filled["archives"].count_documents({}) > 0


@pytest.mark.full
def test_a_restore_stopped_before_the_erased_are_erased_again_is_not_over(
    filled: Database[Document], tmp_path: Path
) -> None:
    """Whoever was erased since is archived in the backup, where no later run of the scheduler looks."""
    back_up(filled, get_settings().data_dir, tmp_path / "backup", silent)
    erase_lead(filled, "lead_7")

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(filled, get_settings().data_dir, tmp_path / "backup", silent, replace=True, last=killed)
    assert "call_7" in ids(filled)
    said = r"FAIL +restore: stopped halfway, of the backup of 20\S+ \S+ +-> run restore again"
    assert re.search(said, core("doctor").stdout)
    done = core("restore", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    assert "1 lead was erased since that backup; now erased again" in done.stdout
    assert {"call_7", "call_57"}.isdisjoint(ids(filled))
    assert "restore" not in filled.list_collection_names()


@pytest.mark.full
@pytest.mark.parametrize("command", [("archive",), ("backup", "new"), ("erase-lead", "lead_7", "--yes")])
def test_an_archive_that_cannot_be_written_is_one_line_and_nothing_is_done(
    filled: Database[Document], tmp_path: Path, command: tuple[str, ...]
) -> None:
    recorded_long_ago(filled, [call(number) for number in range(500, 510)])
    place, before = folder(filled), ids(filled)
    place.rename(f"{place}-elsewhere")
    place.write_text("no folder")
    try:
        done = core(*command)
    finally:
        place.unlink()
        Path(f"{place}-elsewhere").rename(place)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # the log's own
    assert said == [f"error: {place} cannot be written (File exists); make it writable"]
    assert ids(filled) == before


def test_a_disk_that_takes_no_files_is_said_in_one_line(
    filled: Database[Document], other: Database[Document], tmp_path: Path
) -> None:
    back_up(filled, get_settings().data_dir, tmp_path / "backup", silent)
    target = tmp_path / "new"
    target.mkdir()
    (target / "archive").write_text("no folder")
    with pytest.raises(BackupError, match=r"cannot be written \(.*\); restore again"):
        restore(other, target, tmp_path / "backup", silent)
    (target / "archive").unlink()
    restore(other, target, tmp_path / "backup", silent)
    files = list(target.rglob("*.parquet"))
    assert len(files) == other["archives"].count_documents({})
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_targets_set_on_the_dashboard_come_back_and_the_stores_own_name_stays(
    database: Database[Document], other: Database[Document], tmp_path: Path
) -> None:
    """A copy goes by its own name at pagers, and a store that is brought back by the one it had."""
    for one in (database, other):
        one["installation"].insert_one({"_id": "installation", "name": f"va-{one.name}"})
        one["installation"].insert_one({"_id": "lead_names", "key": one.name.encode()})
    save_target(database, Target(metric="failure_rate", target=0.05), "meera")
    back_up(database, get_settings().data_dir, tmp_path / "backup", silent)
    delete_target(database, "failure_rate", "ravi")
    for one in (database, other):
        restore(one, tmp_path / one.name, tmp_path / "backup", silent, replace=one is database)
        assert targets_in_force(one).targets["failure_rate"].target == 0.05
        row = one["installation"].find_one({"_id": "installation"}) or {}
        assert row["name"] == f"va-{one.name}"
        assert one["installation"].count_documents({"_id": "lead_names", "key": one.name.encode()}) == 1
    with pytest.raises(BackupError, match="installation has documents"):
        restore(other, tmp_path / "x", tmp_path / "backup", silent)
