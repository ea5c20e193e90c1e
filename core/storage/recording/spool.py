"""The spool: records the database could not take, in fsynced files until some process replays them.

Each database has its own spool. A file holds one record per line, as JSON; it appears whole or not at all,
and its name sorts by version. Writing a record to the database twice changes nothing, so neither the order of
replay, nor a crash, nor two processes replaying at once can lose or duplicate one.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import orjson

from core.files import create_private, private_folder, refuse_foreign, sync, write_durably
from core.logging_config import get_logger
from core.privacy.sensitive import HELD
from core.settings import get_settings
from core.storage.recording.records import KINDS, Fate, Record
from core.storage.sealing.contents import for_disk, without_personal
from core.storage.server.embedded import located
from core.threads import Threads

logger = get_logger("database")
T = TypeVar("T")
P = ParamSpec("P")
# A pool of its own: the default executor may be full of the agent's work just when the disk has to be
# written.
_disk = Threads("spool", 2)
_lost_here: Counter[Path] = Counter()
STALE_DRAFT_SECONDS = 3_600.0
SECONDS_BETWEEN_WARNINGS = 10.0
_COUNT_DIGITS = 20
_ID_LENGTH = 32


@dataclass(frozen=True)
class SpoolStatus:
    """What lies in one spool of this machine's DATA_DIR."""

    waiting: int
    """Records on their way to the database."""
    oldest: datetime | None
    """When the oldest of them was recorded, in UTC."""
    dead: int
    """Records that MongoDB will never accept, set aside with the reason."""
    lost: int
    """Records that neither the database nor the disk accepted, since DATA_DIR was created."""


def spool_status(database_name: str | None = None) -> SpoolStatus:
    """Return what lies in the spool of a database (MONGODB_DATABASE), for the System page and `doctor`.

    The counts come from file names; no spooled record is read.
    """
    spool = Spool(database_name)
    files = spool.waiting()
    oldest = datetime.fromtimestamp(_version_of(files[0]) / 1e6, UTC) if files else None
    return SpoolStatus(
        waiting=sum(map(records_in, files)),
        oldest=oldest,
        dead=sum(map(records_in, _json_files(spool.dead))),
        lost=spool.lost(),
    )


