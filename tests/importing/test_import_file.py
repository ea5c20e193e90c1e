"""Whole imports into a real store."""

import csv
import gzip
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database
from rich.console import Console

from core.errors import UserError
from core.importing import import_file
from core.settings import get_settings
from core.storage.server.embedded import find_mongod
from core.types import Document
from tests.importing.helpers import SIMPLE, Files
from tests.test_cli import core

HEADER = "id,started,status,seconds\n"


def row(call_id: str, seconds: float = 60, status: str = "completed") -> str:
    return f"{call_id},2024-10-24T10:00:00,{status},{seconds}\n"


def stored(database: Database[Document]) -> dict[str, Document]:
    """What a recomputation sees: all but the version, which says when a call was last handed over."""
    return {document["_id"]: document for document in database["calls"].find({}, {"version": 0})}


def test_an_import_reports_every_row_and_a_second_one_changes_nothing(
    files: Files, database: Database[Document]
) -> None:
    files.put(HEADER + row("a") + row("b", 30) + row("c", -1) + row("b", 45))
    first = files.run()
    before = stored(database)
    assert {key: call["duration_seconds"] for key, call in before.items()} == {"a": 60, "b": 45}
    assert first.summary == (
        f"imported 2 · replaced 1 (0 unchanged) · rejected 1 (see {files.rejects}) · repaired 0"
    )
    assert files.run().summary.startswith("imported 0 · replaced 3 (2 unchanged)")
    assert stored(database) == before


def cut_off_json() -> bytes:
    calls = [{"id": f"c{n}", "started": "2024-10-24", "status": "completed", "seconds": 1} for n in range(30)]
    return json.dumps(calls).encode()[:-3]


def test_an_opt_out_in_an_earlier_row_of_a_call_stays(files: Files, database: Database[Document]) -> None:
    """As if the rows had come one by one: a later no does not take it back, in however many rows."""
    mapping = SIMPLE + '[compliance]\nopt_out = { column = "stop", equals = "Y" }\nconsent_id = "consent"\n'
    header = HEADER.replace("\n", ",stop,consent\n")
    rows = [row("a").replace("\n", f",{stop}\n") for stop in ("N,k-1", "Y,k-2", "N,k-3", ",")]
    files.put(header + "".join(rows) + row("b").replace("\n", ",N,k-4\n"), mapping)
    assert (files.run().inserted, files.run().unchanged) == (2, 2)
    said = {name: call["compliance"] for name, call in stored(database).items()}
    assert said == {"a": {"opt_out": True}, "b": {"opt_out": False, "consent_id": "k-4"}}


def cut_off_gzip() -> bytes:
    whole = gzip.compress((HEADER + "".join(row(f"c{number}") for number in range(5_000))).encode())
    return whole[:-100]


@pytest.mark.parametrize(
    ("data", "mapping", "least"),
    [(cut_off_json(), f'source.format = "json"\n{SIMPLE}', 29), (cut_off_gzip(), SIMPLE, 2_000)],
    ids=["json", "gzip"],
)
def test_of_a_file_that_is_cut_off_all_rows_before_are_stored_and_it_is_said(
    files: Files, database: Database[Document], data: bytes, mapping: str, least: int
) -> None:
    """An upload that ended early."""
    files.put(data, mapping)
    with pytest.raises(UserError) as caught:
        files.run()
    count = database["calls"].count_documents({})
    assert count >= least
    assert f"(the {count:,} calls before that are stored; importing again changes nothing)" in str(
        caught.value
    )


@pytest.mark.full
def test_an_import_that_breaks_off_is_in_the_audit_log_too(
    files: Files, database: Database[Document]
) -> None:
    """What it stored until then is stored, and may have replaced calls."""
    files.put(cut_off_gzip(), SIMPLE)
    done = core("import", str(files.data), "--mapping", str(files.mapping))
    assert done.returncode == 2, done.stderr
    (entry,) = database["audit"].find({"action": "imported"})
    count = database["calls"].count_documents({})
    assert count >= 2_000
    assert entry["about"] == {"inserted": count, "replaced": 0, "rejected": 0, "stopped": True}
    files.put("id\nbroken", SIMPLE)
    assert core("import", str(files.data), "--mapping", str(files.mapping)).returncode == 2
    assert database["audit"].count_documents({"action": "imported"}) == 1, "nothing was stored"


def test_rejected_rows_are_kept_for_their_owner_alone(files: Files, database: Database[Document]) -> None:
    files.put(HEADER + row("a") + row("b", status="lost") + "half,a row\n")
    files.run()
    assert files.rejected() == [
        {
            "line": 3,
            "reason": "status: input should be 'completed', 'failed' or 'no_answer', not 'lost'",
            "row": {"id": "b", "started": "2024-10-24T10:00:00", "status": "lost", "seconds": "60"},
        },
        {"line": 4, "reason": "has 2 cells where the header has 4", "row": "half,a row\n"},
    ]
    assert stat.S_IMODE(files.rejects.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.rejects.parent.stat().st_mode) == 0o700
    files.put(HEADER + row("a"))
    assert files.run().rejects_file is None
    assert not files.rejects.exists()


