"""Open a file: decompress gzip and zip within limits, and detect its format."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import IO, Literal

from core.errors import UserError

Form = Literal["text", "xlsx", "parquet"]
FOREIGN = {
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "compressed with xz: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a rar archive: unpack it first",
    b"\xd0\xcf\x11\xe0": "a workbook of old (.xls), or one with a password: save the sheet as CSV",
    b"SQLite": "an SQLite database: write a table as CSV first",
    b"%PDF": "a PDF: ask for the calls as CSV or JSON",
}
"""How files that are not text begin, and what they are."""
_ZIP, _EMPTY_ZIP, _GZIP, _PARQUET = b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"PAR1"
MOST_MEMBERS = 10_000
FREE_BYTES, MOST_RATIO = 50_000_000, 250
"""Limits for a compressed file: it may grow to this many bytes, or this many times its size. Typical exports
shrink to a tenth."""
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


@dataclass(frozen=True)
class Part:
    """A file to read: one on the disk, or a member of a zip archive."""

    path: Path
    member: str | None = None
    size: int = 0
    """Return its compressed size in bytes."""

    @property
    def label(self) -> str:
        """Return its name for messages."""
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    @property
    def name(self) -> str:
        """Return its name without folders and extensions, as ``{file}`` has it in templates."""
        return Path(self.member or self.path).name.split(".")[0]


@dataclass(frozen=True)
class Opened:
    """A part's bytes, their format, and how many bytes on the disk have been read."""

    binary: io.BufferedReader
    form: Form
    _counted: "_Counted"

    def position(self) -> int:
        """Return how many bytes have been read, compressed."""
        return self._counted.position()


def find_parts(paths: Sequence[Path]) -> list[Part]:
    """Return the files that paths, patterns such as ``calls-*.csv`` and zip archives stand for, each once.

    Raises:
        UserError: there are none, or an archive cannot be read.
    """
    found = dict.fromkeys(file for path in paths for file in _matching(path))
    try:
        return [part for path in found for part in _parts_of(path)]
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None


_SAVE = "save what is piped in to a file first, since it is read more than once"


def _matching(path: Path) -> list[Path]:
    if path.exists():
        if not path.is_file():
            hint = f'name its files: "{path}/*.csv"' if path.is_dir() else _SAVE
            raise UserError(f"{path} is not a regular file; {hint}")
        return [path]
    if not any(sign in str(path) for sign in "*?["):
        remedy = _SAVE if str(path) == "-" else "name the file to import"
        raise UserError(f"{path} does not exist; {remedy}")
    names = sorted(glob(str(path), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    files = [Path(name) for name in names if Path(name).is_file()]
    if not files:
        raise UserError(f"no file matches {path}")
    return files


def _parts_of(path: Path) -> list[Part]:
    with path.open("rb") as file:
        begin = file.read(4)
    if begin not in {_ZIP, _EMPTY_ZIP}:
        return [Part(path, None, path.stat().st_size)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (*_DAMAGED, NotImplementedError, ValueError) as error:
        raise UserError(f"{path} is a damaged zip archive or workbook (.xlsx): {error}") from None
    names = {info.filename for info in members}
    if "xl/workbook.xml" in names:
        return [Part(path, None, path.stat().st_size)]
    for name, form in (
        ("xl/workbook.bin", "a binary workbook (.xlsb)"),
        ("mimetype", "an OpenDocument file"),
    ):
        if name in names:
            raise UserError(f"{path} is {form}: save the sheet as CSV or .xlsx")
    files = [info for info in members if not _is_litter(info.filename)]
    if not files:
        raise UserError(f"{path} is a zip archive without a file")
    if len(files) > MOST_MEMBERS:
        raise UserError(f"{path} holds {len(files):,} files, more than {MOST_MEMBERS:,}; unpack it first")
    return [
        Part(path, info.filename, info.compress_size)
        for info in sorted(files, key=lambda info: info.filename)
    ]


def _is_litter(name: str) -> bool:
    """Return whether an archive member is a file that an operating system added."""
    return name.startswith("__MACOSX/") or Path(name).name.startswith(".") or Path(name).name == "Thumbs.db"


class _Counted(io.RawIOBase):
    """Decompressed bytes: counted, limited, and with damage reported in one line."""

    def __init__(self, inner: IO[bytes], label: str, packed: int, raw: IO[bytes] | None) -> None:
        self._inner, self._label, self._packed, self._raw = inner, label, packed, raw
        self._most = max(FREE_BYTES, packed * MOST_RATIO)
        self._read = 0

    @property
    def is_packed(self) -> bool:
        """Return whether the bytes on the disk are compressed."""
        return self._inner is not self._raw

    def readable(self) -> bool:
        """Return True: it can be read, and nothing else."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Read as io.RawIOBase specifies.

        Raises:
            UserError: the file is damaged, or grows out of all proportion.
        """
        try:
            data = self._inner.read(len(buffer))
        except (*_DAMAGED, NotImplementedError, RuntimeError, ValueError):
            raise UserError(f"{self._label} is damaged: it cannot be unpacked to its end") from None
        self._read += len(data)
        if self.is_packed and self._read > self._most:
            raise UserError(
                f"{self._label} unpacks to more than {MOST_RATIO} times its size; unpack it first, if that "
                "is right"
            )
        buffer[: len(data)] = data
        return len(data)

    def position(self) -> int:
        """Return how far the compressed file was read; approximate for a member of an archive."""
        return self._raw.tell() if self._raw is not None else min(self._read, self._packed)


@contextmanager
def open_part(part: Part) -> Iterator[Opened]:
    """Open a part and decompress it.

    Raises:
        UserError: its format cannot be read; the text names the format and what to do.
        OSError: it cannot be read.
    """
    with part.path.open("rb") as file:
        if part.member is not None:
            with zipfile.ZipFile(file) as archive, _member(archive, part) as member:
                yield _opened(_Counted(member, part.label, part.size, None), part)
        elif _begins(file) == _GZIP:
            with gzip.open(file) as unpacked:
                yield _opened(_Counted(unpacked, part.label, part.size, file), part)  # type: ignore[arg-type]
        else:
            yield _opened(_Counted(file, part.label, part.size, file), part)


def _begins(file: IO[bytes]) -> bytes:
    begin = file.read(2)
    file.seek(0)
    return begin


def _member(archive: zipfile.ZipFile, part: Part) -> IO[bytes]:
    try:
        return archive.open(part.member or "")
    except RuntimeError:
        raise UserError(f"{part.label} is protected by a password: unpack it first") from None
    except (*_DAMAGED, NotImplementedError, KeyError) as error:
        raise UserError(f"{part.label} cannot be unpacked: {error}") from None


def _opened(counted: _Counted, part: Part) -> Opened:
    buffered = io.BufferedReader(counted, 1 << 17)  # type: ignore[type-var]
    begin = buffered.peek(8)[:8]
    for magic, form in FOREIGN.items():
        if begin.startswith(magic):
            raise UserError(f"{part.label} is {form}")
    found: Form = "text"
    if begin.startswith(_PARQUET):
        found = "parquet"
    elif begin.startswith(_ZIP):
        found = "xlsx"
    packed = part.member is not None or counted.is_packed
    if packed and (found != "text" or begin.startswith(_GZIP)):
        raise UserError(f"{part.label} is a packed file within a packed one: unpack it first")
    return Opened(buffered, found, counted)  # type: ignore[arg-type]
