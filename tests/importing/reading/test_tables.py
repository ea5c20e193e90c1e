"""Workbooks and Parquet files, with cells of every type."""

import builtins
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from core.errors import UserError
from core.importing.reading import parquet, workbook
from tests.importing.helpers import SIMPLE, Files

HEADER = ["id", "started", "status", "seconds"]
START = datetime(2024, 11, 5, 9, 30)  # noqa: DTZ001 (as a workbook has it)


def saved(*rows: Sequence[Any], sheet: str = "Calls") -> bytes:
    book = Workbook()
    page: Any = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    book.create_sheet("Other").append(["nothing"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_with_its_times_and_spans_of_time(files: Files) -> None:
    """Empty rows and cells at the end do no harm; a number that is whole is written so."""
    rows: list[Any] = [
        [*HEADER, "talk", "note"],
        ["c1", START, "completed", timedelta(minutes=1, seconds=40)],
        [],
        [9_198_765_432_101, START.date(), "failed", 2.0, 1.5, None],
        ["c3", "2024-11-05T10:00:00+05:30", "no_answer", 0, True, "é"],
    ]
    mapping = f'source.timezone = "UTC"{SIMPLE}[metadata]\ntalk = "talk"\nnote = "note"'
    first, second, third = files.put(saved(*rows), mapping).calls()
    assert (first.start_time, first.duration_seconds) == (START.replace(tzinfo=UTC), 100)
    assert (second.call_id, second.duration_seconds, second.metadata) == ("9198765432101", 2, {"talk": "1.5"})
    assert second.start_time == datetime(2024, 11, 5, tzinfo=UTC)
    assert third.start_time == datetime(2024, 11, 5, 4, 30, tzinfo=UTC)
    assert third.metadata == {"talk": "true", "note": "é"}


def test_another_sheet_and_a_title_above_the_header(files: Files) -> None:
    """Both are named by the mapping."""
    data = saved(["Calls of November"], HEADER, ["c1", START, "completed", 1], sheet="Nov")
    mapping = f'source.sheet = "Nov"\nsource.skip_lines = 1{SIMPLE}'
    assert [call.call_id for call in files.put(data, mapping).calls()] == ["c1"]
    with pytest.raises(UserError, match="has no sheet 'Dec'; its sheets are: Nov, Other"):
        files.put(data, mapping.replace("Nov", "Dec")).convert()
    with pytest.raises(UserError, match=r"is a workbook \(\.xlsx\), not csv; leave source.format out"):
        files.put(data, f"source.format = 'csv'{SIMPLE}").convert()


def test_a_time_and_a_day_in_cells_of_their_own(files: Files) -> None:
    """As a workbook has them, with a type."""
    data = saved(["id", "day", "at"], ["c1", date(2024, 11, 5), time(14, 5)])
    mapping = """source.timezone = "UTC"
start_time = { date = "day", time = "at" }
[fields]
call_id = "id"
status = { constant = "completed" }
direction = { constant = "inbound" }
"""
    (call,) = files.put(data, mapping).calls()
    assert call.start_time == datetime(2024, 11, 5, 14, 5, tzinfo=UTC)


def test_without_openpyxl_the_message_names_it(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    data, load = saved(HEADER), builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r'needs openpyxl: pip install "openpyxl.*the extra xlsx'):
        files.put(data).convert()


def rewritten(data: bytes, name: str, text: str) -> bytes:
    """A workbook with another text in one of its members."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, text if info.filename.endswith(name) else old.read(info))
    return out.getvalue()


@pytest.mark.parametrize("name", ["sheet1.xml", "workbook.xml", "workbook.xml.rels", "[Content_Types].xml"])
@pytest.mark.parametrize("text", ["", "<x", "<x/>", "nonsense"])
def test_a_damaged_workbook_is_one_line(files: Files, name: str, text: str) -> None:
    """Whatever the library raises."""
    data = rewritten(saved(HEADER, ["c1", START, "completed", 1]), name, text)
    with pytest.raises(UserError, match=r"(cannot be read as a workbook|has no|is empty)"):
        files.put(data).convert()


def test_a_workbook_that_is_a_bomb_is_refused(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """By size, and by entities that stand for one another."""
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 20}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    bomb = rewritten(
        saved(HEADER), "sheet1.xml", f"{laughs}]><worksheet><sheetData>&i;</sheetData></worksheet>"
    )
    with pytest.raises(UserError, match="cannot be read as a workbook"):
        files.put(bomb).convert()
    monkeypatch.setattr(workbook, "FREE_BYTES", 100_000)
    with pytest.raises(UserError, match=r"unpacks to 1,000,000 bytes of xl/worksheets/sheet1\.xml"):
        files.put(rewritten(saved(HEADER), "sheet1.xml", " " * 1_000_000)).convert()


def written(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def test_a_parquet_file_is_read_with_its_types(files: Files) -> None:
    """Nested ones as in JSON; of the rest only what is asked for."""
    india = timezone(timedelta(hours=5, minutes=30))
    rows: list[Any] = [
        {
            "id": "c1",
            "started": START.replace(tzinfo=india),
            "status": "completed",
            "seconds": Decimal("1.50"),
        },
        {"id": "c2", "started": START.replace(tzinfo=india), "status": "failed", "seconds": None},
    ]
    for row in rows:
        row |= {"costs": [{"cost": 0.5}, {"cost": 2.0}], "who": {"lead": "l1", "phone": "+91"}, "seen": True}
    mapping = f"""{SIMPLE}lead_id = "who.lead"
handoff_triggered = "seen"
total_turns = "costs.length"
[cost]
tts = "costs[1].cost"
"""
    first, second = files.put(written(pa.Table.from_pylist(rows)), mapping).calls()
    assert first.start_time == datetime(2024, 11, 5, 4, tzinfo=UTC)
    assert (first.duration_seconds, second.duration_seconds, first.lead_id) == (1.5, None, "l1")
    assert (first.handoff_triggered, first.total_turns, first.cost and first.cost.tts) == (True, 2, 2)
    assert files.run(dry_run=True).unused == ("who.phone",)
    report = files.put(written(pa.Table.from_pylist(rows)), SIMPLE).run(dry_run=True)
    assert report.unused == ("costs", "who", "seen")


def test_times_of_parquet_without_a_zone_are_those_of_the_mapping(files: Files) -> None:
    """To the nanosecond, as pandas writes them."""
    table = pa.table({"id": ["c1"], "started": pa.array([1_730_799_000_123_456_789], pa.timestamp("ns"))})
    table = table.append_column("status", pa.array(["completed"])).append_column("seconds", pa.array([1]))
    (call,) = files.put(written(table), f'source.timezone = "+05:30"{SIMPLE}').calls()
    assert call.start_time == datetime(2024, 11, 5, 4, 0, 0, 123_000, tzinfo=UTC)


def test_a_damaged_or_boundless_parquet_file_is_one_line(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that lacks a column."""
    data = written(pa.table({"id": ["c1"] * 5_000, "started": [START] * 5_000, "status": ["x"] * 5_000}))
    with pytest.raises(UserError, match="has no column 'seconds'; its columns are: id, started, status"):
        files.put(data).convert()
    for broken in (data[:-100], b"PAR1" + b"\0" * 50, data[:200] + b"\xff" * 300 + data[500:]):
        with pytest.raises(UserError, match="cannot be read as Parquet"):
            files.put(broken).convert()
    monkeypatch.setattr(parquet, "MAX_GROUP", 100)
    with pytest.raises(UserError, match="write it with smaller row groups"):
        files.put(data).convert()
