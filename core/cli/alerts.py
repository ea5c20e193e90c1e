"""Commands for alerts: check the rules, test the channels."""

import asyncio
from typing import Annotated

import typer

from core.access.audit import Action
from core.cli.noted import note
from core.cli.store import say
from core.clock import parse_moment
from core.settings import get_settings
from core.storage.server.connection import check_reachable

app = typer.Typer()


@app.command("check-alerts")
def check_alerts(
    at: Annotated[
        str | None,
        typer.Option(help="Check as of this time, for example 2024-10-24T15:30", show_default="now"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send and store nothing")
    ] = False,
) -> None:
    """Check the alert rules once and send notifications."""
    from core.services.alert_service import check_and_send_alerts  # noqa: PLC0415 (only this command needs it)

    moment = parse_moment(at) if at is not None else None
    check_reachable()
    report = asyncio.run(check_and_send_alerts(None, at=moment, dry_run=dry_run))
    for line in report.lines():
        say(line)


@app.command("test-alert")
def test_alert() -> None:
    """Send a test message to every channel. Exit code 1 if a configured channel fails."""
    from core.services.alert_service import AlertService  # noqa: PLC0415 (only this command needs it)

    outcome, settings = asyncio.run(AlertService().try_channels()), get_settings()
    note(Action.TESTED_CHANNEL, ", ".join(outcome) or "none")
    variables = {
        "email": "SMTP_SERVER, ALERT_EMAIL_FROM and ALERT_EMAIL_TO",
        "slack": "SLACK_WEBHOOK_URL",
    }
    for channel in variables.keys() - outcome.keys():
        typer.echo(f"{channel}: not configured; set {variables[channel]}")
    for channel, recipients in outcome.items():
        for recipient, reason in recipients.items():
            name = channel if recipient == channel else f"{channel}, {recipient}"
            typer.echo(f"{name}: " + (f"FAILED: {reason}" if reason else "delivered"))
    if outcome and settings.dashboard_public_url is None:
        typer.echo(f"links only work on this machine ({settings.dashboard_url}); set DASHBOARD_PUBLIC_URL")
    failed = any(reason for recipients in outcome.values() for reason in recipients.values())
    raise typer.Exit(1 if failed else 0)
