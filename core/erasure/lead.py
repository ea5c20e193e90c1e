"""Erasing all that is stored of a lead: calls, turns and log lines, in database, archive and spool.

The calls go last: they say which turns and log lines are the lead's, so that an erasure that was killed is
finished by the next. Figures are computed anew without them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from pymongo.database import Database

from core.errors import UserError
from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.archive.archived_rows import CATALOGUE, find_archived
from core.storage.archive.mover import alone, release, sweep
from core.storage.calls import delete_calls
from core.storage.collections import ACTIVE_CALLS, CALLS, LOGS, TURNS
from core.storage.recording.replay import replay
from core.storage.recording.spool import Spool
from core.storage.server.connection import DURABLE
from core.types import Document

logger = get_logger("security")


@dataclass(frozen=True)
class Traces:
    """What there is of a lead, or was until it was erased."""

    calls: int = 0
    archived_calls: int = 0
    turns: int = 0
    archived_turns: int = 0
    log_lines: int = 0
    """Of the ``logs`` collection."""
    active_calls: int = 0
    refused: int = 0
    """Records that the database never took, kept apart in the spool."""
    files: dict[Path, int] = field(default_factory=dict)
    """Files that are not rewritten, and in how many of their lines the lead is named."""

    @property
    def records(self) -> int:
        """How many there are in all, the lines of files apart."""
        stored = self.calls + self.archived_calls + self.turns + self.archived_turns
        return stored + self.log_lines + self.active_calls + self.refused


def find_traces(database: Database[Document], lead_id: str) -> Traces:
    """What is stored of a lead; changes nothing but that spooled records go to the database first.

    Raises:
        UserError: records of this machine wait for the database, or an archived file cannot be read.
        PyMongoError: the database does not answer.
    """
    _empty_spool(database)
    ids = _calls_of(database, lead_id)
    of_calls, of_lead = {"call_id": {"$in": ids}}, _log_lines(lead_id, ids)
    return Traces(
        calls=database[CALLS].count_documents({"lead_id": lead_id}),
        archived_calls=len(find_archived(database, CALLS, "lead_id", [lead_id])),
        turns=database[TURNS].count_documents(of_calls),
        archived_turns=len(find_archived(database, TURNS, "call_id", ids)),
        log_lines=database[LOGS].count_documents(of_lead),
        active_calls=database[ACTIVE_CALLS].count_documents(_active(lead_id, ids)),
        refused=len(list(_refused(lead_id, ids))),
        files=dict(_mentions(lead_id)),
    )


def erase_lead(database: Database[Document], lead_id: str) -> Traces:
    """Erase what is stored of a lead; what there was.

    Killed at any point, it is finished by the next run.

    Raises:
        UserError: as for :func:`find_traces`, or another process archives just now.
        PyMongoError: the database does not answer; what is left is erased by the next run.
    """
    with alone(database):
        sweep(database)
        found = find_traces(database, lead_id)
        ids = _calls_of(database, lead_id)
        for name, query in (
            (TURNS, {"call_id": {"$in": ids}}),
            (LOGS, _log_lines(lead_id, ids)),
            (ACTIVE_CALLS, _active(lead_id, ids)),
        ):
            database.get_collection(name, write_concern=DURABLE).delete_many(query)
        release(database, TURNS, "call_id", ids)
        for file in _refused(lead_id, ids):
            file.unlink()
        release(database, CALLS, "lead_id", [lead_id])
        delete_calls(database, {"lead_id": lead_id})
    logger.info("Lead erased", extra={"records": found.records})
    return found


def _empty_spool(database: Database[Document]) -> None:
    replay(database)
    if Spool().has_waiting():
        raise UserError("records in DATA_DIR/spool wait for the database; try again in a moment")


def _calls_of(database: Database[Document], lead_id: str) -> list[str]:
    stored = [row["_id"] for row in database[CALLS].find({"lead_id": lead_id}, {"_id": 1})]
    if database[CATALOGUE].find_one({}, {"_id": 1}) is None:
        return stored
    return stored + [row["_id"] for row in find_archived(database, CALLS, "lead_id", [lead_id])]


def _log_lines(lead_id: str, ids: Sequence[str]) -> Document:
    return {"$or": [{"lead_id": lead_id}, {"call_id": {"$in": list(ids)}}]}


def _active(lead_id: str, ids: Sequence[str]) -> Document:
    return {"$or": [{"lead_id": lead_id}, {"_id": {"$in": list(ids)}}]}


def _refused(lead_id: str, ids: Sequence[str]) -> Iterator[Path]:
    """Files of the dead-letter folder, each of them one record, that name the lead or a call of it."""
    names = [orjson.dumps(name) for name in (lead_id, *ids)]
    for file in sorted(Spool().dead.glob("*.json")):
        content = file.read_bytes()
        if any(name in content for name in names):
            yield file


def _mentions(lead_id: str) -> Iterator[tuple[Path, int]]:
    """Logs and rejected rows of imports: other processes write to them, or people look after them."""
    settings = get_settings()
    folders = [settings.data_dir / name for name in ("logs", "imports")]
    files = [path for folder in folders for path in folder.rglob("*")]
    if settings.log_file:
        files += settings.log_file.parent.glob(f"{settings.log_file.name}*")
    for file in sorted({path.absolute() for path in files if path.is_file()}):
        with file.open("rb") as lines:
            if count := sum(lead_id.encode() in line for line in lines):
                yield file, count