def test_by_default_rejected_rows_go_to_the_data_folder(
    files: Files, database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    files.put(HEADER + row("a", -1))
    report = import_file(files.data, files.mapping, dry_run=True)
    assert report.rejects_file == tmp_path / "data" / "imports" / "calls.rejected.jsonl"
    assert report.rejects_file.exists()


def test_a_dry_run_writes_no_call(files: Files, database: Database[Document]) -> None:
    report = files.put(HEADER + row("a") + row("b", -1)).run(dry_run=True)
    assert report.summary.startswith("dry run, nothing written: 1 valid · rejected 1")
    assert not stored(database)


def test_a_terminal_sees_progress_and_a_pipe_does_not(files: Files, database: Database[Document]) -> None:
    files.put(HEADER + row("a"))
    screen, pipe = io.StringIO(), io.StringIO()
    import_file(files.data, files.mapping, console=Console(file=screen, force_terminal=True))
    import_file(files.data, files.mapping, console=Console(file=pipe))
    assert re.search(r"calls\.csv.*100%", screen.getvalue())
    assert not pipe.getvalue()


@pytest.mark.parametrize("name", ["data", "mapping"])
def test_rejected_rows_never_overwrite_what_is_read(files: Files, name: str) -> None:
    files.put(HEADER + row("a"))
    path: Path = getattr(files, name)
    before = path.read_bytes()
    with pytest.raises(UserError, match="the rejected rows would overwrite"):
        import_file(files.data, files.mapping, rejects=path, dry_run=True)
    assert path.read_bytes() == before


def test_what_cannot_be_opened_is_named(files: Files, tmp_path: Path) -> None:
    files.put(HEADER)
    absent = tmp_path / "absent.csv"
    for path, complaint in ((absent, "does not exist"), (tmp_path, "is not a regular file")):
        with pytest.raises(UserError, match=re.escape(f"{path} {complaint}")):
            import_file(path, files.mapping)
    with pytest.raises(UserError, match=r"the file of rejected rows, .* cannot be written: File exists"):
        import_file(files.data, files.mapping, rejects=files.data / "x", dry_run=True)


ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-2, 9), st.sampled_from(["completed", "?"])))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_importing_twice_is_importing_once(
    files: Files, database: Database[Document], rows: list[tuple[str, int, str]]
) -> None:
    """The last valid row of each id is what is stored, however often the file is imported."""
    database["calls"].delete_many({})
    files.put(HEADER + "".join(row(*each) for each in rows))
    valid = [(key, seconds) for key, seconds, status in rows if seconds >= 0 and status == "completed"]
    report = files.run()
    assert (report.inserted, report.inserted + report.replaced) == (len(dict(valid)), len(valid))
    assert report.rejected == len(rows) - len(valid)
    before = stored(database)
    assert {key: call["duration_seconds"] for key, call in before.items()} == dict(valid)
    assert files.run().unchanged == len(before)
    assert stored(database) == before


def large(files: Files, rows: int) -> Files:
    """A file long enough to be interrupted; every tenth row is no call."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerows(
        (f"c{n}", "2024-10-24T10:00:00", "completed", -1 if n % 10 == 0 else n % 600) for n in range(rows)
    )
    return files.put(HEADER + lines.getvalue())


def wait_for_calls(database: Database[Document]) -> None:
    deadline = time.monotonic() + 30
    while not database["calls"].estimated_document_count():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(database: Database[Document]) -> int:
    """How many calls are stored once the server has done with what a killed client sent it."""
    count = -1
    while (now := len(stored(database))) != count:
        count = now
        time.sleep(0.5)
    return count


_IMPORT = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the suite runs in the background
from core.errors import UserError
from core.importing import import_file
data, mapping, rejects = map(Path, sys.argv[1:])
try:
    print(import_file(data, mapping, rejects=rejects).summary)
except UserError as error:
    sys.exit(f"error: {error}")
"""


def start_import(files: Files) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _IMPORT, str(files.data), str(files.mapping), str(files.rejects)]
    source = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": source}, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.full
def test_ctrl_c_leaves_whole_calls_and_the_next_import_completes_them(
    files: Files, database: Database[Document]
) -> None:
    large(files, 60_000)
    process = start_import(files)
    wait_for_calls(database)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)
    assert process.returncode != 0
    kept = settled(database)
    assert 0 < kept < 54_000
    assert all(rejected["reason"] for rejected in files.rejected())
    report = files.run()
    assert (report.inserted, report.unchanged, report.rejected) == (54_000 - kept, kept, 6_000)


@pytest.mark.full
def test_a_store_that_vanishes_midway_ends_the_import_in_one_line(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written stays, the rejected rows are whole, and the import can be run again."""
    socket = tmp_path / "m.sock"
    (tmp_path / "db").mkdir()
    command = [
        str(find_mongod()),
        "--dbpath",
        str(tmp_path / "db"),
        "--bind_ip",
        str(socket),
        "--nounixsocket",
    ]
    uri = f"mongodb://{str(socket).replace('/', '%2F')}"
    monkeypatch.setenv("MONGODB_URI", uri)
    get_settings.cache_clear()
    large(files, 40_000)
    client: MongoClient[Document] = MongoClient(uri, serverSelectionTimeoutMS=20_000)
    database = client[get_settings().mongodb_database]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        process = start_import(files)
        wait_for_calls(database)
        server.kill()
        _, errors = process.communicate(timeout=60)
        server.wait()
        assert process.returncode == 1
        assert re.fullmatch(
            r"error: MongoDB at .* does not answer; is it running, and is MONGODB_URI right\? "
            r"\(the first [\d,]+ calls are stored; import the file again to go on\)\n",
            errors,
        )
        assert files.rejected()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert files.run().rejected == 4_000
        assert len(stored(database)) == 36_000
    finally:
        client.close()
        server.kill()
        server.wait()
