"""Old records leave the database and stay in every figure, whatever is killed, repeated or corrected."""

import math
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from bson import ObjectId, Timestamp
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.refresh import archive_due, rebuild_rollups, refresh_rollups
from core.models.metrics import CallCost, CallMetrics, CallSummary, TurnMetrics
from core.settings import get_settings
from core.storage.archive import mover as archive_module
from core.storage.archive.archived_rows import ArchiveUnreadableError, archived, find_archived, folder, pq
from core.storage.archive.fitting import are_equal
from core.storage.archive.mover import cutoff, due, release
from core.storage.calls import delete_calls, from_document, write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests import forked

START = datetime(2026, 1, 10, 18, 0, tzinfo=UTC)  # half an hour before midnight in India
PERIOD = START - timedelta(days=1), START + timedelta(days=5)


def call(number: int, **fields: object) -> CallMetrics:
    usual: dict[str, object] = {
        "call_id": f"call_{number}",
        "lead_id": f"lead_{number % 50}",
        "start_time": START + timedelta(seconds=40 * number),
        "duration_seconds": number % 200 + 0.5,
        "status": ("completed", "failed", "no_answer")[number % 3],
        "direction": "outbound",
        "language": ("hindi", "english")[number % 2],
        "campaign": ("festive", None)[number % 2],
        "asr_latency_ms": 300 + number % 400,
        "errors": [{"type": "asr_timeout", "fault": "provider", "at": START}] if number % 10 == 0 else [],
        "cost": {"asr": 0.25, "telephony": number % 7 / 8} if number % 4 else {},
        "metadata": {"note": f"नमस्ते {number}", "nested": {"list": [1, "two", None]}} if number % 5 else {},
        "user_turns": 4,
        "total_turns": 9,
        "attempt": 1 + number % 3,
    }
    return CallMetrics.model_validate(usual | fields)


def turn(number: int) -> TurnMetrics:
    return TurnMetrics(call_id="call_1", turn=number + 1, start_time=START, asr_ms=210.5, interrupted=True)


def recorded_long_ago(database: Database[Document], calls: Sequence[CallMetrics]) -> None:
    """Store calls as if they had been recorded a year ago."""
    write_calls(database, calls)
    ids = {"$in": [call.call_id for call in calls]}
    database["calls"].update_many({"_id": ids}, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}})


def figures(database: Database[Document]) -> CallSummary:
    return summarise(load_cube(database, *PERIOD, bucket="1D"))


@pytest.fixture
def filled(database: Database[Document]) -> Database[Document]:
    """1,000 calls on two local days, and three turns; all of them due."""
    recorded_long_ago(database, [call(number) for number in range(1_000)])
    write(database, [Record.now(turn(number)) for number in range(3)])
    database["turns"].update_many({}, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}})
    refresh_rollups(database)
    return database


def test_what_is_archived_leaves_the_database_and_stays_in_every_figure(filled: Database[Document]) -> None:
    before, stored = figures(filled), {row["_id"]: row for row in filled["calls"].find()}
    assert before.total_calls == 1_000
    moved = archive_due(filled)
    assert [(str(what.day), what.collection, what.rows) for what in moved] == [
        ("2026-01-10", "turns", 3),
        ("2026-01-10", "calls", 45),
        ("2026-01-11", "calls", 955),
    ]
    assert filled["calls"].count_documents({}) == filled["turns"].count_documents({}) == 0
    assert figures(filled) == before
    rebuild_rollups(filled, *PERIOD)
    assert figures(filled) == before
    back = find_archived(filled, "calls", "_id", list(stored))
    assert {row["_id"]: from_document(row) for row in back} == {
        key: from_document(row) for key, row in stored.items()
    }
    assert [row["version"] for row in back] == [stored[row["_id"]]["version"] for row in back]
    turns = find_archived(filled, "turns", "call_id", ["call_1"])
    assert [(row["turn"], row["asr_ms"], row["interrupted"]) for row in turns] == [
        (1, 210.5, True),
        (2, 210.5, True),
        (3, 210.5, True),
    ]
    assert archive_due(filled) == []


def test_filters_hold_for_archived_calls(filled: Database[Document]) -> None:
    from core.aggregation.rollups.call_frames import CallFilters, read_calls

    filters = CallFilters(language="hindi", status="failed", campaign="festive")
    before = read_calls(filled, [PERIOD], filters)
    archive_due(filled)
    after = read_calls(filled, [PERIOD], filters)
    assert len(before) > 100
    assert before.sort_by("_id").equals(after.sort_by("_id"))


