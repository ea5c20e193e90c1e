"""Commands about webhooks: what was delivered, and reading it anew."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.access.audit import Action
from core.cli.noted import note
from core.cli.store import progress_bar
from core.clock import parse_moment
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import (
    check_reachable,
    close_connections,
    get_sync_database,
    store_name,
)
from core.types import Document

app = typer.Typer(help="What platforms and carriers posted, and reading it anew.", no_args_is_help=True)
Name = Annotated[str | None, typer.Option("--source", help="Of this source alone")]
Since = Annotated[str | None, typer.Option(help="Received since, 2024-10-24T15:30 in TIMEZONE")]
Refused = Annotated[bool, typer.Option("--refused", help="Refused ones alone")]


@app.command("list")
def list_deliveries(
    source: Name = None,
    since: Since = None,
    refused: Refused = False,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most")] = 50,
) -> None:
    """Show the latest deliveries, the newest first: what each was, and what became of it."""
    from core.storage.hook_deliveries import recent_deliveries  # noqa: PLC0415 (only this command needs it)

    query = _query(source, since, refused=refused)
    check_reachable()
    zone = get_settings().tz
    table = Table("received", "source", "event", "outcome", "call", "why, or what is odd")
    for one in recent_deliveries(get_sync_database(), most=most, **query):
        unknown = f"unknown: {', '.join(one.unknown)}" if one.unknown else None
        why = "; ".join(filter(None, (one.reason, one.remark, *one.left_out, unknown)))
        at = f"{one.received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        table.add_row(
            at, *(Text(text) for text in (one.source, one.event, one.outcome, one.call_id or "", why))
        )
    typer.echo(f"of {store_name()}")
    Console(highlight=False).print(table if table.rows else "no such delivery within 7 days")


@app.command("replay")
def replay(source: Name = None, since: Since = None, refused: Refused = False) -> None:
    """Read kept deliveries anew and record what they say; the same again changes nothing."""
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
    typer.echo(f"replayed {sum(became.values()):,} deliveries")


def _query(source: str | None, since: str | None, *, refused: bool) -> Document:
    from core.hooks.replay import wanted  # noqa: PLC0415 (only these commands need it)
    from core.hooks.secrets import sources  # noqa: PLC0415 (as above)

    if source is not None and source not in sources():
        raise UserError(f"{source!r} is no source; there are {', '.join(sorted(sources()))}")
    return wanted(source, parse_moment(since) if since else None, refused=refused)
