"""Importing a file: read, convert, write in batches, and say what became of every row."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.errors import UserError
from core.importing.convert import Converted, Converter, RowRejectedError
from core.importing.legs import Legs
from core.importing.mapping import Mapping, load_mapping
from core.importing.reader import Row, check_columns, open_binary, open_text, read_rows
from core.importing.rejects import Rejects
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import RefusedCallError, WriteCounts, write_calls
from core.storage.collections import ensure_indexes
from core.storage.receipts import Receipts
from core.storage.server.connection import get_sync_database, store_name, unavailable_text
from core.types import Document

BATCH_ROWS = 1_000


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows; ``unchanged`` of the ``replaced`` were stored exactly so already.

    Of ``outdated`` ones somebody stored a later form meanwhile; ``joined`` rows are further legs of a call.

    ``repaired`` calls were stored without an end time that lay before their start. In a dry run
    ``valid`` rows would have been written, and none was.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    outdated: int = 0
    valid: int = 0
    rejected: int = 0
    repaired: int = 0
    joined: int = 0
    rejects_file: Path | None = None
    dry_run: bool = False

    @property
    def summary(self) -> str:
        """All of it in one line."""
        done = (
            f"dry run, nothing written: {self.valid:,} valid"
            if self.dry_run
            else f"imported {self.inserted:,} · replaced {self.replaced:,} ({self.unchanged:,} unchanged)"
        )
        joined = f" · joined {self.joined:,}" if self.joined else ""
        outdated = f" · not stored {self.outdated:,}: a later form is there" if self.outdated else ""
        where = f" (see {self.rejects_file})" if self.rejects_file else ""
        return f"{done}{joined}{outdated} · rejected {self.rejected:,}{where} · repaired {self.repaired:,}"


def import_file(
    path: Path,
    mapping_path: Path,
    *,
    rejects: Path | None = None,
    dry_run: bool = False,
    console: Console | None = None,
) -> ImportReport:
    """Back-fill calls from a CSV or JSONL file; importing the same file again changes nothing.

    Rows that are no valid calls go to ``rejects`` (default: ``imports/<stem>.rejected.jsonl`` in
    DATA_DIR) and stop nothing. A terminal shows progress. A dry run writes no call.

    Raises:
        UserError: file, mapping or store cannot be used. Calls written before that stay.
    """
    mapping = load_mapping(mapping_path)
    rejects = rejects or get_settings().data_dir / "imports" / f"{path.stem}.rejected.jsonl"
    if rejects.exists() and any(file.exists() and rejects.samefile(file) for file in (path, mapping_path)):
        raise UserError(f"the rejected rows would overwrite {rejects}; name another file")
    _check_file(path, mapping)
    database = None if dry_run else _prepared_store()
    with (
        open_binary(path) as binary,
        open_text(binary, mapping.source) as text,
        Rejects(rejects) as rejected,
        _progress(console) as progress,
    ):
        task = progress.add_task(path.name, total=path.stat().st_size)
        tally = _Tally(Converter(mapping), rejected, database, Legs() if mapping.source.legs else None)
        rows = read_rows(text, mapping.source, path, mapping.columns())
        while batch := list(islice(rows, BATCH_ROWS)):
            tally.add(batch)
            progress.update(task, completed=binary.tell())
        tally.finish()
    return tally.report()


def _check_file(path: Path, mapping: Mapping) -> None:
    if not path.exists():
        raise UserError(f"{path} does not exist; name the file to import")
    if not path.is_file():
        raise UserError(f"{path} is not a regular file")
    try:
        check_columns(path, mapping.source, mapping.columns())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _progress(console: Console | None) -> Progress:
    console = console or Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _prepared_store() -> Database[Document]:
    database = get_sync_database()
    try:
        ensure_indexes(database)
    except PyMongoError as error:
        raise UserError(_store_problem(error)) from None
    return database


def _store_problem(error: PyMongoError) -> str:
    if isinstance(error, ConnectionFailure) or not isinstance(error, OperationFailure):
        return unavailable_text(error)
    return f"{store_name()} refuses to store the calls (error code {error.code}); its log says why"


class _Tally:
    """Converts and stores rows, batch by batch, and counts what became of them."""

    def __init__(
        self, converter: Converter, rejects: Rejects, database: Database[Document] | None, legs: Legs | None
    ) -> None:
        self._converter = converter
        self._legs = legs
        self._rejects = rejects
        self._database = database
        self._receipts = Receipts()
        self._written = WriteCounts()
        self._valid = 0
        self._repaired = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Store one batch."""
        converted = [done for row in rows if (done := self._convert(row)) is not None]
        calls = [done.call for done in converted]
        self._write(self._legs.add(calls) if self._legs else calls)
        self._valid += len(converted)
        self._repaired += sum(done.repaired for done in converted)

    def finish(self) -> None:
        """Store the calls that might have had further legs."""
        left = self._legs.rest() if self._legs else []
        for first in range(0, len(left), BATCH_ROWS):
            self._write(left[first : first + BATCH_ROWS])

    def report(self) -> ImportReport:
        """What became of the rows so far."""
        return ImportReport(
            **asdict(self._written),
            valid=self._valid,
            rejected=self._rejects.count,
            repaired=self._repaired,
            joined=self._legs.joined if self._legs else 0,
            rejects_file=self._rejects.path if self._rejects.count else None,
            dry_run=self._database is None,
        )

    def _convert(self, row: Row) -> Converted | None:
        try:
            done = self._converter.convert(row)
        except RowRejectedError as error:
            self._rejects.add(row, str(error))
            return None
        if self._receipts.covers(done.call.lead_id, done.call.start_time):
            # The row itself would keep what was to go.
            self._rejects.add(Row(row.line, None), "the lead was erased since")
            return None
        return done

    def _write(self, calls: Sequence[CallMetrics]) -> None:
        if self._database is None or not calls:
            return
        try:
            counts = write_calls(self._database, calls)
        except RefusedCallError as error:
            raise UserError(f"a call cannot be stored: {error}; look at the mapping's metadata") from None
        except PyMongoError as error:
            kept = f"the first {self._valid:,} calls are stored; import the file again to go on"
            raise UserError(f"{_store_problem(error)} ({kept})") from None
        done = self._written
        self._written = WriteCounts(
            done.inserted + counts.inserted,
            done.replaced + counts.replaced,
            done.unchanged + counts.unchanged,
            done.outdated + counts.outdated,
        )
