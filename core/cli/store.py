"""Commands for the store: archive, backup, restore."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from core.access.audit import Action
from core.cli.noted import actor, note
from core.settings import get_settings
from core.storage.collections import LEAD_KEYS
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import counted, printable

if TYPE_CHECKING:
    from core.storage.archive.backup import Manifest

app = typer.Typer()
_UNBOUNDED = 10_000
"""Columns of a console in which no table is wrapped."""


@app.command()
def archive(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be moved; move nothing")
    ] = False,
) -> None:
    """Move calls and turns older than RAW_RETENTION_DAYS to Parquet files in DATA_DIR/archive."""
    from core.aggregation.rollups.refresh import archive_due  # noqa: PLC0415 (only this command needs it)
    from core.storage.archive.mover import cutoff, due  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    database = get_sync_database()
    if dry_run:
        moved = due(database, cutoff(database))
    else:
        with progress_bar() as progress:
            moved = archive_due(database, progress)
    for what in moved:
        typer.echo(f"{what.day} {what.rows:>12,} {what.collection}")
    days = f"recorded more than {get_settings().raw_retention_days} days ago"
    said = "would be archived" if dry_run else "archived"
    typer.echo(
        f"{counted(sum(what.rows for what in moved), 'record')} {days} {said}" if moved else f"nothing {days}"
    )


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="New folder to save the store to", show_default=False)],
) -> None:
    """Save the whole store: database, archive and spool. Agents can keep recording."""
    from core.storage.archive.backup import back_up, not_here  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    with progress_bar() as progress:
        manifest = back_up(get_sync_database(), get_settings().data_dir, folder, progress)
    note(Action.BACKED_UP, folder.name, documents=manifest.documents, files=len(manifest.files))
    typer.echo(f"Saved {_contents(manifest)} to {folder}")
    if absent := not_here(get_sync_database(), manifest):
        lacks = counted(absent, "file of the archive is", "files of the archive are")
        typer.echo(f"{lacks} not in this DATA_DIR and not saved: run backup where archive runs", err=True)
    if keys := get_sync_database()[LEAD_KEYS].estimated_document_count():
        left_out = counted(keys, "lead key is", "lead keys are")
        typer.echo(f"{left_out} left out, so that erased leads stay erased; to save keys: keys export")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder written by backup", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Delete the store's contents first")] = False,
) -> None:
    """Restore a backup into an empty store. Stop agents and scheduler first."""
    from core.access.audit.restored import note_restore  # noqa: PLC0415 (only this command needs it)
    from core.erasure import erase_again  # noqa: PLC0415 (only this command needs it)
    from core.storage.archive.restore import restore as bring_back  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    database, data_dir, leads = get_sync_database(), get_settings().data_dir, 0

    def last(manifest: "Manifest") -> None:
        nonlocal leads
        saved_at = manifest.created_at.isoformat(timespec="seconds")
        about = {"saved_at": saved_at, "documents": manifest.documents, "replaced": replace}
        note_restore(database, actor(), folder.name, **about)
        leads = erase_again(database)

    with progress_bar() as progress:
        manifest = bring_back(database, data_dir, folder, progress, replace=replace, last=last)
    typer.echo(f"Restored {_contents(manifest)}")
    if leads:
        typer.echo(f"{counted(leads, 'lead was', 'leads were')} erased since that backup; now erased again")


def _contents(manifest: "Manifest") -> str:
    return f"{counted(manifest.documents, 'document')} and {counted(len(manifest.files), 'file')}"


def print_table(table: Table | str) -> None:
    """Print a table, or a text in its place, without cutting cells; square brackets in them are no markup.

    What others named (a campaign, a call of a webhook) must not control the terminal: it is escaped.

    Elsewhere than in a terminal (or if COLUMNS is set) no cell is wrapped either: lines can be searched.
    """
    console = Console(highlight=False, markup=False)
    if isinstance(table, str):
        table = printable(table)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, markup=False, width=_UNBOUNDED)
    for column in table.columns if isinstance(table, Table) else ():
        column.overflow = "fold"
        column._cells = [printable(cell) if isinstance(cell, str) else cell for cell in column.cells]  # noqa: SLF001 (all tables pass here)
    console.print(table)


def say(text: str) -> None:
    """Print text that may name what others named; it is escaped like the cells of a table."""
    typer.echo(printable(text))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar; call the yielded function with the step, the amount done and the total."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
