"""Archiving without a change to any figure: roll-ups first, then files, then deletion."""

from pymongo.database import Database

from core.aggregation.refresh import refresh_rollups
from core.storage.archive.mover import Due, Progress, archive, cutoff, due
from core.storage.server.connection import Document


def archive_due(database: Database[Document], progress: Progress = lambda *_: None) -> list[Due]:
    """Move calls and turns recorded more than RAW_RETENTION_DAYS ago to Parquet files below DATA_DIR/archive.

    Killed at any point, it goes on with the next run.

    Raises:
        UserError: another process archives here, or the disk is full or cannot be written.
        PyMongoError: the database does not answer.
    """
    before = cutoff(database)
    if not due(database, before):
        return []
    refresh_rollups(database, lambda done, total: progress("Bringing roll-ups up to date", done, total))
    return archive(database, before, progress)
