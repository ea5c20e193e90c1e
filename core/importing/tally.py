"""What becomes of the rows of an import: converted, stored in batches, counted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from core.errors import UserError
from core.importing.convert import Converted, Converter, RowRejectedError
from core.importing.legs import Legs
from core.importing.reading.rows import Row, listed
from core.importing.rejects import Rejects
from core.models.metrics import CallMetrics
from core.storage.calls import RefusedCallError, WriteCounts, write_calls
from core.storage.receipts import Receipts
from core.storage.server.connection import store_name, unavailable_text
from core.types import Document, counted

BATCH_ROWS, BATCH_CHARACTERS = 1_000, 20_000_000
MOST_NAMED = 20
"""Most columns that the report names."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows; ``unchanged`` of the ``replaced`` were already stored exactly like this.

    A later version of the ``outdated`` ones was stored before; ``joined`` rows are further legs of a call.
    ``repaired`` calls were stored without an end time that was before their start. In a dry run, ``valid``
    rows would have been written, and none was. ``unused`` are columns that the mapping does not read,
    ``absent`` those that it reads and the files lack.
    """

    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    outdated: int = 0
    valid: int = 0
    rejected: int = 0
    repaired: int = 0
    joined: int = 0
    files: int = 1
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    rejects_file: Path | None = None
    dry_run: bool = False

    @property
    def stored(self) -> int:
        """Return how many calls were written."""
        return self.inserted + self.replaced

    @property
    def summary(self) -> str:
        """Return what became of the rows, in one line."""
        done = (
            f"dry run, nothing written: {self.valid:,} valid"
            if self.dry_run
            else f"imported {self.inserted:,} · replaced {self.replaced:,} ({self.unchanged:,} unchanged)"
        )
        files = f"{self.files:,} files · " if self.files > 1 else ""
        joined = f" · joined {self.joined:,}" if self.joined else ""
        outdated = f" · not stored {self.outdated:,}: a later form is there" if self.outdated else ""
        where = f" (see {self.rejects_file})" if self.rejects_file else ""
        rejected = f"rejected {self.rejected:,}{where} · repaired {self.repaired:,}"
        return f"{files}{done}{joined}{outdated} · {rejected}"

    @property
    def columns(self) -> list[str]:
        """Return a line each for unused and for absent columns, if there are any."""
        kinds = (("not used", self.unused), ("not found", self.absent))
        return [f"columns {kind}: {_named(columns)}" for kind, columns in kinds if columns]


def _named(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - MOST_NAMED:,} more" if len(columns) > MOST_NAMED else ""
    return f"{listed(columns[:MOST_NAMED])}{more}"


class BrokenFileError(UserError):
    """From some row on a file cannot be read."""


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in batches that are limited in number and size.

    Raises:
        BrokenFileError: the rest cannot be read; all rows before it have been yielded.
    """
    batch: list[Row] = []
    size, broken = 0, ""
    reading = iter(rows)
    while True:
        try:
            row = next(reading, None)
        except UserError as error:
            row, broken = None, str(error)
        if row is None:
            break
        batch.append(row)
        size += row.size
        if len(batch) >= BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
    if broken:
        raise BrokenFileError(broken)


def store_problem(error: PyMongoError) -> str:
    """Return what is wrong with the store, in one line."""
    if isinstance(error, ConnectionFailure) or not isinstance(error, OperationFailure):
        return unavailable_text(error)
    return f"{store_name()} refuses to store the calls (error code {error.code}); its log says why"


class Tally:
    """Converts and stores rows, batch by batch, and counts what became of them."""

    def __init__(self, rejects: Rejects, database: Database[Document] | None, legs: Legs | None) -> None:
        self._legs = legs
        self._rejects = rejects
        self._database = database
        self._receipts = Receipts()
        self._written = WriteCounts()
        self._valid = 0
        self._repaired = 0

    def add(self, rows: Sequence[Row], converter: Converter, file: str | None) -> None:
        """Store one batch; ``file`` says which file it is from, if there are several."""
        converted = [done for row in rows if (done := self._convert(row, converter, file)) is not None]
        calls = [done.call for done in converted]
        self._write(self._legs.add(calls) if self._legs else calls)
        self._valid += len(converted)
        self._repaired += sum(done.repaired for done in converted)

    @property
    def stored(self) -> str:
        """Return how many calls are stored so far, in words; "" for none, or a dry run."""
        if self._database is None or not self._valid:
            return ""
        return f"the {counted(self._valid, 'call')} before that are stored; importing again changes nothing"

    def finish(self) -> None:
        """Store the calls that might have had further legs."""
        left = self._legs.rest() if self._legs else []
        for first in range(0, len(left), BATCH_ROWS):
            self._write(left[first : first + BATCH_ROWS])

    def report(self, files: int, unused: Sequence[str], absent: Sequence[str]) -> ImportReport:
        """Return what became of the rows so far."""
        return ImportReport(
            **asdict(self._written),
            valid=self._valid,
            rejected=self._rejects.count,
            repaired=self._repaired,
            joined=self._legs.joined if self._legs else 0,
            files=files,
            unused=tuple(unused),
            absent=tuple(absent),
            rejects_file=self._rejects.path if self._rejects.count else None,
            dry_run=self._database is None,
        )

    def _convert(self, row: Row, converter: Converter, file: str | None) -> Converted | None:
        try:
            done = converter.convert(row)
        except RowRejectedError as error:
            lead_id = converter.lead_of(row) if self._receipts.any else None
            gone = lead_id is not None and self._receipts.erased_at(lead_id) is not None
            self._rejects.add(Row(row.line, None) if gone else row, str(error), file)
            return None
        if self._receipts.covers(done.call.lead_id, done.call.start_time):
            # Keeping the row itself would keep what was to be erased.
            self._rejects.add(Row(row.line, None), "the lead was erased since", file)
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
            raise UserError(f"{store_problem(error)} ({kept})") from None
        done = self._written
        self._written = WriteCounts(
            done.inserted + counts.inserted,
            done.replaced + counts.replaced,
            done.unchanged + counts.unchanged,
            done.outdated + counts.outdated,
        )
