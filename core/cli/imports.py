"""The command that backfills calls from files, and proposes a mapping if there is none."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.access.audit import Action, AuditError
from core.cli.noted import note
from core.cli.store import say
from core.errors import UserError
from core.files import new_private
from core.types import on_one_line

if TYPE_CHECKING:
    from core.importing import ImportReport
    from core.importing.proposing import Proposal

app = typer.Typer()
MOST_SHOWN = 60
"""Characters of a cell that are shown."""


@app.command("import")
def import_calls(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help='CSV, JSON, Parquet or .xlsx, also gzipped or zipped; or "calls-*.csv"',
            show_default=False,
        ),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML file that maps columns to fields; proposed if omitted", show_default=False),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected rows", show_default="in DATA_DIR/imports")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, store nothing")] = False,
) -> None:
    """Backfill calls from files. Importing a file again changes nothing. Exit code 1 if no row is valid.

    Without a mapping, one is proposed and written beside the file. In a terminal you can then import with it.
    """
    from core.importing import import_file  # noqa: PLC0415 (only this command needs it)

    if mapping is not None and not mapping.parent.is_dir():
        raise UserError(f"mapping {mapping} does not exist, nor does the folder {mapping.parent}")
    if mapping is None or not mapping.exists():
        mapping = _proposed(files, mapping)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            names = " ".join(map(str, files))
            command = f"python -m core import {names} --mapping {mapping}"
            raise UserError(f"nothing imported yet: review {mapping}, then run: {command}")
        if not typer.confirm("Import with this mapping?"):
            raise typer.Exit

    def stopped(report: "ImportReport") -> None:
        if isinstance(sys.exception(), KeyboardInterrupt):  # other reasons have words of their own
            typer.echo(f"stopped: {report.summary}; import again to go on", err=True)
        with suppress(AuditError):  # the log says so, and the reason for the end must not get lost
            _note(files, report, stopped=True)

    report = import_file(
        files, mapping, rejects=rejects, dry_run=dry_run, console=Console(stderr=True), stopped=stopped
    )
    if not dry_run:
        _note(files, report)
    typer.echo(report.summary)
    for line in report.columns:
        say(line)
    usable = report.valid if dry_run else report.stored
    raise typer.Exit(1 if report.rejected and not usable else 0)


def _note(files: list[Path], report: "ImportReport", **about: object) -> None:
    counts = {"inserted": report.inserted, "replaced": report.replaced, "rejected": report.rejected}
    note(Action.IMPORTED, ", ".join(file.name for file in files), **counts, **about)


def _proposed(files: list[Path], target: Path | None) -> Path:
    """Propose a mapping for the first file, show it, write it, and return its path."""
    from core.importing.proposing import propose  # noqa: PLC0415 (only this command needs it)
    from core.importing.reading.files import find_parts  # noqa: PLC0415 (only this command needs it)

    part = find_parts(files)[0]
    path = target or part.path.with_name(f"{part.name if part.member is None else part.path.stem}.toml")
    if path.exists():
        raise UserError(f"{path} already exists: import with --mapping {path}, or name a new file")
    try:
        proposal = propose(part)
    except UserError as error:
        if target is None:
            raise
        raise UserError(f"{target} does not exist, and no mapping can be proposed: {error}") from None
    _show(proposal, part.label)
    _write(path, proposal.text)
    typer.echo(f"wrote {path}")
    if not proposal.can_be_used:
        raise UserError(f"{path} cannot be used as it is: {proposal.problem}")
    return path


def _write(path: Path, text: str) -> None:
    try:
        # Only its owner can read it, because it may quote cells. Never overwrites a file.
        with new_private(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise UserError(f"the mapping {path} cannot be written: {error.strerror}") from None


def _show(proposal: "Proposal", label: str) -> None:
    console = Console(highlight=False)
    made = f"made for {proposal.ready.name}" if proposal.ready else "guessed"
    table = Table(title=escape(f"{label}: proposed mapping ({made})"), title_justify="left")
    for heading in ("field", "column", "for example", "why"):
        table.add_column(heading, overflow="fold")
    for guess in proposal.guesses:
        style = "yellow" if guess.doubtful else None
        cells = (guess.field, guess.column or "-", guess.cell[:MOST_SHOWN], guess.reason)
        table.add_row(*(escape(on_one_line(cell)) for cell in cells), style=style)
    console.print(table)
    if proposal.unused:
        named = (f"{column} ({remark})" if remark else column for column, remark in proposal.unused)
        console.print(escape(on_one_line(f"not used: {', '.join(named)}")), soft_wrap=True)
    console.print(f"{proposal.valid:,} of the first {proposal.rows:,} rows are valid calls")
    if proposal.problem:
        console.print(escape(on_one_line(f"first invalid row: {proposal.problem}")), soft_wrap=True)
    if proposal.first is not None:
        stored = proposal.first.model_dump_json(exclude_defaults=True)
        console.print(escape(f"first call, as it would be stored: {stored}"), soft_wrap=True)
