"""Commands that run or inspect the system: servers, doctor, logs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.cli.store import say
from core.types import counted

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Check configuration, connections and lag, and suggest fixes. Exit code 1 if a check fails."""
    from core.doctor import State, examine  # noqa: PLC0415 (only this command needs it)

    failed = False
    for finding in examine():
        remedy = f" -> {finding.remedy}" if finding.remedy else ""
        say(f"{finding.state:<4}  {finding.name}: {finding.text}{remedy}")
        failed |= finding.state is State.FAIL
    raise typer.Exit(1 if failed else 0)


@app.command()
def logs(
    file: Annotated[Path, typer.Argument(help="LOG_FILE, or a rotated one", show_default=False)],
    call: Annotated[str | None, typer.Option(help="Only the lines of this call_id")] = None,
    level: Annotated[str | None, typer.Option(help="Only this level and above, for example WARNING")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only since this time: 2024-10-24T15:30, or 15m, 2h, 3d, 1w ago")
    ] = None,
    component: Annotated[str | None, typer.Option(help="Only this component")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more lines; stop with Ctrl-C")
    ] = False,
) -> None:
    """Show the lines of a LOG_FILE, coloured in a terminal."""
    from core.logs.log_reader import Tally, Wanted, parse_level, parse_since, read_lines, shown  # noqa: PLC0415 (only this command needs it)

    wanted = Wanted(
        call,
        parse_level(level) if level is not None else None,
        parse_since(since) if since is not None else None,
        component,
    )
    console, tally = Console(highlight=False, soft_wrap=True), Tally()
    for line in read_lines(file, wanted, tally, follow=follow):
        console.print(shown(line))
    if tally.odd:
        typer.echo(f"{counted(tally.odd, 'line is', 'lines are')} not JSON; skipped", err=True)
    if not tally.wanted:
        typer.echo(
            f"no match in {counted(tally.unwanted, 'line')}" if tally.unwanted else "no lines", err=True
        )


@app.command()
def api() -> None:
    """Serve the REST API on API_HOST:API_PORT (127.0.0.1:8000)."""
    from core.api.app import serve  # noqa: PLC0415 (only this command needs it)

    serve()


@app.command()
def run() -> None:
    """Run store, scheduler, API and dashboard on your own calls. Stop with Ctrl-C."""
    typer.echo("Starting the database, the scheduler, the API and the dashboard.")
    _launch(demo=False)


@app.command()
def demo() -> None:
    """Run store, scheduler, API and dashboard on a simulated agent, in its own database. Stop with Ctrl-C."""
    typer.echo(
        "Starting a demo: a database, two weeks of simulated calls, then the scheduler, the API and the "
        "dashboard. It takes about a minute."
    )
    _launch(demo=True)


def _launch(*, demo: bool) -> None:
    from core.launcher import launch  # noqa: PLC0415 (only this command needs it)

    raise typer.Exit(launch(demo=demo))
