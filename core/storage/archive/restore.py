"""Restore a backup: every file is checked first, and a restore that was killed halfway starts over."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from core.files import create_private, private_folder, sync
from core.logging_config import get_logger
from core.storage.archive.backup import (
    FOLDERS,
    NEVER_SAVED,
    OF_PROCESSES,
    BackupError,
    Manifest,
    SavedCollection,
    check,
    is_draft,
    read_manifest,
)
from core.storage.archive.mover import alone
from core.storage.collections import (
    AUDIT,
    DUPLICATE_KEY,
    INDEXES,
    INSTALLATION,
    RESTORE_MARK,
    RESTRICTIONS,
    ROLLUP_STATE,
    ROLLUPS_15M,
    TARGETS,
)
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.sealing.lead_keys import note_all_leads
from core.storage.server.connection import DURABLE
from core.types import Document, Progress

MARK = RESTORE_MARK
"""Collection with one document while a restore is in progress; a restore that finds it starts over."""
DOCUMENTS_AT_ONCE = 5_000
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_OF_THE_SERVER = ("v", "ns", "background")
logger = get_logger("database")


def restore(
    database: Database[Document],
    data_dir: Path,
    folder: Path,
    progress: Progress,
    *,
    replace: bool = False,
    last: Callable[[Manifest], object] = lambda _: None,
) -> Manifest:
    """Restore the store as it was saved, and have the next refresh recompute its roll-ups.

    Stop whatever records or checks first: what it writes in between stays. Schedulers stand still until the
    end. Only the audit log is never taken back: what is there stays, and the backup's entries are added where
    they continue it.

    If it is killed, or ``last`` fails, running it again finishes it. Once everything is back, only that is
    done again, unless ``replace``.

    Args:
        database: must be empty, unless ``replace``.
        data_dir: its archive and spool must be empty, unless ``replace``.
        folder: as written by :func:`core.storage.archive.backup.back_up`.
        progress: called with what is being worked on.
        replace: delete what is there first, once the backup was found complete.
        last: what remains to be done before the store counts as restored.

    Raises:
        BackupError: the backup is incomplete, or the store not empty; nothing was changed. Or the disk does
            not take the files; restore again.
        ArchiveBusyError: another process is archiving, erasing or saving a backup; nothing was changed.
        PyMongoError: the database does not answer; restore again.
    """
    manifest = read_manifest(folder)
    check(folder, manifest, progress)
    begun = database[MARK].find_one()
    if not (replace or begun):
        _refuse_full(database, data_dir)
    if replace or not begun or begun.get("whole") != manifest.digest():
        with alone(database):
            _bring_back(database, data_dir, folder, manifest, progress)
    last(manifest)
    database.drop_collection(MARK)
    return manifest


def _bring_back(
    database: Database[Document], data_dir: Path, folder: Path, manifest: Manifest, progress: Progress
) -> None:
    # Leads hidden since the backup stay hidden, even if this is killed and started over.
    begun, mark = database[MARK].find_one(), database.get_collection(MARK, write_concern=DURABLE)
    hidden = begun["hidden"] if begun and "hidden" in begun else list(database[RESTRICTIONS].find())
    mark.replace_one({"_id": MARK}, {"created_at": manifest.created_at, "hidden": hidden}, upsert=True)
    # Calls that the backup does not have are gone after this; their keys are not.
    note_all_leads(database)
    for name in database.list_collection_names(filter={"type": "collection"}):
        if name == INSTALLATION:
            database[name].delete_many(TARGETS)
        elif name not in {MARK, AUDIT, *NEVER_SAVED} and not name.startswith("system."):
            database.drop_collection(name)
    for collection in manifest.collections:
        _restore_collection(database, folder, collection, progress)
    _restore_files(data_dir, database.name, folder, manifest, progress)
    if windows := [row["_id"] for row in database[ROLLUPS_15M].find({}, {"_id": 1})]:
        mark_dirty(database, windows)
    for name in (NEVER_SAVED | OF_PROCESSES) & INDEXES.keys():
        database[name].create_indexes(INDEXES[name])
    # A refresh that had begun before, by a process that was not stopped, believes to have seen all calls.
    database.drop_collection(ROLLUP_STATE)
    for row in hidden:
        database[RESTRICTIONS].replace_one({"_id": row["_id"]}, row, upsert=True)
    mark.update_one({"_id": MARK}, {"$set": {"whole": manifest.digest()}})


def _refuse_full(database: Database[Document], data_dir: Path) -> None:
    for name in sorted(database.list_collection_names()):
        kept = OF_PROCESSES | NEVER_SAVED | {AUDIT}
        query = TARGETS if name == INSTALLATION else {}
        if name not in kept and database[name].find_one(query, {"_id": 1}) is not None:
            raise BackupError(
                f"database {database.name} is not empty ({name} has documents): "
                "restore into another with MONGODB_DATABASE, or add --replace to delete what is there"
            )
    for name in FOLDERS:
        files = data_dir / name / database.name
        if any(path.is_file() and not is_draft(path) for path in files.rglob("*.*")):
            raise BackupError(
                f"{files} is not empty: restore with another DATA_DIR, "
                "or add --replace to delete what is there"
            )


def _restore_collection(
    database: Database[Document], folder: Path, saved: SavedCollection, progress: Progress
) -> None:
    target: Any = database.get_collection(saved.name, write_concern=DURABLE)
    done = 0
    for documents in _documents(folder / saved.file):
        if saved.name == AUDIT:
            _extend_log(target, documents)
        else:
            _insert(target, documents)
        done += len(documents)
        progress(f"Restoring {saved.name}", done, saved.documents)
    if done != saved.documents:
        raise BackupError(
            f"{saved.file} has {done} documents where {saved.documents} were saved; take another backup"
        )
    indexes = [_index(index) for index in saved.indexes if index["name"] != "_id_"]
    if indexes:
        target.create_indexes(indexes)


def _insert(target: Any, documents: list[RawBSONDocument]) -> None:  # noqa: ANN401 (of raw documents)
    """Insert documents; what a process that was not stopped has written in the meantime stays as it is."""
    try:
        target.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failed = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(one["code"] != DUPLICATE_KEY for one in failed):
            raise
        extra = {"collection": target.name, "documents": len(failed)}
        logger.warning("Written during the restore by a process that was not stopped; kept", extra=extra)


def _extend_log(target: Any, saved: list[RawBSONDocument]) -> None:  # noqa: ANN401 (of raw documents)
    """Add the entries that continue from the last one there is; none if that belongs to another log."""
    # What is not numbered was put there by somebody else, and continues nothing.
    last = target.find_one({"_id": {"$gte": 0}}, {"hash": 1}, sort=[("_id", -1)])
    if last is not None:
        numbered = (one for one in saved if isinstance(one["_id"], int | float))
        saved = [one for one in numbered if one["_id"] > last["_id"]]
    if saved and (last is None or saved[0].get("previous") == last.get("hash")):
        target.insert_many(saved)


def _documents(path: Path) -> Iterator[list[RawBSONDocument]]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        try:
            documents = bson.decode_file_iter(stream, _RAW)
            while batch := list(islice(documents, DOCUMENTS_AT_ONCE)):
                yield batch
        except BSONError:
            raise BackupError(f"{path} is damaged; take another backup") from None


def _index(saved: Mapping[str, Any]) -> IndexModel:
    options = {key: value for key, value in saved.items() if key not in {"key", *_OF_THE_SERVER}}
    return IndexModel([(field, order) for field, order in saved["key"]], **options)


def _restore_files(
    data_dir: Path, database: str, folder: Path, manifest: Manifest, progress: Progress
) -> None:
    for name in FOLDERS:
        shutil.rmtree(data_dir / name / database, ignore_errors=True)
    for number, saved in enumerate(manifest.files):
        progress("Restoring archive and spool", number, len(manifest.files))
        name, *path = Path(saved.file).parts
        target = data_dir.joinpath(name, database, *path)
        try:
            _copy(folder / saved.file, target)
        except OSError as error:
            raise BackupError(
                f"{target} cannot be written ({error.strerror}); restore again once it can be"
            ) from None


def _copy(source: Path, target: Path) -> None:
    """Copy a file for the owner only; it is on the disk when this returns."""
    private_folder(target.parent)
    with source.open("rb") as read, create_private(target) as write:
        shutil.copyfileobj(read, write)
    sync(target)
    sync(target.parent)
