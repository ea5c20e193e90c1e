"""``python -m core api-keys``: API keys with a role and an expiry."""

from typing import Annotated

import typer
from rich.table import Table

from core.access.api_keys import MOST_DAYS, add_api_key, list_api_keys, remove_api_key
from core.access.audit import Action
from core.access.roles import Role
from core.cli.access.store import store
from core.cli.noted import note
from core.cli.store import print_table
from core.clock import utc_now
from core.settings import get_settings

app = typer.Typer(help="Manage API keys with a role and an expiry.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the program that uses the key", show_default=False)]


@app.command()
def add(
    name: Name,
    role: Annotated[
        str | None,
        typer.Option("--role", help="What the key may read and change: viewer, operator, privileged"),
    ] = None,
    ingest: Annotated[bool, typer.Option("--ingest", help="Allow the key to send calls")] = False,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Days until it expires")] = 90,
) -> None:
    """Create a key. It is shown only once; the database keeps its hash."""
    key = add_api_key(store(), name, Role.of(role) if role else None, sends=ingest, days=days)
    note(Action.KEY_CHANGED, name, added_as=role, sends=ingest, days=days)
    typer.echo(key)
    typer.echo(f"Key of {name}, valid for {days} days. It is not shown again.", err=True)


@app.command("list")
def list_them() -> None:
    """List keys with role and expiry, never the key itself."""
    table, now, zone = (
        Table("name", "role", "sends calls", "expires", "id in the log"),
        utc_now(),
        get_settings().tz,
    )
    for key in list_api_keys(store()):
        expires = f"{key.expires_at.astimezone(zone):%Y-%m-%d}"
        table.add_row(
            key.name,
            key.role.label if key.role else "",
            "yes" if key.sends else "",
            f"{expires}, expired" if key.expires_at <= now else expires,
            key.digest[:8],
        )
    print_table(table if table.rows else "no keys except those in the settings")


@app.command()
def remove(name: Name) -> None:
    """Remove a key. Running APIs refuse it within seconds."""
    remove_api_key(store(), name)
    note(Action.KEY_CHANGED, name, removed=True)
    typer.echo(f"key of {name} removed")