def test_only_the_owner_reads_the_archive(filled: Database[Document]) -> None:
    archive_due(filled)
    found = list(folder(filled).rglob("*"))
    assert sum(path.suffix == ".parquet" for path in found) == 3
    for path in [folder(filled), *found]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_was_recorded_lately_stays_however_long_ago_it_began(filled: Database[Document]) -> None:
    write_calls(filled, [call(5_000, start_time=START)])
    archive_due(filled)
    assert [row["_id"] for row in filled["calls"].find()] == ["call_5000"]
    assert figures(filled).total_calls == 1_001


def test_a_late_a_corrected_and_a_moved_call_of_an_archived_window_come_out_right(
    filled: Database[Document],
) -> None:
    archive_due(filled)
    write_calls(
        filled,
        [
            call(2_000, start_time=START),  # late
            call(0, status="failed"),  # corrected
            call(1, start_time=START + timedelta(days=2)),  # moved to another day
            call(2),  # the same once more
        ],
    )
    refresh_rollups(filled)
    expected = [call(number) for number in range(3, 1_000)] + [
        call(2_000, start_time=START),
        call(0, status="failed"),
        call(1, start_time=START + timedelta(days=2)),
        call(2),
    ]
    summary = figures(filled)
    assert summary.total_calls == len(expected)
    assert summary.failed_calls == sum(one.status == "failed" for one in expected)
    moved = summarise(load_cube(filled, START + timedelta(days=1, hours=12), PERIOD[1]))
    assert moved.total_calls == 1
    assert find_archived(filled, "calls", "_id", ["call_0", "call_1", "call_2"]) == []


def test_released_calls_are_gone_from_files_and_figures(filled: Database[Document]) -> None:
    archive_due(filled)
    ids = [f"call_{number}" for number in range(0, 1_000, 2)]
    assert release(filled, "calls", "_id", ids) == 500
    refresh_rollups(filled)
    assert figures(filled).total_calls == 500
    assert find_archived(filled, "calls", "_id", ids) == []
    assert release(filled, "calls", "_id", [f"call_{number}" for number in range(1_000)]) == 500
    refresh_rollups(filled)
    assert figures(filled).total_calls == 0
    assert list(folder(filled).rglob("calls/**/*.parquet")) == []


