"""``python -m core report``: a day or a week as HTML, as PDF, or sent to the channels."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.store import say
from core.clock import local_today, parse_date
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import counted

if TYPE_CHECKING:
    from core.alerting.channels.message import Message
    from core.reporting.span import Span

app = typer.Typer()


@app.command()
def report(
    day: Annotated[str | None, typer.Option(help="Local day, 2024-10-24", show_default="yesterday")] = None,
    week: Annotated[bool, typer.Option("--week", help="The seven days that end with it")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page to print to this file")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF to this file; needs Chromium")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the channels that take reports")] = False,
) -> None:
    """Report a day or a week: what happened and why, key figures against targets, alerts."""
    from core.reporting.message import report_message, text  # noqa: PLC0415 (only this command needs it)
    from core.reporting.page import page  # noqa: PLC0415 (only this command needs it)
    from core.reporting.pdf import write_pdf  # noqa: PLC0415 (only this command needs it)
    from core.reporting.read import read_report  # noqa: PLC0415 (only this command needs it)
    from core.reporting.span import Span  # noqa: PLC0415 (only this command needs it)

    last = parse_date(day) if day is not None else local_today() - timedelta(days=1)
    span = Span(last - timedelta(days=6), 7) if week else Span(last)
    check_reachable()
    made = read_report(get_sync_database(), span)
    if not (html or pdf or send):
        say(f"{span.words}\n\n{text(made)}")
    if html:
        try:
            html.write_text(page(made), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{html} cannot be written: {error.strerror}") from None
        typer.echo(f"Wrote {html}")
    if pdf:
        write_pdf(page(made), pdf)
        typer.echo(f"Wrote {pdf}")
    if send:
        sent = asyncio.run(_send(span, report_message(made)))
        already = "; whoever has it already does not get it again" if not sent else ""
        typer.echo(f"Sent to {counted(sent, 'recipient')}{already}")


async def _send(span: "Span", message: "Message") -> int:
    from core.alerting.channels.configured import configured_channels  # noqa: PLC0415 (as above)
    from core.reporting.send import send_report, takers  # noqa: PLC0415 (as above)
    from core.storage import get_database  # noqa: PLC0415 (as above)
    from core.storage.server.connection import close_connections  # noqa: PLC0415 (as above)

    channels = configured_channels(get_settings())
    if not takers(channels):
        raise UserError("no channel takes reports; set up mail or Slack, docs/reports.md says how")
    try:
        return await send_report(get_database(), span, message, channels)
    finally:
        await close_connections()
