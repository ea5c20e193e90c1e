"""``python -m core audit``: who looked at, took, changed or erased what; and whether the log is whole."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.access.audit import Action, audit_read
from core.cli.noted import actor, note
from core.cli.store import progress_bar
from core.clock import parse_moment
from core.errors import UserError
from core.files import create_private
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database, store_name

app = typer.Typer(help="Who looked at, took, changed or erased what.", no_args_is_help=True)
Since = Annotated[str | None, typer.Option(help="From this time on, 2024-10-24T15:30 in TIMEZONE")]
Until = Annotated[str | None, typer.Option(help="Before this time")]
Who = Annotated[str | None, typer.Option("--actor", help="Who, by the name that the log has")]
What = Annotated[Action | None, typer.Option("--action", help="What was done")]
Which = Annotated[str | None, typer.Option("--subject", help="To what: an id, a call's, or a lead's")]


@app.command("verify")
def verify_log(
    head: Annotated[
        list[str] | None,
        typer.Option(help="An entry that was written down elsewhere, NUMBER:HASH; may be repeated"),
    ] = None,
) -> None:
    """Walk the whole log: is every entry there, in its place, as it was written? Exit code 1 where not."""
    from core.access.audit.anchor import Head  # noqa: PLC0415 (only this command needs it)
    from core.access.audit.verify import verify  # noqa: PLC0415 (only this command needs it)

    heads = [Head.parse(text, "--head") for text in head or ()]
    check_reachable()
    with progress_bar() as progress:
        report = verify(get_sync_database(), progress, heads)
    typer.echo(f"of {store_name()}")
    for line in report.lines:
        typer.echo(line)
    raise typer.Exit(1 if report.fault else 0)


@app.command("list")
def list_entries(
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: What = None,
    subject: Which = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most")] = 50,
) -> None:
    """Show entries, the newest first."""
    from core.access.audit.reading import Wanted, entries  # noqa: PLC0415 (only this command needs it)

    wanted = Wanted(who, action, subject, _moment(since), _moment(until))
    check_reachable()
    database, zone = get_sync_database(), get_settings().tz
    audit_read(database, actor(), Action.VIEWED_AUDIT)
    table = Table("n", "at", "who", "role", "what", "to what", "about")
    for one in entries(database, wanted, most=most):
        about = ", ".join(f"{name} {value}" for name, value in one.about.items())
        at = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        texts = (one.actor, one.role, one.action, one.subject, about)
        table.add_row(str(one.n), at, *map(Text, texts))
    Console(highlight=False).print(table if table.rows else "no such entry")


@app.command("export")
def export_entries(
    file: Annotated[Path, typer.Argument(help="New CSV file to write", show_default=False)],
    since: Since = None,
    until: Until = None,
    who: Who = None,
    action: What = None,
    subject: Which = None,
) -> None:
    """Write entries as CSV, the newest first, with their hashes; the file is readable by its owner alone."""
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
    """Write rows to a new CSV file of mode 0600.

    Raises:
        UserError: it is there already, or cannot be written.
    """
    try:
        with io.TextIOWrapper(create_private(file), encoding="utf-8", newline="") as content:
            yield csv.writer(content).writerow
    except FileExistsError:
        raise UserError(f"{file} is there already; name a new file") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None


def _moment(text: str | None) -> datetime | None:
    return parse_moment(text) if text else None
