"""Commands for webhooks: list and replay deliveries."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from core.access.audit import Action
from core.cli.noted import note
from core.cli.store import print_table, progress_bar
from core.clock import parse_moment
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import (
    check_reachable,
    close_connections,
    get_sync_database,
    store_name,
)
from core.types import Document, counted

app = typer.Typer(help="List and replay webhook deliveries of platforms and carriers.", no_args_is_help=True)
Name = Annotated[str | None, typer.Option("--source", help="Only this source")]
Since = Annotated[
    str | None, typer.Option(help="Only received since this time: 2024-10-24T15:30, in TIMEZONE")
]
Refused = Annotated[bool, typer.Option("--refused", help="Only refused deliveries")]


@app.command("list")
def list_deliveries(
    source: Name = None,
    since: Since = None,
    refused: Refused = False,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number to show")] = 50,
) -> None:
    """Show recent deliveries and their outcome, newest first."""
    from core.storage.hook_deliveries import recent_deliveries  # noqa: PLC0415 (only this command needs it)

    query = _query(source, since, refused=refused)
    check_reachable()
    zone = get_settings().tz
    table = Table("received", "source", "event", "outcome", "call", "reason or remark")
    for one in recent_deliveries(get_sync_database(), most=most, **query):
        unknown = f"unknown: {', '.join(one.unknown)}" if one.unknown else None
        why = "; ".join(filter(None, (one.reason, one.remark, *one.left_out, unknown)))
        at = f"{one.received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        table.add_row(at, one.source, one.event, one.outcome, one.call_id or "", why)
    typer.echo(f"Store: {store_name()}")
    print_table(table if table.rows else "no matching delivery in the last 7 days")


@app.command("replay")
def replay(source: Name = None, since: Since = None, refused: Refused = False) -> None:
    """Process kept deliveries again and record the result. Replaying twice changes nothing more."""
    from core.hooks.replay import replay_deliveries  # noqa: PLC0415 (only this command needs it)

    query = _query(source, since, refused=refused)
    check_reachable()
    with progress_bar() as progress:

        async def run() -> dict[str, int]:
            try:
                return dict(await replay_deliveries(get_sync_database(), query, progress))
            finally:
                await close_connections()

        became = asyncio.run(run())
    note(Action.REPLAYED, source or "all sources", deliveries=sum(became.values()), since=since)
    for outcome, count in sorted(became.items()):
        typer.echo(f"{count:>10,} {outcome}")
    typer.echo(f"replayed {counted(sum(became.values()), 'delivery', 'deliveries')}")


def _query(source: str | None, since: str | None, *, refused: bool) -> Document:
    from core.hooks.replay import wanted  # noqa: PLC0415 (only these commands need it)
    from core.hooks.secrets import sources  # noqa: PLC0415 (as above)

    if source is not None and source not in sources():
        raise UserError(f"{source!r} is not a source; choose from {', '.join(sorted(sources()))}")
    return wanted(source, parse_moment(since) if since is not None else None, refused=refused)
