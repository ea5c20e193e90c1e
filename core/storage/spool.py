"""Calls that the database could not take: one fsynced file each, until any process replays them.

A file appears whole or not at all, its name sorts by version, and writing it to the database twice changes
nothing; so neither order nor a crash nor two processes replaying at once can lose or repeat a call.
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from core.logging_config import get_logger
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import version_now

logger = get_logger("database")


@dataclass(frozen=True)
class VersionedCall:
    """A call and when it was handed over, microseconds since 1970: the latest version of a call stays."""

    call: CallMetrics
    version: int

    @classmethod
    def now(cls, call: CallMetrics) -> "VersionedCall":
        """A call handed over now."""
        return cls(call, version_now())


class Spool:
    """The files below DATA_DIR/spool, for the owner's eyes only."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or get_settings().data_dir / "spool"
        self.dead = self.folder / "dead"

    def put(self, record: VersionedCall) -> Path:
        """Keep a call; it is on the disk when this returns.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        return _write(self.folder, record, {})

    def bury(self, record: VersionedCall, reason: str) -> Path:
        """Keep a call that the database will never take apart from the others, with the reason.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        return _write(self.dead, record, {"reason": reason})

    def waiting(self) -> list[Path]:
        """The files to replay, the oldest version first."""
        try:
            with os.scandir(self.folder) as entries:
                return sorted(Path(entry.path) for entry in entries if entry.name.endswith(".json"))
        except FileNotFoundError:
            return []

    def has_waiting(self) -> bool:
        """Whether there is a file to replay, without reading a long folder to its end."""
        try:
            with os.scandir(self.folder) as entries:
                return any(entry.name.endswith(".json") for entry in entries)
        except FileNotFoundError:
            return False

    def read(self, files: list[Path]) -> Iterator[tuple[Path, VersionedCall]]:
        """The calls of the files; one that cannot be read is moved to the dead, one that is gone skipped."""
        for file in files:
            try:
                fields = orjson.loads(file.read_bytes())
                yield file, VersionedCall(CallMetrics.model_validate(fields["call"]), fields["version"])
            except FileNotFoundError:
                continue  # another process replayed it
            except OSError as error:
                logger.warning(
                    "Spooled call not readable", extra={"file": str(file), "reason": error.strerror}
                )
            except (ValueError, KeyError, TypeError) as error:  # pydantic's too
                _private_folder(self.dead)
                file.replace(self.dead / file.name)
                extra = {"file": str(self.dead / file.name), "reason": type(error).__name__}
                logger.error("Spooled call makes no sense, kept apart", extra=extra)  # noqa: TRY400 (as it says)


def _write(folder: Path, record: VersionedCall, more: dict[str, str]) -> Path:
    _private_folder(folder)
    call = orjson.Fragment(record.call.model_dump_json(fallback=repr))
    text = orjson.dumps({"version": record.version, "call": call, **more})
    final = folder / f"{record.version:020d}-{uuid.uuid4().hex}.json"
    draft = final.with_suffix(".new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(final)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    return final


def _private_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
