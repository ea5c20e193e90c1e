"""``python -m core breach``: what to report after a data breach."""

from pathlib import Path
from typing import Annotated

import typer

from core.access.audit import Action
from core.cli.access.audit import private_csv
from core.cli.noted import note
from core.cli.store import progress_bar, say
from core.clock import parse_moment, to_utc, utc_now
from core.errors import UserError
from core.storage.server.connection import check_reachable, get_sync_database, store_name
from core.types import counted

app = typer.Typer()


@app.command("breach")
def breach(
    since: Annotated[
        str, typer.Option(help="Calls since this time: 2024-10-24T15:30, in TIMEZONE", show_default=False)
    ],
    until: Annotated[str | None, typer.Option(help="Calls before this time", show_default="now")] = None,
    who: Annotated[
        str | None,
        typer.Option(
            "--actor", help="Calls that this actor read in that time, instead of the calls of that time"
        ),
    ] = None,
    noticed: Annotated[
        str | None, typer.Option(help="When the breach was noticed", show_default="now")
    ] = None,
    leads: Annotated[
        Path | None, typer.Option("--csv", help="New file for the leads' ids; only its owner can read it")
    ] = None,
) -> None:
    """Report whose data, which fields and which days a breach concerns, and who read them. Changes nothing.

    Covers the calls of a period (a lost laptop, a leaked export) or, with --actor, the calls someone read
    in that period (a stolen key or password).
    """
    from core.access.breach import examine, of_days, read_by  # noqa: PLC0415 (only this command needs it)
    from core.access.breach.tally import Tally  # noqa: PLC0415 (only this command needs it)
    from core.access.breach.words import report_lines  # noqa: PLC0415 (only this command needs it)
    from core.aggregation.search.call_tables import harmless  # noqa: PLC0415 (only this command needs it)

    start, end = parse_moment(since), parse_moment(until) if until else to_utc(utc_now())
    if end <= start:
        raise UserError("--until must be after --since")
    check_reachable()
    with Tally() as tally:
        with progress_bar() as progress:
            database = get_sync_database()
            scope = of_days(start, end) if who is None else read_by(database, who, start, end)
            found = examine(database, scope, start, tally, progress)
        typer.echo(f"Store: {store_name()}")
        aware = parse_moment(noticed) if noticed else utc_now()
        for line in report_lines(found, start, end, aware, who):
            say(line)
        if leads is not None:
            with private_csv(leads) as write:
                write(("lead_id", "calls", "first_call", "last_call"))
                for one in found.leads():
                    ends = (moment.isoformat(timespec="seconds") for moment in (one.first, one.last))
                    write((harmless(one.lead_id), one.calls, *ends))
            facts = {"since": start.isoformat(), "until": end.isoformat(), "leads": tally.leads}
            note(Action.EXPORTED, "leads of a breach", **facts)
            typer.echo(f"\n{counted(tally.leads, 'lead')} written to {leads}")
