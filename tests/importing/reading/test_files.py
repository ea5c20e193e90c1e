"""Packed files, archives, patterns: what is read of them, and what is refused, within bounds."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from core.errors import UserError
from core.importing import import_file
from core.importing.reading import files as reading
from core.importing.reading.files import find_parts, open_part
from tests.importing.helpers import SIMPLE, Files

HEADER = "id,started,status,seconds\n"


def csv(*ids: str) -> str:
    return HEADER + "".join(f"{one},2024-11-05,completed,1\n" for one in ids)


def zipped(members: dict[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_every_file_of_a_zip_archive_is_read(files: Files, packing: int) -> None:
    """What a system puts beside them is not."""
    data = zipped(
        {"b/two.csv": csv("c2"), "one.csv": csv("c1"), "__MACOSX/one.csv": b"\0\1", "b/.DS_Store": b"x"},
        packing,
    )
    assert [call.call_id for call in files.put(data).calls()] == ["c2", "c1"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (zipped({}), "is a zip archive without a file"),
        (zipped({"a.csv": csv("c1")})[:-30], "is a damaged zip archive"),
        (zipped({"a.gz": gzip.compress(b"x" * 99)}), "a.gz is a packed file within a packed one"),
        (zipped({"a.zip": zipped({"a.csv": "a"})}), "a.zip is a packed file within a packed one"),
        (
            zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
            "an OpenDocument file: save",
        ),
        (zipped({"xl/workbook.bin": b"x"}), r"a binary workbook \(.xlsb\): save the sheet"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
        (b"%PDF-1.7", "a PDF: ask for the calls as CSV"),
    ],
)
def test_an_archive_that_cannot_be_read_is_named(files: Files, data: bytes, complaint: str) -> None:
    """With its form, and what to do."""
    with pytest.raises(UserError, match=complaint):
        files.put(data).convert()


def test_a_damaged_member_is_one_line(files: Files) -> None:
    """Its checksum does not hold."""
    data = bytearray(zipped({"a.csv": csv(*map(str, range(2_000)))}, zipfile.ZIP_STORED))
    data[20_000] ^= 255
    with pytest.raises(UserError, match=r"a\.csv is damaged: it cannot be unpacked to its end"):
        files.put(bytes(data)).convert()


def test_a_member_with_a_password_is_refused(files: Files) -> None:
    """The mark of it is a bit in the header."""
    data = bytearray(zipped({"a.csv": csv("c1")}))
    for at in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
        data[at] |= 1
    with pytest.raises(UserError, match="protected by a password: unpack it first"):
        files.put(bytes(data)).convert()


@pytest.mark.parametrize("form", ["gz", "zip"])
def test_a_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """It grows to hundreds of times its size."""
    size = 4_000_000
    monkeypatch.setattr(reading, "FREE_BYTES", 1_000_000)
    path = tmp_path / f"bomb.{form}"
    bomb = b"\n" * size
    path.write_bytes(gzip.compress(bomb, 9) if form == "gz" else zipped({"calls.csv": bomb}))
    (part,) = find_parts([path])
    assert part.size * 500 < size
    read = 0
    with pytest.raises(UserError, match="more than 250 times its size"), open_part(part) as opened:
        read += sum(len(piece) for piece in iter(lambda: opened.binary.read(1 << 16), b""))
    assert read <= size / 2


def test_patterns_and_several_names_stand_for_files_each_once(tmp_path: Path) -> None:
    """In the order of their names."""
    for name in ("b.csv", "a.csv", "c.json"):
        (tmp_path / name).write_text("x")
    found = find_parts([tmp_path / "*.csv", tmp_path / "a.csv", tmp_path / "c.json"])
    assert [part.path.name for part in found] == ["a.csv", "b.csv", "c.json"]
    with pytest.raises(UserError, match=r"no file matches .*\*\.xml"):
        find_parts([tmp_path / "*.xml"])
    with pytest.raises(UserError, match=r'is not a regular file; name its files: ".*/\*\.csv"'):
        find_parts([tmp_path])


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is not a regular file; save what is piped in to a file first"):
        find_parts([tmp_path / "pipe"])
    with pytest.raises(UserError, match="save what is piped in to a file first"):
        find_parts([Path("-")])


def test_several_files_are_one_import(files: Files, tmp_path: Path) -> None:
    """Its report counts them all; a rejected row says of which file it is."""
    (tmp_path / "one.csv").write_text(csv("c1", "c2"))
    (tmp_path / "two.csv").write_text(csv("c3") + "c4,never,completed,1\n")
    files.put("")
    report = import_file(
        [tmp_path / "one.csv", tmp_path / "two.csv"], files.mapping, rejects=files.rejects, dry_run=True
    )
    assert report.summary.startswith("2 files · dry run, nothing written: 3 valid · rejected 1")
    (rejected,) = files.rejected()
    assert (rejected["file"], rejected["line"]) == (str(tmp_path / "two.csv"), 3)


def test_ids_by_line_number_need_the_name_of_the_file_where_there_are_several(
    files: Files, tmp_path: Path
) -> None:
    """Else the calls of one would replace those of the other."""
    for name in ("one.csv", "two.csv.gz"):
        data = csv("x").encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    paths = [tmp_path / "one.csv", tmp_path / "two.csv.gz"]
    files.put("", SIMPLE.replace('"id"', '{ template = "row-{line}" }'))
    with pytest.raises(UserError, match=r'add the file\'s name: template = "\{file\}-\{line\}"'):
        import_file(paths, files.mapping, dry_run=True)
    files.put("", SIMPLE.replace('"id"', '{ template = "{file}-{line}" }'))
    assert import_file(paths, files.mapping, dry_run=True).valid == 2
    assert [part.name for part in find_parts(paths)] == ["one", "two"]