class Spool:
    """The spool files of one database (MONGODB_DATABASE), below DATA_DIR/spool; private to their owner.

    Making one touches no file. Any number of processes may write to it at once, since every file gets a name
    of its own; only one at a time may replay it (:meth:`replaying`).
    """

    def __init__(self, database_name: str | None = None) -> None:
        settings = get_settings()
        self.folder = located(settings.data_dir) / "spool" / (database_name or settings.mongodb_database)
        self.dead = self.folder / "dead"
        self._lost = self.folder / "lost"

    def put(self, records: Sequence[Record]) -> Path:
        """Write records to one new file; they are on the disk (fsynced) when this returns.

        The file carries the version of the first record in its name, which is what replay sorts by.

        Raises:
            OSError: the disk is full or cannot be written; then none of them was kept.
        """
        return _write(self.folder, [_line(record) for record in records], records[0].version)

    def bury(self, record: Record, reason: str) -> Path:
        """Set aside a record that the database will never accept, together with the reason.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        return _write(self.dead, [_line(record, reason)], record.version)

    def waiting(self) -> list[Path]:
        """Return the files to replay, oldest first."""
        return sorted(_json_files(self.folder))

    def has_waiting(self) -> bool:
        """Return whether there is anything to replay, without listing a long folder to its end.

        Raises:
            OSError: the folder cannot be read.
        """
        return any(True for _ in _json_files(self.folder))

    def read(self, file: Path) -> list[Record]:
        """Return the records of a file; set aside lines that cannot be parsed.

        A file is read again for as long as the database does not answer; each such line is set aside once.

        Raises:
            OSError: the file cannot be read or belongs to another user, or there is no room to set a line
                aside.
        """
        refuse_foreign(file)
        records = []
        for line in file.read_bytes().split(b"\n"):
            try:
                records.append(_record(line))
            except (ValueError, KeyError, TypeError) as error:  # pydantic's too
                self._set_aside(line, file, type(error).__name__)
        return records

    def _set_aside(self, line: bytes, file: Path, reason: str) -> None:
        unique = hashlib.sha256(file.name.encode() + line).hexdigest()[:_ID_LENGTH]
        if _path(self.dead, 1, _version_of(file), unique).exists():
            return
        broken = _write(self.dead, [line], _version_of(file), unique)
        extra = {"file": str(broken), "reason": reason}
        logger.error("Spooled record makes no sense, kept apart", extra=extra)

    @contextlib.contextmanager
    def replaying(self) -> Iterator[bool]:
        """Yield whether this process may replay now; while it does, no other one may.

        The lock is advisory (flock) and is released by the kernel if the process dies. A folder that others
        can write to is never replayed: its files could have been planted by anybody.
        """
        if not self.has_waiting():
            yield False
            return
        try:
            refuse_foreign(self.folder)
        except PermissionError as error:
            extra = {"folder": str(self.folder), "reason": error.strerror}
            logger.error("The spool is not replayed", extra=extra)  # noqa: TRY400 (the reason is enough)
            yield False
            return
        descriptor = os.open(self.folder / "replay.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_stale_drafts()
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(descriptor)

    def prepare_count(self) -> None:
        """Reserve the disk space for the count of lost records, while there still is some.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        _make(self.folder)
        if not self._lost.exists():
            with contextlib.suppress(FileExistsError), create_private(self._lost) as file:
                file.write(b"0" * _COUNT_DIGITS)

    def count_lost(self, records: int) -> None:
        """Add to the count of lost records, in place: even a full disk accepts that.

        If the disk rejects this too, only this process remembers the count.
        """
        try:
            with self._lost.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                count = int(file.read() or 0) + records
                file.seek(0)
                file.write(str(count).zfill(_COUNT_DIGITS))
        except OSError:
            _lost_here[self.folder] += records

    def lost(self) -> int:
        """Return how many records were lost since DATA_DIR was created, as far as this process knows.

        That is the count on the disk, plus what a full disk did not even let this process write down.
        """
        try:
            counted = int(self._lost.read_text() or 0)
        except (OSError, ValueError):
            counted = 0
        return counted + _lost_here[self.folder]

    def _remove_stale_drafts(self) -> None:
        """Delete drafts left by killed processes.

        They were never renamed, so no caller was told they are safe.
        """
        for draft in self.folder.glob("*.new"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > STALE_DRAFT_SECONDS:
                    draft.unlink()


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do file work on the spool's own threads, so that the event loop does not wait for the disk."""
    try:
        done = _disk.submit(work, *args, **kwargs)
    except RuntimeError:  # the interpreter is ending
        return work(*args, **kwargs)
    return await asyncio.wrap_future(done)


def begin_on_disk(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Start file work without waiting for it; the process waits for it before it exits."""
    try:
        _disk.submit(work, *args, **kwargs)
    except RuntimeError:  # the interpreter is ending
        work(*args, **kwargs)


_said: dict[Path, float] = {}
"""When each spool's outage was last said; without a lock, which a fork could leave held."""


def _say_spooled(spool: Spool, records: int, reason: str) -> None:
    """Say that records are spooled: every few seconds, and not for each call of an outage.

    How many wait by then is not counted here: that would list a folder that grows with the outage.
    """
    now = time.monotonic()
    if now - _said.get(spool.folder, -SECONDS_BETWEEN_WARNINGS) < SECONDS_BETWEEN_WARNINGS:
        return
    _said[spool.folder] = now
    logger.warning("Spooled: the database did not take it", extra={"records": records, "reason": reason})


def spool_records(spool: Spool, records: Sequence[Record], reason: str) -> Fate:
    """Write records to the spool and return their common Fate: SPOOLED, or LOST if the disk rejects them.

    Never raises; each lost record is counted, and named in the log at CRITICAL.
    """
    try:
        spool.put(records)
    except Exception as error:  # noqa: BLE001 (whatever it is, this is the only place that reports it)
        for record in records:
            _lose(spool, record, error)
        return Fate.LOST
    _say_spooled(spool, len(records), reason)
    return Fate.SPOOLED


def bury_record(spool: Spool, record: Record, reason: str) -> Fate:
    """Set aside a record that the database will never accept; return REFUSED, or LOST if the disk rejects it.

    Never raises.
    """
    try:
        file = spool.bury(record, reason)
    except Exception as error:  # noqa: BLE001 (as above)
        _lose(spool, record, error)
        return Fate.LOST
    extra = _named(record, reason) | {"file": str(file)}
    logger.error("Refused by the database, kept apart", extra=extra)
    return Fate.REFUSED


def _lose(spool: Spool, record: Record, error: Exception) -> None:
    spool.count_lost(1)
    reason = error.strerror if isinstance(error, OSError) else type(error).__name__
    logger.critical("Lost: neither the database nor the disk took it", extra=_named(record, reason))


def _named(record: Record, reason: str | None) -> dict[str, object]:
    return {"kind": record.kind.name, "id": record.id, "reason": reason}


def _line(record: Record, reason: str | None = None) -> bytes:
    """Return a record as one line of JSON.

    Values that encryption covers are sealed, or left out without a key.
    """
    content = orjson.Fragment(for_disk(record.content).model_dump_json(fallback=repr, exclude_none=True))
    line = {"kind": record.kind.name, "version": record.version, "record": content}
    return orjson.dumps(line if reason is None else {"reason": reason, **line})


def _record(line: bytes) -> Record:
    fields = orjson.loads(line)
    kind = KINDS[fields["kind"]]
    content = kind.model.model_validate(fields["record"])
    if not get_settings().encryption_keys:
        content = without_personal(content)  # spooled by a version that had no encryption yet
    return Record(kind, content, int(fields["version"]))


def spooled_under(key: str) -> int:
    """Return how many spool files, of any database, hold values sealed under this key of ENCRYPTION_KEYS."""
    token, folder = f"enc:1:{HELD}{key}:".encode(), Spool().folder.parent
    return sum(token in file.read_bytes() for file in folder.rglob("*.json") if file.is_file())


def _version_of(file: Path) -> int:
    digits = file.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _json_files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and entry.is_file():
                    yield Path(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        return


def records_in(file: Path) -> int:
    """Return the record count from a file's name, since opening every file would keep a page waiting."""
    _, _, rest = file.stem.partition("-")
    count = rest.partition("-")[0]
    return int(count) if count.isdecimal() else 1


def _path(folder: Path, records: int, version: int, unique: str) -> Path:
    return folder / f"{version:020d}-{records}-{unique}.json"


def _write(folder: Path, lines: Sequence[bytes], version: int, unique: str | None = None) -> Path:
    """Write lines to a new file that appears whole or not at all, and return its path.

    The draft is fsynced before the rename and the folder after it: without the second fsync a power cut could
    undo the rename although the caller was told that the records are safe.
    """
    _make(folder)
    final = _path(folder, len(lines), version, unique or uuid.uuid4().hex)
    draft = final.with_suffix(".new")
    try:
        write_durably(draft, b"\n".join(lines))
        draft.replace(final)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync(folder)
    return final


def _make(folder: Path) -> None:
    refuse_foreign(folder)
    if not folder.is_dir():
        private_folder(folder)
        sync(folder.parent)
