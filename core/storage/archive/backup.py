"""Save a whole store to a folder: every collection with its indexes, the archive and the spool.

A collection is one file of concatenated BSON documents, as ``mongodump`` writes them, compressed with zstd.
Agents may keep recording: each document is saved whole, and what comes in later may be missing. What moves
between places is saved at one of them: spool and archive are saved before the database, which is where their
records go; none goes to the archive meanwhile. A record that is saved twice in this way is one record after a
restore.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pydantic import BaseModel, Field, ValidationError
from pymongo.database import Database

from core.clock import utc_now
from core.errors import UserError
from core.files import create_private, private_folder, sync, write_durably
from core.storage.archive.mover import alone
from core.storage.collections import (
    ARCHIVES,
    HEARTBEATS,
    INSTALLATION,
    LEAD_KEYS,
    LEASES,
    RESTORE_MARK,
    ROLLUP_STATE,
    SESSIONS,
    TARGETS,
    is_half_restored,
)
from core.types import Document, Progress

FORMAT = 2
WITHOUT_CHECKSUM = 1
"""The format from before manifests had a checksum of their own; it can still be read."""
MANIFEST = "manifest.json"
FOLDERS = ("spool", "archive")
"""Folders of DATA_DIR that hold records, with a subfolder for each database."""
NEVER_SAVED = frozenset({LEAD_KEYS})
"""Leaving these out means no backup can bring an erased lead back; a restore leaves existing ones alone."""
OF_PROCESSES = frozenset({LEASES, HEARTBEATS, ROLLUP_STATE, RESTORE_MARK, SESSIONS})
"""Collections about running processes and their progress, not about the store's contents."""


_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class BackupError(UserError):
    """A backup cannot be made or is incomplete; the text says why and what to do."""


class SavedCollection(BaseModel):
    """A collection in a backup."""

    name: str
    documents: int = Field(ge=0)
    bytes: int = Field(ge=0, description="Of its documents, uncompressed")
    indexes: list[dict[str, Any]]
    file: str
    sha256: str


class SavedFile(BaseModel):
    """A file of the archive or the spool in a backup."""

    file: str
    sha256: str


class Manifest(BaseModel):
    """What a backup holds; written last, so that a folder without one is not a backup."""

    format: int = FORMAT
    created_at: datetime
    database: str
    collections: list[SavedCollection] = Field(default_factory=list)
    files: list[SavedFile] = Field(default_factory=list)
    sha256: str | None = Field(default=None, description="Of all the rest of the manifest")

    def digest(self) -> str:
        """Return the checksum of everything except the checksum."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()

    @property
    def documents(self) -> int:
        """Return how many documents there are in total."""
        return sum(collection.documents for collection in self.collections)


def back_up(database: Database[Document], data_dir: Path, folder: Path, progress: Progress) -> Manifest:
    """Save the store to ``folder``, which appears only once everything is on the disk.

    Raises:
        BackupError: the folder exists and is not empty, or cannot be written; or what is in the store is half
            of another backup.
        ArchiveBusyError: another process is archiving, erasing or saving a backup.
        PyMongoError: the database does not answer.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} already exists; name a new folder for the backup")
    try:
        with alone(database):
            if is_half_restored(database):
                raise BackupError("a restore into this store has not finished: run restore again first")
            return _back_up(database, data_dir, folder, progress)
    except OSError as error:
        # It may be a file of DATA_DIR that cannot be read or locked, too.
        reason, where = error.strerror or str(error), error.filename or folder
        raise BackupError(f"the backup cannot be made: {reason} ({where})") from None


def _back_up(database: Database[Document], data_dir: Path, folder: Path, progress: Progress) -> Manifest:
    draft = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    private_folder(draft)
    manifest = Manifest(created_at=utc_now(), database=database.name)
    manifest.files += _save_folder(data_dir / "spool" / database.name, draft / "spool", progress)
    archive = _Archive(database, data_dir / "archive" / database.name, draft / "archive")
    archive.save(progress)
    manifest.collections += _save_database(database, draft, progress)
    archive.save(progress)  # what a process on another machine has archived meanwhile
    manifest.files += archive.files.values()
    catalogue = (bytes(row.raw) for row in archive.rows.values())
    manifest.collections.append(_save_collection(database, ARCHIVES, draft, progress, catalogue))
    manifest.sha256 = manifest.digest()
    write_durably(draft / MANIFEST, manifest.model_dump_json(indent=2).encode())
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)
    sync(folder.parent)
    return manifest


def not_here(database: Database[Document], manifest: Manifest) -> int:
    """Return how many files of the archive a backup lacks, as they were not in this DATA_DIR."""
    saved = {one.file for one in manifest.files}
    return sum(f"archive/{row.get('file')}" not in saved for row in database[ARCHIVES].find({}, {"file": 1}))


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup holds.

    Raises:
        BackupError: the folder holds no backup, one of an unknown format, or one whose manifest was changed.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError:
        raise BackupError(f"{folder} is not a complete backup: {MANIFEST} cannot be read there") from None
    except ValidationError:
        raise BackupError(f"{folder / MANIFEST} is damaged; take another backup") from None
    if manifest.format not in (WITHOUT_CHECKSUM, FORMAT):
        raise BackupError(f"{folder} has format {manifest.format}, this version reads {FORMAT}")
    checked = manifest.format == FORMAT or manifest.sha256 is not None
    if checked and manifest.sha256 != manifest.digest():
        raise BackupError(f"{folder / MANIFEST} is not as it was written (checksum); nothing was restored")
    return manifest


