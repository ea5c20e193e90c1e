"""Saving and bringing back a whole store, also while it is written to, killed and tampered with."""

import json
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.archive.backup import BackupError, back_up, read_manifest
from core.storage.archive.restore import restore
from core.storage.calls import write_calls
from core.storage.collections import ensure_indexes
from core.types import Document

START = datetime(2026, 3, 1, tzinfo=UTC)


def silent(_what: str, _done: int, _total: int) -> None:
    """A progress that nobody watches."""


def calls(count: int, first: int = 0) -> list[CallMetrics]:
    return [
        CallMetrics.model_validate(
            {
                "call_id": f"call_{number}",
                "lead_id": f"lead_{number % 7}",
                "start_time": START + timedelta(seconds=number),
                "duration_seconds": number % 300,
                "status": "completed",
                "direction": "outbound",
                "metadata": {"note": f"नमस्ते {number}", "nested": {"n": number}},
            }
        )
        for number in range(first, first + count)
    ]


def contents(database: Database[Document]) -> dict[str, list[Document]]:
    """Everything of interest that a database holds; its audit log tells of the restore itself."""
    others = {"leases", "heartbeats", "rollup_state", "dirty_windows", "audit"}
    names = set(database.list_collection_names()) - others
    return {name: list(database[name].find().sort("_id", 1)) for name in sorted(names)}


@pytest.fixture
def data_dir(database: Database[Document], tmp_path: Path) -> Path:
    """A DATA_DIR with a spooled record and an archived file, of this database and of another."""
    root = tmp_path / "data"
    for name in (
        f"spool/{database.name}/0001-a.json",
        f"archive/{database.name}/calls/2026-01-01/part.parquet",
        "archive/demo/calls/2026-01-01/part.parquet",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.urandom(1000))
    (root / "spool" / database.name / "0002-b.new").write_bytes(b"half")
    return root


@pytest.fixture
def other(database: Database[Document]) -> Iterator[Database[Document]]:
    """A second, empty database on the same server."""
    name = f"{database.name}_other"
    yield database.client[name]
    database.client.drop_database(name)


def test_a_store_comes_back_whole(
    database: Database[Document], other: Database[Document], data_dir: Path, tmp_path: Path
) -> None:
    write_calls(database, calls(2_500))
    database["rollups_15m"].insert_one({"_id": START, "calls": 900})
    database["heartbeats"].insert_one({"_id": "scheduler"})
    saved = back_up(database, data_dir, tmp_path / "backup", silent)
    assert saved.documents == 2_501
    target = tmp_path / "restored"
    restore(other, target, tmp_path / "backup", silent)
    assert contents(other) == contents(database)
    for name in database.list_collection_names(filter={"type": "collection"}):
        if name != "heartbeats":
            assert other[name].index_information() == database[name].index_information(), name
    assert other["heartbeats"].find_one() is None
    assert [row["_id"] for row in other["dirty_windows"].find()] == [START]
    files = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())
    assert [str(file) for file in files] == [
        f"archive/{other.name}/calls/2026-01-01/part.parquet",
        f"spool/{other.name}/0001-a.json",
    ]
    for file in files:
        source = str(file).replace(other.name, database.name)
        assert (target / file).read_bytes() == (data_dir / source).read_bytes()


def test_only_the_owner_can_read_a_backup(
    database: Database[Document], data_dir: Path, tmp_path: Path
) -> None:
    write_calls(database, calls(1))
    back_up(database, data_dir, tmp_path / "backup", silent)
    for path in [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_full_store_is_refused_unless_it_is_to_be_replaced(
    database: Database[Document], other: Database[Document], data_dir: Path, tmp_path: Path
) -> None:
    write_calls(database, calls(10))
    back_up(database, data_dir, tmp_path / "backup", silent)
    ensure_indexes(other)
    write_calls(other, calls(1, first=500))
    with pytest.raises(BackupError, match=r"is not empty \(calls has documents\).*--replace"):
        restore(other, tmp_path / "new", tmp_path / "backup", silent)
    assert other["calls"].count_documents({}) == 1
    restore(other, tmp_path / "new", tmp_path / "backup", silent, replace=True)
    assert contents(other)["calls"] == contents(database)["calls"]
    with pytest.raises(BackupError, match="already exists"):
        back_up(database, data_dir, tmp_path / "backup", silent)


@pytest.mark.parametrize("damage", ["changed", "absent", "cut", "no manifest", "odd manifest", "outside"])
def test_a_damaged_backup_changes_nothing(
    database: Database[Document], other: Database[Document], data_dir: Path, tmp_path: Path, damage: str
) -> None:
    write_calls(database, calls(10))
    backup = tmp_path / "backup"
    back_up(database, data_dir, backup, silent)
    file, manifest = backup / "calls.bson.zst", backup / "manifest.json"
    if damage == "changed":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "absent":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-10])
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "odd manifest":
        manifest.write_text("{}")
    else:
        manifest.write_text(manifest.read_text().replace("spool/0001-a.json", "../backup/spool/0001-a.json"))
    write_calls(other, calls(1, first=500))
    with pytest.raises(BackupError) as refused:
        restore(other, tmp_path / "new", backup, silent, replace=True)
    assert "\n" not in str(refused.value)
    assert [call["_id"] for call in other["calls"].find()] == ["call_500"]


