"""Import files: read, convert, write in batches, and report what became of every row."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pymongo.database import Database
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.errors import UserError
from core.importing.convert import Converter
from core.importing.legs import Legs
from core.importing.mapping import FILE, LINE, Mapping, load_mapping
from core.importing.reading.files import Part, find_parts
from core.importing.reading.table import Table, absent_columns, check_columns, open_table, unused_columns
from core.importing.rejects import Rejects
from core.importing.tally import BrokenFileError, ImportReport, Tally, batches, store_problem
from core.importing.values import placeholders
from core.settings import get_settings
from core.storage.collections import ensure_indexes
from core.storage.server.connection import get_sync_database
from core.types import Document


def import_file(
    path: Path | Sequence[Path],
    mapping_path: Path,
    *,
    rejects: Path | None = None,
    dry_run: bool = False,
    console: Console | None = None,
    stopped: Callable[[ImportReport], None] | None = None,
) -> ImportReport:
    """Import calls from files; importing the same files again changes nothing.

    ``path`` is a CSV, JSON, Parquet or Excel file, compressed or not, a zip archive of such files, a pattern
    such as ``calls-*.csv``, or several of these. Rows that are not valid calls go to ``rejects`` (default:
    ``imports/<stem>.rejected.jsonl`` in DATA_DIR, named after the first file) and do not stop the import. A
    terminal shows progress. A dry run writes no call. ``stopped`` is called with what was stored if the
    import ends before the files do: a broken file, a lost store, Ctrl-C.

    Raises:
        UserError: file, mapping or store cannot be used. Calls written before that stay.
    """
    mapping = load_mapping(mapping_path)
    parts = find_parts([path] if isinstance(path, Path) else path)
    rejects = rejects or get_settings().data_dir / "imports" / f"{parts[0].path.stem}.rejected.jsonl"
    files = {*(part.path for part in parts), mapping_path}
    if rejects.exists() and any(file.exists() and rejects.samefile(file) for file in files):
        raise UserError(f"the rejected rows would overwrite {rejects}; name another file")
    _check(parts, mapping)
    database = None if dry_run else _prepared_store()
    with Rejects(rejects) as rejected, _progress(console) as progress:
        tally = Tally(rejected, database, Legs() if mapping.source.legs else None)
        try:
            present, named = _import_parts(parts, mapping, tally, progress)
        except BaseException:
            if stopped is not None and (report := tally.report(len(parts), (), ())).stored:
                stopped(report)
            raise
    wanted = mapping.columns()
    return tally.report(len(parts), unused_columns(list(named), wanted), absent_columns(present, wanted))


def _import_parts(
    parts: Sequence[Part], mapping: Mapping, tally: Tally, progress: Progress
) -> tuple[dict[str, None], dict[str, None]]:
    """Import the files; return the columns seen in them, and those that have a name."""
    present: dict[str, None] = {}
    named: dict[str, None] = {}
    for part in parts:
        try:
            table = _import_part(part, mapping, tally, progress, alone=len(parts) == 1)
        except BrokenFileError as error:
            tally.finish()
            raise UserError(f"{error} ({tally.stored})" if tally.stored else str(error)) from None
        present |= table.columns
        named |= table.named()
    tally.finish()
    return present, named


def _import_part(part: Part, mapping: Mapping, tally: Tally, progress: Progress, *, alone: bool) -> Table:
    """Import one file, whose columns are known by now."""
    task = progress.add_task(part.path.name, total=part.size)
    converter = Converter(mapping, part.name)
    try:
        with open_table(part, mapping.source, mapping.columns(), mapping.needed()) as table:
            for batch in batches(table):
                tally.add(batch, converter, None if alone else part.label)
                progress.update(task, completed=table.position())
            progress.update(task, completed=part.size, visible=alone)
            return table
    except OSError as error:
        raise UserError(f"{part.label} cannot be read: {error.strerror}") from None


def _check(parts: Sequence[Part], mapping: Mapping) -> None:
    """Refuse whatever could only fail, before the first call is stored."""
    named = placeholders(mapping.fields["call_id"].template or "")
    if len(parts) > 1 and LINE in named and FILE not in named:
        raise UserError(
            f"the {len(parts):,} files have the same line numbers, and call_id is made of them; "
            'add the file\'s name: template = "{file}-{line}"'
        )
    try:
        check_columns(parts, mapping.source, mapping.columns(), mapping.needed())
    except OSError as error:
        raise UserError(f"{error.filename or parts[0].path} cannot be read: {error.strerror}") from None


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
        raise UserError(store_problem(error)) from None
    return database