def check(folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Compare every file with its checksum.

    Raises:
        BackupError: one is missing, or has changed since it was saved.
    """
    saved: list[SavedCollection | SavedFile] = [*manifest.collections, *manifest.files]
    for number, part in enumerate(saved):
        progress("Checking the backup", number, len(saved))
        path = folder / part.file
        if not path.is_relative_to(folder) or ".." in Path(part.file).parts or not path.is_file():
            raise BackupError(f"the backup lacks {part.file}; nothing was restored")
        if _digest(path) != part.sha256:
            raise BackupError(f"{path} has changed since it was saved (checksum); nothing was restored")


def _save_database(
    database: Database[Document], draft: Path, progress: Progress
) -> Iterator[SavedCollection]:
    names = sorted(database.list_collection_names(filter={"type": "collection"}))
    for name in names:
        if name not in {ARCHIVES, *OF_PROCESSES, *NEVER_SAVED} and not name.startswith("system."):
            # Scan by `_id`: a document moved by an update would otherwise be read twice.
            # Its name and key are of one store, not of its contents.
            query = TARGETS if name == INSTALLATION else {}
            batches: Iterable[bytes] = database[name].find_raw_batches(query, sort=[("_id", 1)])  # type: ignore[assignment]
            yield _save_collection(database, name, draft, progress, batches)


def _save_collection(
    database: Database[Document], name: str, draft: Path, progress: Progress, batches: Iterable[bytes]
) -> SavedCollection:
    file = draft / f"{name}.bson.zst"
    documents = size = 0
    total = database[name].estimated_document_count()
    with (
        create_private(file) as descriptor,
        pa.CompressedOutputStream(pa.PythonFile(descriptor), "zstd") as stream,
    ):
        for batch in batches:
            stream.write(batch)
            size += len(batch)
            documents += _count(batch)
            progress(f"Saving {name}", documents, max(total, documents))
    sync(file)
    indexes = [dict(index, key=list(index["key"].items())) for index in database[name].list_indexes()]
    return SavedCollection(
        name=name, documents=documents, bytes=size, indexes=indexes, file=file.name, sha256=_digest(file)
    )


def _count(batch: bytes) -> int:
    at = count = 0
    while at < len(batch):
        at += int.from_bytes(batch[at : at + 4], "little")
        count += 1
    return count


class _Archive:
    """The archive as it is saved: its files, and the rows of the catalogue that name just these.

    A file from which a call is taken meanwhile, because it is recorded again, is replaced by another.
    """

    def __init__(self, database: Database[Document], source: Path, target: Path) -> None:
        self._catalogue: Any = database.get_collection(ARCHIVES, codec_options=_RAW)
        self._source, self._target = source, target
        self.rows: dict[Any, RawBSONDocument] = {}
        self.files: dict[str, SavedFile] = {}

    def save(self, progress: Progress) -> None:
        """Save what is there and was not saved before."""
        found = list(self._catalogue.find().sort("_id", 1))
        if not self.files:
            self.files = {one.file: one for one in _save_folder(self._source, self._target, progress)}
        for row in found:
            known = self.rows.get(row["_id"])
            if known is None or not self._has(known):
                self._save_part(row)
        there = {row["_id"] for row in found}
        self.rows = {name: row for name, row in self.rows.items() if name in there or self._has(row)}

    def _has(self, row: RawBSONDocument) -> bool:
        return str(Path(self._target.name, str(row.get("file")))) in self.files

    def _save_part(self, row: RawBSONDocument) -> None:
        identity, newest = row["_id"], row
        while not self._has(newest):
            if saved := _save_file(self._source / str(newest.get("file")), self._source, self._target):
                self.files[saved.file] = saved
                break
            now: RawBSONDocument | None = self._catalogue.find_one({"_id": identity})
            if now is None:
                self.rows.pop(identity, None)
                return
            if now.raw == newest.raw:
                break  # its file is on another machine
            newest = now
        self.rows[identity] = newest


def _save_folder(source: Path, target: Path, progress: Progress) -> Iterator[SavedFile]:
    files = sorted(path for path in source.rglob("*") if path.is_file() and not is_draft(path))
    for number, path in enumerate(files):
        progress(f"Saving {target.name}", number, len(files))
        if saved := _save_file(path, source, target):
            yield saved


def _save_file(path: Path, source: Path, target: Path) -> SavedFile | None:
    """Save a file; None if it is gone: replayed in the meantime, or replaced by another of the archive."""
    inside = path.is_relative_to(source) and ".." not in path.relative_to(source).parts
    if not inside or not path.is_file():
        return None
    kept = target / path.relative_to(source)
    private_folder(kept.parent)
    try:
        with path.open("rb") as read, create_private(kept) as write:
            shutil.copyfileobj(read, write)
    except FileNotFoundError:
        kept.unlink(missing_ok=True)
        return None
    sync(kept)
    return SavedFile(file=str(kept.relative_to(target.parent)), sha256=_digest(kept))


def is_draft(path: Path) -> bool:
    """Return whether a file of the spool or archive is a lock, or not yet written whole."""
    return path.suffix in {".new", ".lock"} or path.name == ".lock"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
