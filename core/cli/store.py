"""Commands about the store: archive, backup, restore, erasure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database

app = typer.Typer()


@app.command()
def archive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing")] = False,
) -> None:
    """Move calls and turns that are older than RAW_RETENTION_DAYS to Parquet files below DATA_DIR/archive."""
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
    typer.echo(f"{sum(what.rows for what in moved):,} records {days} {said}" if moved else f"nothing {days}")


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="New folder to save the store to", show_default=False)],
) -> None:
    """Save the whole store: database, archive and spool. Agents may go on recording."""
    from core.storage.archive.backup import back_up  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    with progress_bar() as progress:
        manifest = back_up(get_sync_database(), get_settings().data_dir, folder, progress)
    typer.echo(f"Saved {manifest.documents:,} documents and {len(manifest.files):,} files to {folder}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder that backup wrote", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Delete what the store holds first")] = False,
) -> None:
    """Bring a backup back into an empty store. Stop agents and scheduler first."""
    from core.erasure import erase_again  # noqa: PLC0415 (only this command needs it)
    from core.storage.archive.restore import restore as bring_back  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    data_dir = get_settings().data_dir
    with progress_bar() as progress:
        manifest = bring_back(get_sync_database(), data_dir, folder, progress, replace=replace)
    typer.echo(f"Restored {manifest.documents:,} documents and {len(manifest.files):,} files")
    if leads := erase_again(get_sync_database()):
        typer.echo(f"{leads:,} leads had been erased since that backup, and are erased again")


@app.command("erase-lead")
def erase_lead(
    lead_id: Annotated[str, typer.Argument(help="Whose data to erase", show_default=False)],
    also: Annotated[
        list[str] | None,
        typer.Option(help="A name or number of the lead, looked for in texts as well; may be repeated"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it only say what there is")] = False,
) -> None:
    """Erase what is stored of a lead in database, archive and spool, alerts about it too, for good."""
    from core import erasure  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    erase = erasure.erase_lead if yes else erasure.find_traces
    with Console(stderr=True).status("Erasing" if yes else "Looking"):
        found = erase(get_sync_database(), lead_id, also or ())
    for name, value in vars(found).items():
        if isinstance(value, int):
            typer.echo(f"{name.replace('_', ' '):<16} {value:>10,}")
    for name, count in found.said.items():
        typer.echo(f"{count:,} {name} name the lead; people wrote them, change them on the Alerts page")
    for file, lines in found.files.items():
        typer.echo(f"{file} names the lead in {lines:,} lines; it is not rewritten")
    if not yes and found.records:
        typer.echo("nothing was erased; add --yes to erase it for good")
    elif yes:
        typer.echo(f"erased {found.records:,} records")


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the terminal for work that says what it does, how much is done, and of how much."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
