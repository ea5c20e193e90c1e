"""A restore while some process that should have been stopped still runs, as on another machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import archive_due, refresh_rollups, windows_key
from core.scheduler.jobs import Job
from core.scheduler.loop import Scheduler
from core.scheduler.timetable import Every
from core.storage import rollup_store
from core.storage.archive.backup import BackupError, back_up
from core.storage.archive.mover import ArchiveBusyError, alone
from core.storage.archive.restore import restore
from core.storage.calls import write_calls
from core.storage.collections import ALERTS, CALLS, RESTORE_MARK
from core.storage.server.connection import server_time
from core.types import Document
from tests.storage.archive.test_backup import silent
from tests.storage.archive.test_mover import PERIOD, call, recorded_long_ago

COUNT = 40


@pytest.fixture
def saved(database: Database[Document], tmp_path: Path) -> Path:
    """A backup of calls of which no roll-up was made, and of an alert, which comes back before them."""
    recorded_long_ago(database, [call(number) for number in range(COUNT)])
    database[ALERTS].insert_one({"_id": "alert"})
    back_up(database, tmp_path / "data", tmp_path / "backup", silent)
    return tmp_path / "backup"


def begun(database: Database[Document]) -> None:
    """A refresh from before the restore comes to its end."""
    rollup_store.advance(database, windows_key(), server_time(database))


@pytest.mark.parametrize("refresh", [refresh_rollups, begun])
def test_roll_ups_made_meanwhile_hide_no_call(
    database: Database[Document],
    saved: Path,
    tmp_path: Path,
    refresh: Callable[[Database[Document]], object],
) -> None:
    def elsewhere(what: str, _done: int, _total: int) -> None:
        if what == f"Restoring {ALERTS}":
            refresh(database)

    restore(database, tmp_path / "data", saved, elsewhere, replace=True)
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == COUNT


def test_a_call_recorded_again_meanwhile_stops_nothing_and_stays(
    database: Database[Document], saved: Path, tmp_path: Path
) -> None:
    def elsewhere(what: str, _done: int, _total: int) -> None:
        if what == f"Restoring {ALERTS}":
            write_calls(database, [call(7, status="completed"), call(COUNT)])

    restore(database, tmp_path / "data", saved, elsewhere, replace=True)
    assert database[CALLS].count_documents({}) == COUNT + 1
    assert (database[CALLS].find_one("call_7") or {})["status"] == "completed"
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == COUNT + 1


def test_no_scheduler_works_on_half_a_store(
    database: Database[Document], saved: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would end alerts whose calls are not back yet, and send messages of long ago."""
    ran: list[str] = []

    async def check() -> None:
        ran.append("check")

    def once() -> bool:
        return Scheduler([Job("check", check, Every(3600))]).run_once()

    def elsewhere(what: str, _done: int, _total: int) -> None:
        if what == f"Restoring {CALLS}":
            assert not once()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(database, tmp_path / "data", saved, elsewhere, replace=True)
    assert not once()
    assert ran == []
    assert "a restore has not finished" in str([vars(line).get("reason") for line in caplog.records])
    restore(database, tmp_path / "data", saved, silent)
    assert once()
    assert ran == ["check"]


def test_half_a_store_is_no_backup(database: Database[Document], tmp_path: Path) -> None:
    database[RESTORE_MARK].insert_one({"_id": RESTORE_MARK})
    with pytest.raises(BackupError, match="run restore again first"):
        back_up(database, tmp_path / "data", tmp_path / "backup", silent)
    assert not (tmp_path / "backup").exists()


def test_nothing_is_archived_from_half_a_store(
    database: Database[Document], saved: Path, tmp_path: Path
) -> None:
    """The restore deletes the files of the archive: what had gone there would be lost."""

    def elsewhere(what: str, _done: int, _total: int) -> None:
        if what == f"Restoring {CALLS}":
            with pytest.raises(ArchiveBusyError):
                archive_due(database)

    restore(database, tmp_path / "data", saved, elsewhere, replace=True)
    assert database[CALLS].count_documents({}) == COUNT
    database[RESTORE_MARK].insert_one({"_id": RESTORE_MARK})
    with pytest.raises(ArchiveBusyError, match="a restore has not finished"):
        archive_due(database)


def test_no_restore_begins_while_a_backup_is_saved(
    database: Database[Document], saved: Path, tmp_path: Path
) -> None:
    with alone(database), pytest.raises(ArchiveBusyError):
        restore(database, tmp_path / "data", saved, silent, replace=True)
    assert database[CALLS].count_documents({}) == COUNT