def test_a_call_recorded_again_while_its_day_is_archived_is_kept_once(
    filled: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = archive_module._write

    def interrupted(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        if not filled["calls"].find_one({"_id": "call_7", "campaign": "again"}):
            write_calls(filled, [call(7, campaign="again")])

    monkeypatch.setattr(archive_module, "_write", interrupted)
    archive_due(filled)
    assert [row["campaign"] for row in filled["calls"].find()] == ["again"]
    assert find_archived(filled, "calls", "_id", ["call_7"]) == []
    refresh_rollups(filled)
    assert figures(filled).total_calls == 1_000


def test_a_missing_or_damaged_file_is_said_in_one_line(filled: Database[Document]) -> None:
    archive_due(filled)
    file = max(folder(filled).rglob("calls/**/*.parquet"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ArchiveUnreadableError, match="is damaged; restore it from a backup"):
        find_archived(filled, "calls", "_id", ["call_999"])
    file.unlink()
    with pytest.raises(ArchiveUnreadableError, match="are not on this machine"):
        find_archived(filled, "calls", "_id", ["call_999"])


@pytest.mark.full
def test_an_archive_that_cannot_be_written_deletes_nothing(filled: Database[Document]) -> None:
    folder(filled).parent.mkdir(parents=True, exist_ok=True)
    folder(filled).mkdir()
    (folder(filled) / "turns").write_text("in the way")
    done = _command("archive")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "the archive cannot be written" in done.stderr
    assert filled["calls"].count_documents({}) == 1_000


@pytest.mark.parametrize("command", [["archive"], ["archive", "--dry-run"], ["doctor"]])
def test_who_keeps_calls_for_a_century_archives_nothing(
    filled: Database[Document], command: list[str]
) -> None:
    done = _command(*command, RAW_RETENTION_DAYS="36500")
    assert "Traceback" not in done.stderr
    assert "nothing recorded more than 36500 days ago" in done.stdout or "ok    archive" in done.stdout


@pytest.mark.full
def test_a_dry_run_says_what_would_be_moved(filled: Database[Document]) -> None:
    done = _command("archive", "--dry-run")
    assert done.stdout.splitlines() == [
        "2026-01-10            3 turns",
        "2026-01-10           45 calls",
        "2026-01-11          955 calls",
        "1,003 records recorded more than 90 days ago would be archived",
    ]
    assert filled["calls"].count_documents({}) == 1_000
    assert delete_calls(filled, {}) == 1_000
    assert due(filled, cutoff(filled)) == []
    assert "less than 30" not in _command("archive", RAW_RETENTION_DAYS="40").stderr
    refused = _command("archive", RAW_RETENTION_DAYS="7")
    assert refused.returncode == 2
    assert "RAW_RETENTION_DAYS" in refused.stderr


def _command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["-m", "core", *arguments], env={**os.environ, **environment})


@pytest.mark.full
def test_killed_anywhere_an_archive_loses_nothing_and_counts_nothing_twice(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 30_000
    recorded_long_ago(database, [call(number) for number in range(total)])
    refresh_rollups(database)
    period = START - timedelta(days=1), START + timedelta(days=20)
    before = summarise(load_cube(database, *period))
    assert before.total_calls == total
    rng, killed = random.Random(11), 0  # noqa: S311 (no secret)
    files = database["archives"].estimated_document_count
    while killed < 6:  # each in the midst of its work: once a file more is there, or a moment later
        there = files()
        running = subprocess.Popen([sys.executable, "-m", "core", "archive"], stderr=subprocess.DEVNULL)
        while running.poll() is None and files() == there:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        running.send_signal(signal.SIGKILL)
        if running.wait() == 0:
            break
        killed += 1
        rebuild_rollups(database, *period)
        assert summarise(load_cube(database, *period)) == before
    archive_due(database)
    assert killed >= 2
    assert database["calls"].count_documents({}) == 0
    rows = database["archives"].aggregate([{"$group": {"_id": None, "rows": {"$sum": "$rows"}}}])
    assert next(iter(rows))["rows"] == total
    rebuild_rollups(database, *period)
    assert summarise(load_cube(database, *period)) == before
    known = {row["file"] for row in database["archives"].find()}
    assert {str(path.relative_to(folder(database))) for path in folder(database).rglob("*.parquet")} == known
    assert get_settings().data_dir in folder(database).parents


@pytest.mark.full
def test_releases_at_the_same_time_each_hold(filled: Database[Document]) -> None:
    archive_due(filled)
    leads = [f"lead_{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        released = list(pool.map(lambda lead: release(filled, "calls", "lead_id", [lead]), leads))
    assert released == [20] * 12
    assert find_archived(filled, "calls", "lead_id", leads) == []
    assert len(archived(filled, "calls", [PERIOD])) == 1_000 - 20 * 12
    assert len(list(folder(filled).rglob("*.parquet"))) == filled["archives"].count_documents({})


@pytest.mark.parametrize("hours", [0.1, 3, 23, 30])
def test_an_archived_call_that_moves_to_the_present_counts_once(
    filled: Database[Document], hours: float
) -> None:
    """On the day that it starts on now, whatever is refreshed and archived after it."""
    archive_due(filled)
    now = datetime.now(UTC)
    moved = call(7, start_time=now - timedelta(hours=hours))
    write_calls(filled, [moved, call(5_000, start_time=now - timedelta(hours=1))])
    wide = START - timedelta(days=1), now + timedelta(hours=1)
    for _ in range(2):
        refresh_rollups(filled)
        assert summarise(load_cube(filled, *PERIOD)).total_calls == 999
        assert summarise(load_cube(filled, *wide)).total_calls == 1_001
    assert len(find_archived(filled, "calls", "_id", ["call_7"])) == 0


def test_files_of_before_are_read(database: Database[Document]) -> None:
    """An archive that was made before calls had an answer, a platform's fee or several sources."""
    answered = call(1, cost={"llm": 2.0}, duration_seconds=90, answered_at=START + timedelta(seconds=45))
    recorded_long_ago(database, [answered])
    refresh_rollups(database)
    assert archive_due(database)
    (file,) = folder(database).rglob("*.parquet")
    table = pq.read_table(file)
    parts = ("asr", "llm", "tts", "telephony")
    cost = pa.array([{part: row.get(part) for part in parts} for row in table["cost"].to_pylist()])
    old = table.drop_columns(["answered_at", "ring_seconds", "sources", "state", "unjoined", "cost"])
    pq.write_table(old.append_column("cost", cost), file)
    (row,) = find_archived(database, "calls", "_id", ["call_1"])
    assert from_document(row).answered_at is None
    assert from_document(row).cost == CallCost(llm=2.0)
    rebuild_rollups(database, *PERIOD)
    assert figures(database).cost.total == 2.0


ODD: list[Document] = [
    {"language": 5},
    {"duration_seconds": "30"},
    {"_id": ObjectId()},
    {"_id": {"by": "another tool"}},
    {"errors": "many"},
    {"metadata": {"by": ObjectId()}},
    {"version": None},
    {"recorded_at": None},
    {"interruptions": 2.0**70},
]


def odd_among(database: Database[Document], *changes: Document) -> list[str]:
    """Store the call 0 once more for each of the changes; return the ids of those that are due."""
    row = database["calls"].find_one({"_id": "call_0"})
    assert row is not None
    odd = [row | {"_id": f"odd_{number}"} | change for number, change in enumerate(changes)]
    database["calls"].insert_many(odd)
    return sorted(str(one["_id"]) for one in odd if one["recorded_at"] is not None)


def test_a_call_that_no_file_can_hold_stays_and_keeps_no_other_in_the_database(
    filled: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """As another tool wrote it: it is named, stays where it was, and all days are archived."""
    odd = odd_among(filled, *ODD)
    moved = archive_due(filled)
    assert sum(what.rows for what in moved) == 1_003
    assert filled["calls"].count_documents({}) == len(ODD)
    (line,) = [line.__dict__ for line in caplog.records if "cannot be archived" in line.getMessage()]
    assert (sorted(line["ids"]), line["records"]) == (odd, len(odd))
    assert archive_due(filled) == []
    assert len(archived(filled, "calls", [PERIOD])) == 1_000


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_many_calls_that_no_file_can_hold_hide_none_behind_them(
    filled: Database[Document], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """More than are looked at together, and all of the same moment."""
    delete_calls(filled, {"_id": {"$nin": ["call_0", "call_1", "call_2", "call_900"]}})
    odd_among(filled, *([{"language": 5}] * 10))
    monkeypatch.setattr(archive_module, "ROWS_AT_ONCE", at_once)
    archive_due(filled)
    assert filled["calls"].distinct("_id") == sorted(f"odd_{number}" for number in range(10))
    assert len(archived(filled, "calls", [PERIOD])) == 4


def test_a_latency_that_is_no_number_is_archived_as_it_is(filled: Database[Document]) -> None:
    """It reads back as it was written, though it does not equal itself."""
    filled["calls"].update_one({"_id": "call_7"}, {"$set": {"asr_latency_ms": float("nan")}})
    archive_due(filled)
    (row,) = find_archived(filled, "calls", "_id", ["call_7"])
    assert math.isnan(row["asr_latency_ms"])
    assert filled["calls"].count_documents({}) == 0


def test_what_a_disk_returns_otherwise_than_written_is_noticed() -> None:
    """In any row, and in a part of a value; what is missing is not the same as what is no number."""
    nothing = float("nan")
    table = pa.table({"a": [1.5, nothing, None], "b": [{"c": 1.0}, None, {"c": nothing}]})
    assert are_equal(table, pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    assert not are_equal(table, table.slice(0, 2))
    for a, b in (
        ([1.5, None, None], table["b"].to_pylist()),
        (table["a"].to_pylist(), [{"c": 1.0}, {"c": None}, {"c": nothing}]),
    ):
        assert not are_equal(table, pa.table({"a": pa.array(a), "b": pa.array(b)}))


def test_an_upgrade_keeps_the_figures_of_archived_days(filled: Database[Document]) -> None:
    """Roll-ups of an older form are computed again, from the archive's files too."""
    before = figures(filled)
    archive_due(filled)
    for name in ("rollups_15m", "rollups_daily", "rollups_campaigns", "rollups_hourly"):
        filled[name].update_many({}, {"$set": {"schema_version": 1}})
    for row in filled["rollup_state"].find():
        filled["rollup_state"].delete_one({"_id": row["_id"]})
        filled["rollup_state"].insert_one({**row, "_id": re.sub(r"v\d+", "v1", row["_id"])})
    refresh_rollups(filled)
    assert figures(filled) == before
