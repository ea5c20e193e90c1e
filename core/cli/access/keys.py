"""``python -m core keys``: the keys that encrypt personal values."""

import base64
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.access.audit import Action
from core.cli.noted import note
from core.cli.store import print_table, progress_bar
from core.errors import UserError
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import counted
from core.variables.master_keys import KEY_BYTES

if TYPE_CHECKING:
    from core.privacy.encryption import EncryptionService

app = typer.Typer(help="Create, rotate, list, export and import encryption keys.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str | None, typer.Argument(help="Name of the key, for example 2026")] = None,
) -> None:
    """Print a new key: for ENCRYPTION_KEYS, BLIND_INDEX_KEY or ERASURE_RECEIPT_KEY. Nothing is stored."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    typer.echo(f"{name}:{key}" if name else key)


@app.command("list")
def list_keys() -> None:
    """List the keys in ENCRYPTION_KEYS by name, and what each wraps."""
    from core.storage.recording.spool import spooled_under  # noqa: PLC0415 (only this command needs it)
    from core.storage.sealing.lead_keys import wrapped_with  # noqa: PLC0415 (likewise)

    service = _service()
    check_reachable()
    wraps = wrapped_with(get_sync_database())
    table = Table(title="Keys", title_justify="left")
    for column in ("name", "lead keys", "spool files", "use"):
        table.add_column(column)
    for name in [*service.names, *sorted(set(wraps) - set(service.names))]:
        held = spooled_under(name)
        use = (
            "wraps new keys"
            if name == service.first
            else "can be removed"
            if not (wraps.get(name) or held)
            else "opens"
        )
        use = use if name in service.names else "MISSING from ENCRYPTION_KEYS"
        table.add_row(name, f"{wraps.get(name, 0):,}", f"{held:,}", use)
    print_table(table)


@app.command("rotate")
def rotate() -> None:
    """Rewrap all lead keys with the first of ENCRYPTION_KEYS. Run it again if it was interrupted."""
    from core.storage.recording.spool import spooled_under  # noqa: PLC0415 (only this command needs it)
    from core.storage.sealing.lead_keys import rotate as wrap_anew  # noqa: PLC0415 (likewise)
    from core.storage.sealing.lead_keys import wrapped_with  # noqa: PLC0415 (likewise)

    service = _service()
    check_reachable()
    database = get_sync_database()
    with progress_bar() as progress:
        done = wrap_anew(database, service, progress)
    note(Action.KEY_CHANGED, service.first, rotated=done)
    typer.echo(f"wrapped {counted(done, 'key')} with {service.first}")
    wraps = wrapped_with(database)
    for name in service.names[1:]:
        if held := spooled_under(name):
            holding = counted(held, "spool file holds", "spool files hold")
            typer.echo(f"{name} is still needed: {holding} values under it")
        elif wraps.get(name):
            typer.echo(
                f"{name} is still needed: it wraps {counted(wraps[name], 'key')} created since; rotate again"
            )
        else:
            typer.echo(f"{name} wraps nothing: remove it once every process has the new key")


@app.command("export")
def export(file: Annotated[Path, typer.Argument(help="New file", show_default=False)]) -> None:
    """Write all lead keys, wrapped, to a file. Keep it apart from backups and renew it often."""
    from core.storage.sealing.lead_keys import export_keys  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    wrote = export_keys(get_sync_database(), file)
    note(Action.EXPORTED, "keys of leads", keys=wrote, file=file.name)
    typer.echo(f"wrote {counted(wrote, 'key')} to {file}")


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(help="File written by export", show_default=False)]) -> None:
    """Restore exported keys, except those of leads erased since."""
    from core.storage.sealing.lead_keys import import_keys  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    with progress_bar() as progress:
        done = import_keys(get_sync_database(), file, progress)
    note(Action.KEY_CHANGED, "keys of leads", stored=done.stored, file=file.name)
    stored = counted(done.stored, "key")
    typer.echo(f"stored {stored}; {done.there:,} already there, {done.erased:,} of leads erased since")


def _service() -> "EncryptionService":
    from core.privacy.encryption import encryption  # noqa: PLC0415 (only these commands need it)

    service = encryption()
    if service is None:
        raise UserError("ENCRYPTION_KEYS is not set: `python -m core keys new` prints a key for it")
    return service