@pytest.mark.full
def test_a_restore_killed_anywhere_is_finished_by_the_next(
    database: Database[Document], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At five moments, which chance spreads over a restore of half a second: collections, indexes, files."""
    write_calls(database, calls(20_000))
    back_up(database, data_dir, tmp_path / "backup", silent)
    expected = contents(database)
    target = f"{database.name}_killed"
    environment = os.environ | {"MONGODB_DATABASE": target}
    command = [sys.executable, "-m", "core", "restore", str(tmp_path / "backup"), "--replace"]
    restored, rng, cut_short = database.client[target], random.Random(3), 0  # noqa: S311 (no secret)
    under_way = restored["restore"].estimated_document_count
    while cut_short < 5:
        running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while running.poll() is None and not under_way():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.4))
        running.kill()
        running.wait()
        if under_way():
            cut_short += 1
            subprocess.run(command[:-1], env=environment, check=True)
            assert contents(restored) == expected
    assert "restore" not in restored.list_collection_names()
    database.client.drop_database(target)


@pytest.mark.full
def test_what_was_acknowledged_before_a_backup_is_in_it_while_others_write_on(
    database: Database[Document], other: Database[Document], data_dir: Path, tmp_path: Path
) -> None:
    write_calls(database, calls(30_000))
    script = (
        "import sys; from tests.storage.archive.test_backup import calls;"
        "from core.storage.calls import write_calls;"
        "from core.storage import get_sync_database; number = 30_000\n"
        "while True: write_calls(get_sync_database(), calls(500, number)); number += 500"
    )
    writer = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[3])
    try:
        deadline = time.monotonic() + 30
        while database["calls"].estimated_document_count() == 30_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        back_up(database, data_dir, tmp_path / "backup", silent)
    finally:
        writer.kill()
        writer.wait()
    restore(other, tmp_path / "new", tmp_path / "backup", silent)
    restored = {call["_id"] for call in other["calls"].find({}, {"_id": 1})}
    assert {f"call_{number}" for number in range(30_000)} <= restored
    assert restored <= {call["_id"] for call in database["calls"].find({}, {"_id": 1})}
    assert read_manifest(tmp_path / "backup").database == get_settings().mongodb_database


def _without_calls(manifest: Document) -> None:
    manifest["collections"] = [one for one in manifest["collections"] if one["name"] != "calls"]


def _without_files(manifest: Document) -> None:
    manifest["files"] = []


def _without_indexes(manifest: Document) -> None:
    manifest["collections"][0]["indexes"] = []


def _of_another_database(manifest: Document) -> None:
    manifest["database"] = "another"


def _of_an_earlier_format(manifest: Document) -> None:
    _without_calls(manifest)
    manifest["format"] = 1


@pytest.mark.parametrize(
    "change", [_without_calls, _without_files, _without_indexes, _of_another_database, _of_an_earlier_format]
)
def test_a_manifest_that_was_changed_is_refused(
    database: Database[Document], data_dir: Path, tmp_path: Path, change: Callable[[Document], None]
) -> None:
    """Before anything is: what it leaves out would be missing without a word."""
    write_calls(database, calls(20))
    back_up(database, data_dir, tmp_path / "saved", silent)
    file = tmp_path / "saved" / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    before = contents(database)
    with pytest.raises(BackupError, match=r"manifest\.json is not as it was written"):
        restore(database, data_dir, tmp_path / "saved", silent, replace=True)
    assert contents(database) == before
