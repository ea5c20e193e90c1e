"""``python -m core breach``: what to know, and to report, where data got into wrong hands."""

from pathlib import Path
from typing import Annotated

import typer

from core.access.audit import Action
from core.cli.access.audit import private_csv
from core.cli.noted import note
from core.cli.store import progress_bar
from core.clock import parse_moment, to_utc, utc_now
from core.errors import UserError
from core.storage.server.connection import check_reachable, get_sync_database, store_name

app = typer.Typer()


@app.command("breach")
def breach(
    since: Annotated[
        str, typer.Option(help="From this time on, 2024-10-24T15:30 in TIMEZONE", show_default=False)
    ],
    until: Annotated[str | None, typer.Option(help="Before this time [default: now]")] = None,
    who: Annotated[
        str | None,
        typer.Option("--actor", help="What this one read in that time, in place of the calls of that time"),
    ] = None,
    noticed: Annotated[str | None, typer.Option(help="When it was noticed [default: now]")] = None,
    leads: Annotated[
        Path | None, typer.Option("--csv", help="New file for the ids of the leads, for its owner alone")
    ] = None,
) -> None:
    """Say whose data, which fields and which days a breach concerns, and who read them. Changes nothing.

    Of the calls of a time (a lost laptop, an export in wrong hands); with --actor, of the calls that somebody
    read in that time (a stolen key or password).
    """
    from core.access.breach import examine, of_days, read_by  # noqa: PLC0415 (only this command needs it)
    from core.access.breach.tally import Tally  # noqa: PLC0415 (only this command needs it)
    from core.access.breach.words import report_lines  # noqa: PLC0415 (only this command needs it)
    from core.aggregation.search.call_tables import harmless  # noqa: PLC0415 (only this command needs it)

    start, end = parse_moment(since), parse_moment(until) if until else to_utc(utc_now())
    if end <= start:
        raise UserError("--until is not after --since")
    check_reachable()
    with Tally() as tally:
        with progress_bar() as progress:
            database = get_sync_database()
            scope = of_days(start, end) if who is None else read_by(database, who, start, end)
            found = examine(database, scope, start, tally, progress)
        typer.echo(f"of {store_name()}")
        aware = parse_moment(noticed) if noticed else utc_now()
        for line in report_lines(found, start, end, aware, who):
            typer.echo(line)
        if leads is not None:
            with private_csv(leads) as write:
                write(("lead_id", "calls", "first_call", "last_call"))
                for one in found.leads():
                    ends = (moment.isoformat(timespec="seconds") for moment in (one.first, one.last))
                    write((harmless(one.lead_id), one.calls, *ends))
            facts = {"since": start.isoformat(), "until": end.isoformat(), "leads": tally.leads}
            note(Action.EXPORTED, "leads of a breach", **facts)
            typer.echo(f"\n{tally.leads:,} leads written to {leads}")
