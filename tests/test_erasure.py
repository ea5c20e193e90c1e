"""All of a lead goes, wherever it lies, and nothing of anybody else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.archive.archived_rows import archived
from core.storage.archive.mover import COLLECTIONS
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
from core.storage.recording.write import write
from core.types import Document
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
    assert "nothing was erased; add --yes" in looked.stdout
    done = core("erase-lead", LEAD, "--yes")
    assert done.returncode == 0, done.stderr
    assert "erased 22 records" in done.stdout
    assert "agent.log names the lead in 1 lines" in done.stdout
    after = everything(database)
    for name in before:
        if not name.startswith("rollup") and name != "dirty_windows":
            assert sorted(after[name]) == sorted(text for text in before[name] if not of_the_lead(text)), name
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == CALLS - OF_LEAD - 1
    again = core("erase-lead", LEAD, "--yes")
    assert (again.returncode, "erased 0 records" in again.stdout) == (0, True)


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
    command = [sys.executable, "-m", "core", "erase-lead", LEAD, "--yes"]
    for _ in range(8):
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
