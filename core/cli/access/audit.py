"""``python -m core audit``: list, export and verify the audit log."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.access.audit import Action, audit_read
from core.cli.noted import actor, note
from core.cli.store import print_table, progress_bar, say
from core.clock import parse_moment
from core.errors import UserError
from core.files import new_private
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database, store_name

app = typer.Typer(
    help="Show who viewed, exported, changed or erased what, and verify the log.", no_args_is_help=True
)
Since = Annotated[str | None, typer.Option(help="Only since this time: 2024-10-24T15:30, in TIMEZONE")]
Until = Annotated[str | None, typer.Option(help="Only before this time")]
Who = Annotated[str | None, typer.Option("--actor", help="Only this actor, by its name in the log")]
What = Annotated[
    Action | None,
    typer.Option("--action", metavar="ACTION", help="Only this action: viewed_call, exported, erased …"),
]
Which = Annotated[
    str | None, typer.Option("--subject", help="Only this subject: an id, of a call or lead too")
]


@app.command("verify")
def verify_log(
    head: Annotated[
        list[str] | None,
        typer.Option(help="An entry saved elsewhere, NUMBER:HASH; can be repeated"),
    ] = None,
) -> None:
    """Verify that every entry is present, in place and unchanged. Exit code 1 if not."""
    from core.access.audit.anchor import Head  # noqa: PLC0415 (only this command needs it)
    from core.access.audit.verify import verify  # noqa: PLC0415 (only this command needs it)

    heads = [Head.parse(text, "--head") for text in head or ()]
    check_reachable()
    with progress_bar() as progress:
        report = verify(get_sync_database(), progress, heads)
    typer.echo(f"Store: {store_name()}")
    for line in report.lines:
        say(line)
    raise typer.Exit(1 if report.fault else 0)


@app.command("list")
def list_entries(
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: What = None,
    subject: Which = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number to show")] = 50,
) -> None:
    """Show entries, newest first."""
    from core.access.audit.reading import Wanted, entries  # noqa: PLC0415 (only this command needs it)

    wanted = Wanted(who, action, subject, _moment(since), _moment(until))
    check_reachable()
    database, zone = get_sync_database(), get_settings().tz
    audit_read(database, actor(), Action.VIEWED_AUDIT)
    table = Table("n", "at", "actor", "role", "action", "subject", "details")
    for one in entries(database, wanted, most=most):
        about = ", ".join(f"{name} {value}" for name, value in one.about.items())
        at = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one.n), at, one.actor, one.role, one.action, one.subject, about)
    print_table(table if table.rows else "no matching entry")


@app.command("export")
def export_entries(
    file: Annotated[Path, typer.Argument(help="New CSV file to write", show_default=False)],
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: What = None,
    subject: Which = None,
) -> None:
    """Write entries as CSV, newest first, with their hashes. Only the file's owner can read it."""
    from core.access.audit.reading import COLUMNS, Wanted, csv_row, entries  # noqa: PLC0415 (as above)

    wanted = Wanted(who, action, subject, _moment(since), _moment(until))
    check_reachable()
    count = 0
    with private_csv(file) as write:
        write(COLUMNS)
        for one in entries(get_sync_database(), wanted):
            write(csv_row(one))
            count += 1
    note(Action.EXPORTED, "audit log", entries=count)
    typer.echo(f"{count:,} entries written to {file}")


@contextmanager
def private_csv(file: Path) -> Iterator[Callable[[Iterable[object]], object]]:
    """Write rows to a new CSV file of mode 0600; it is removed if not all of them are written.

    Raises:
        UserError: the file exists already or cannot be written.
    """
    try:
        with new_private(file) as out, io.TextIOWrapper(out, encoding="utf-8", newline="") as content:
            yield csv.writer(content).writerow
    except FileExistsError:
        raise UserError(f"{file} already exists; name a new file") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None


def _moment(text: str | None) -> datetime | None:
    return parse_moment(text) if text is not None else None
