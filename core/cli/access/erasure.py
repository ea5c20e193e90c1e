"""Commands to erase a lead, now or later, and to verify receipts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from core.access.audit import Action, lead_token
from core.cli.noted import actor, note
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import counted

if TYPE_CHECKING:
    from core.erasure.traces import Traces

app = typer.Typer()
receipts = typer.Typer(help="Verify receipts of erasures.", no_args_is_help=True)
_receipt = typer.Typer(no_args_is_help=True)
receipts.add_typer(_receipt, name="receipt", help="Receipts in DATA_DIR/erasures/DATABASE.")


@app.command("erase-lead")
def erase_lead(
    lead_id: Annotated[
        str, typer.Argument(help="The lead to erase, by id or phone number", show_default=False)
    ],
    also: Annotated[
        list[str] | None,
        typer.Option(help="Also look for this name or number in texts; can be repeated"),
    ] = None,
    keep_counts: Annotated[
        bool, typer.Option(help="Keep counting its calls in the figures, anonymously")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it, only show what there is")] = False,
) -> None:
    """Permanently erase a lead's data from database, archive and spool, including alerts about it."""
    from core import erasure  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    database = get_sync_database()
    with Console(stderr=True).status("Erasing" if yes else "Searching"):
        if yes:
            found = erasure.erase_lead(database, lead_id, also or (), counts=keep_counts, by=actor().name)
        else:
            found = erasure.find_traces(database, lead_id, also or ())
    if yes:
        note(Action.ERASED, lead_token(lead_id), records=found.records)
    _show(found)
    typer.echo(_outcome(found, erased=yes, counting=keep_counts))
    if found.receipt is not None:
        typer.echo(f"receipt: {found.receipt}")


def _show(found: "Traces") -> None:
    for name, value in vars(found).items():
        if isinstance(value, int):
            label = "dead letters" if name == "refused" else name.replace("_", " ")
            typer.echo(f"{label:<16} {value:>10,}")
    for name, count in found.said.items():
        typer.echo(f"{count:,} {name} name the lead; people wrote them, edit them on the Alerts page")
    for file, lines in found.files.items():
        typer.echo(f"{file} names the lead in {counted(lines, 'line')} and is not rewritten")


def _outcome(found: "Traces", *, erased: bool, counting: bool) -> str:
    if not found.records:
        return "nothing is stored under this id or number"
    if not erased:
        return "nothing erased; add --yes to erase permanently"
    calls = counting and found.calls + found.archived_calls
    counts = "; its calls still count, anonymously (--no-keep-counts prevents that)" if calls else ""
    return f"erased {counted(found.records, 'record')}{counts}"


@app.command("restrict-lead")
def restrict_lead(
    lead_id: Annotated[
        str, typer.Argument(help="The lead to hide, by id or phone number", show_default=False)
    ],
    until: Annotated[str, typer.Option(help="Last day to keep the data: 2027-11-14", show_default=False)],
    reason: Annotated[
        str,
        typer.Option(help="Why it must be kept; stored and logged, so name no person", show_default=False),
    ],
) -> None:
    """Hide a lead from lists, pages and API at once. The scheduler erases it after the day given."""
    from core.clock import date_of, day_bounds  # noqa: PLC0415 (only this command needs it)
    from core.erasure import restrict_lead as hide  # noqa: PLC0415 (likewise)

    check_reachable()
    _, end = day_bounds(date_of(until))
    done = hide(get_sync_database(), lead_id, end, reason, actor().name)
    note(Action.RESTRICTED, lead_token(lead_id), until=until)
    typer.echo(f"hidden now, erased after {until}: {done.lead_id}")


@app.command("show-lead")
def show_lead(
    lead_id: Annotated[
        str, typer.Argument(help="The lead to show, by id or phone number", show_default=False)
    ],
) -> None:
    """Show a lead that was hidden by mistake; it is not erased."""
    from core.erasure.spellings import leads_known_as  # noqa: PLC0415 (only this command needs it)
    from core.storage.restrictions import lift  # noqa: PLC0415 (likewise)

    check_reachable()
    shown = lift(get_sync_database(), leads_known_as(get_sync_database(), lead_id))
    if shown:
        note(Action.RESTRICTED, lead_token(lead_id), lifted=True)
    typer.echo("shown again" if shown else "not hidden")


@_receipt.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The receipt", show_default=False)],
    public_key: Annotated[
        str | None, typer.Option(help="Public key of the expected signer", show_default="this installation")
    ] = None,
) -> None:
    """Verify a receipt's signature and show its contents."""
    from core.storage.receipts import Receipts  # noqa: PLC0415 (only this command needs it)

    receipt = Receipts().verify(file, public_key)
    typer.echo(f"valid signature by {receipt.public_key}")
    for name, value in receipt.model_dump(mode="json", exclude={"public_key", "signature"}).items():
        typer.echo(f"{name:<14} {_plain(value)}")


def _plain(value: object) -> str:
    """Return a value of a receipt as people write it: ``calls 3, turns 12``."""
    if isinstance(value, dict):
        value = [f"{name.replace('_', ' ')} {count:,}" for name, count in value.items() if count]
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
