"""The command line, ``python -m core``: what is wrong is said in one line, with exit code 2."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from core.alerting.commands import app as rules
from core.clock import parse_date, parse_moment
from core.errors import UserError
from core.models.metrics import DailyMetrics
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database, unavailable_text

app = typer.Typer(
    name="python -m core",
    help="Monitoring of an AI voice agent: back-fill, aggregate, check alerts, serve the API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(rules, name="rules")


@app.callback()
def configured() -> None:
    """Refuse settings that cannot be used before anything else is loaded or logged."""
    get_settings()


@app.command("import")
def import_calls(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or JSONL file of calls", show_default=False)],
    mapping: Annotated[
        Path, typer.Option(help="TOML file that says what the columns mean", show_default=False)
    ],
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go [default: below DATA_DIR/imports]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, store nothing")] = False,
) -> None:
    """Back-fill calls from a file; the same file again changes nothing. Exit code 1 where no row is good."""
    from core.importing import import_file  # noqa: PLC0415 (only this command needs it)

    report = import_file(file, mapping, rejects=rejects, dry_run=dry_run, console=Console(stderr=True))
    typer.echo(report.summary)
    usable = report.valid if dry_run else report.inserted + report.replaced
    raise typer.Exit(1 if report.rejected and not usable else 0)


@app.command()
def aggregate(
    days: Annotated[
        str, typer.Argument(metavar="DATE|FIRST..LAST", help="2024-10-24, or 2024-10-01..2024-10-31")
    ],
) -> None:
    """Compute the figures of days anew and store them in daily_metrics."""
    first, last = _parse_days(days)
    check_reachable()
    figures = _aggregate(first, last)
    Console(highlight=False).print(_daily_table(figures))


def _parse_days(text: str) -> tuple[date, date]:
    first_text, dots, last_text = text.partition("..")
    first = parse_date(first_text)
    last = parse_date(last_text) if dots else first
    if last < first:
        raise UserError(f"{last} is before {first}; write the earlier day first")
    return first, last


def _aggregate(first: date, last: date) -> list[DailyMetrics]:
    from core.aggregation.daily import rebuild_days  # noqa: PLC0415 (pandas takes a while to load)

    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("quarter hours"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Aggregating", total=None)
        return rebuild_days(
            get_sync_database(),
            first,
            last,
            lambda done, total: bar.update(task, completed=done, total=total),
        )


def _daily_table(figures: list[DailyMetrics]) -> Table:
    columns = ("calls", "completed", "failed", "no answer", "failure", "qualified")
    table = Table(title=f"Calls by day, {get_settings().timezone}", title_justify="left")
    table.add_column("day", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for day in figures:
        counts = (day.total_calls, day.completed_calls, day.failed_calls, day.no_answer_calls)
        shares = (day.failure_rate, day.qualification_rate)
        table.add_row(
            f"{day.date}",
            *(f"{count:,}" for count in counts),
            *("-" if share is None else f"{share * 100:.1f} %" for share in shares),
        )
    return table


@app.command("check-alerts")
def check_alerts(
    at: Annotated[
        str | None, typer.Option(help="Check as of this time, for example 1999-01-03T00:00 [default: now]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent; send and store nothing")
    ] = False,
) -> None:
    """Check the alert rules once and send what is due."""
    from core.services.alert_service import check_and_send_alerts  # noqa: PLC0415 (see above)

    moment = parse_moment(at) if at else None
    check_reachable()
    report = asyncio.run(check_and_send_alerts(None, at=moment, dry_run=dry_run))
    for line in report.lines():
        typer.echo(line)


@app.command("test-alert")
def test_alert() -> None:
    """Send a test message to every channel; exit code 1 where one that is configured fails."""
    from core.services.alert_service import AlertService  # noqa: PLC0415 (see above)

    outcome = asyncio.run(AlertService().try_channels())
    variables = {
        "email": "SMTP_SERVER, ALERT_EMAIL_FROM and ALERT_EMAIL_TO",
        "slack": "SLACK_WEBHOOK_URL",
    }
    for channel in variables.keys() - outcome.keys():
        typer.echo(f"{channel}: not configured; set {variables[channel]}")
    for channel, recipients in outcome.items():
        for recipient, reason in recipients.items():
            typer.echo(f"{channel}, {recipient}: " + (f"FAILED: {reason}" if reason else "delivered"))
    failed = any(reason for recipients in outcome.values() for reason in recipients.values())
    raise typer.Exit(1 if failed else 0)


@app.command()
def archive(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing")] = False,
) -> None:
    """Move calls and turns that are older than RAW_RETENTION_DAYS to Parquet files below DATA_DIR/archive."""
    from core.aggregation.rollups.refresh import archive_due  # noqa: PLC0415 (see above)
    from core.storage.archive.mover import cutoff, due  # noqa: PLC0415 (see above)

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
    from core.storage.archive.backup import back_up  # noqa: PLC0415 (see above)

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
    from core.storage.archive.restore import restore as bring_back  # noqa: PLC0415 (see above)

    check_reachable()
    data_dir = get_settings().data_dir
    with progress_bar() as progress:
        manifest = bring_back(get_sync_database(), data_dir, folder, progress, replace=replace)
    typer.echo(f"Restored {manifest.documents:,} documents and {len(manifest.files):,} files")


@app.command("erase-lead")
def erase_lead(
    lead_id: Annotated[str, typer.Argument(help="Whose data to erase", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it only say what there is")] = False,
) -> None:
    """Erase the calls, turns and log lines of a lead from database, archive and spool, for good."""
    from core import erasure  # noqa: PLC0415 (see above)

    check_reachable()
    erase = erasure.erase_lead if yes else erasure.find_traces
    with Console(stderr=True).status("Erasing" if yes else "Looking"):
        found = erase(get_sync_database(), lead_id)
    for name, value in vars(found).items():
        if name != "files":
            typer.echo(f"{name.replace('_', ' '):<16} {value:>10,}")
    for file, lines in found.files.items():
        typer.echo(f"{file} names the lead in {lines:,} lines; it is not rewritten")
    if not yes and found.records:
        typer.echo("nothing was erased; add --yes to erase it for good")
    elif yes:
        typer.echo(f"erased {found.records:,} records")


@app.command()
def doctor() -> None:
    """Say what is configured, reachable and behind, and what to do; exit code 1 where something fails."""
    from core.doctor import State, examine  # noqa: PLC0415 (see above)

    failed = False
    for finding in examine():
        remedy = f" -> {finding.remedy}" if finding.remedy else ""
        typer.echo(f"{finding.state:<4}  {finding.name}: {finding.text}{remedy}")
        failed |= finding.state is State.FAIL
    raise typer.Exit(1 if failed else 0)


@app.command()
def logs(
    file: Annotated[Path, typer.Argument(help="LOG_FILE, or a rotated one", show_default=False)],
    call: Annotated[str | None, typer.Option(help="Only the lines of this call_id")] = None,
    level: Annotated[str | None, typer.Option(help="Only this level and above, for example WARNING")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this time on: 2024-10-24T15:30, or 15m, 2h, 3d ago")
    ] = None,
    component: Annotated[str | None, typer.Option(help="Only this component")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more lines; Ctrl-C ends it")
    ] = False,
) -> None:
    """Show the lines of a LOG_FILE, coloured in a terminal."""
    from core.logs.reader import Wanted, parse_level, parse_since, read_lines, shown  # noqa: PLC0415 (see above)

    wanted = Wanted(
        call, parse_level(level) if level else None, parse_since(since) if since else None, component
    )
    console = Console(highlight=False, soft_wrap=True)
    for line in read_lines(file, wanted, follow=follow):
        console.print(shown(line))


@app.command()
def api() -> None:
    """Serve the REST API on API_HOST:API_PORT (127.0.0.1:8000)."""
    from core.api.app import serve  # noqa: PLC0415 (see above)

    serve()


@app.command()
def run() -> None:
    """Run everything on your own calls: store, scheduler, API and dashboard. Ctrl-C stops it."""
    _launch(demo=False)


@app.command()
def demo() -> None:
    """Run everything on a simulated agent, in a database of its own. Ctrl-C stops it."""
    _launch(demo=True)


def _launch(*, demo: bool) -> None:
    from core.launcher import launch  # noqa: PLC0415 (see above)

    raise typer.Exit(launch(demo=demo))


def main() -> int:
    """Run the command line; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only
    try:
        app()
    except UserError as error:
        return _fail(str(error))
    except PyMongoError as error:
        return _fail(unavailable_text(error))
    except KeyboardInterrupt:
        return 130
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the terminal for work that says what it does, how much is done, and of how much."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _fail(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return 2
