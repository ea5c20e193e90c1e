"""``python -m core alerts``: list, acknowledge, silence and close alerts."""

import getpass
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from core.access.audit import Action
from core.cli import noted
from core.cli.store import print_table, say
from core.clock import parse_moment, to_utc
from core.errors import UserError
from core.models.alerts import ACKNOWLEDGED_HOURS, Alert
from core.models.recurrence import Recurrence
from core.models.rules import minutes_of
from core.models.silences import MATCHERS, Silence
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database, server_time

app = typer.Typer(help="List, acknowledge, silence and close alerts.", no_args_is_help=True)
Which = Annotated[
    str,
    typer.Argument(metavar="ALERT", help="Id of the alert, the start of it, or its rule", show_default=False),
]
Who = Annotated[str | None, typer.Option("--as", help="Your name", show_default="your login")]
Note = Annotated[str, typer.Option(help="What you found, or the reason")]


@app.command("list")
def list_alerts() -> None:
    """Show firing and pending alerts, and silences."""
    from core.alerting.board import alert_board, silence_lines  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rota import on_call_words  # noqa: PLC0415 (only this command needs it)
    from core.alerting.wording import moment  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    database = get_sync_database()
    now = to_utc(server_time(database))
    board = alert_board(database, now)
    found = [*board.active, *board.silenced, *board.pending]
    table = Table(title="Alerts", title_justify="left")
    for column in ("id", "severity", "alert", "since", "state"):
        table.add_column(column, no_wrap=column == "id")
    for alert in found:
        table.add_row(
            alert.id, alert.severity, alert.message, moment(alert.started_at), _standing(alert, now)
        )
    print_table(table if found else "No alert is firing or pending.")
    if (words := on_call_words(get_settings(), now)) is not None:
        say(f"on call: {words}")
    for line in silence_lines(database, now):
        if line.standing != "over":
            say(_silence_line(line.silence, line.standing))


@app.command("ack")
def acknowledge(
    alert: Which,
    who: Who = None,
    note: Note = "",
    lasts: Annotated[
        str, typer.Option("--for", help="How long, for example 30m or 1d")
    ] = f"{ACKNOWLEDGED_HOURS}h",
) -> None:
    """Acknowledge an alert: stop reminders and escalation, and notify its channels."""
    from core.alerting import actions  # noqa: PLC0415 (only this command needs it)
    from core.alerting.wording import moment  # noqa: PLC0415 (only this command needs it)

    found = _firing(alert)
    held = actions.acknowledge(
        get_sync_database(), found.id, _name(who), note, lasts=_span(lasts)
    ).acknowledged
    noted.note(Action.ACKNOWLEDGED, found.id, name=who)
    until = f" until {moment(held.until)}" if held else ""
    say(f"{found.name} is acknowledged{until}; its channels are notified")


@app.command("silence")
def silence_alerts(
    alert: Annotated[
        str | None,
        typer.Argument(metavar="ALERT", help="One alert; otherwise use --label", show_default=False),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help=f"label=value, with * for any text: {', '.join(MATCHERS)}")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; required")] = "",
    who: Who = None,
    lasts: Annotated[str, typer.Option("--for", help="How long, for example 30m, 4h or 7d")] = "1h",
    until: Annotated[str | None, typer.Option(help="End time instead of a duration, in TIMEZONE")] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="Recurring hours, forever unless --until: mon-fri 22:00-24:00, 1-7 jan 00:00-06:00"
        ),
    ] = None,
) -> None:
    """Silence alerts for a while. Whatever still fires when it ends is sent then."""
    from core.alerting import actions  # noqa: PLC0415 (only this command needs it)
    from core.alerting.notify.muting import matchers_of  # noqa: PLC0415 (only this command needs it)

    matchers = _matchers(label or ())
    if alert is not None:
        found = _firing(alert)
        matchers = matchers_of(found) | matchers
    if not matchers:
        raise UserError("name an alert, or labels to silence: --label campaign=diwali")
    if not note.strip():
        raise UserError("--note is missing: write why, for example --note 'Dialler maintenance'")
    check_reachable()
    database = get_sync_database()
    now = to_utc(server_time(database))
    made = actions.silence(
        database,
        matchers,
        now,
        _end(now, lasts, until, every),
        _name(who),
        note,
        recurrence=_recurrence(every) if every is not None else None,
    )
    noted.note(Action.SILENCED, made.id, name=who)
    say(f"Silenced: {_silence_line(made, 'active')}")


@app.command("unsilence")
def end_silence(
    silence_id: Annotated[
        str, typer.Argument(metavar="SILENCE", help="Whole id of the silence", show_default=False)
    ],
) -> None:
    """End a silence now. Whatever still fires is sent at the next check."""
    from core.alerting import actions  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    actions.end_silence(get_sync_database(), silence_id)
    noted.note(Action.UNSILENCED, silence_id)
    typer.echo("Silence ended")


@app.command("close")
def close(alert: Which, who: Who = None, note: Note = "") -> None:
    """Resolve an alert by hand. It fires again if its rule is still breached."""
    from core.alerting import actions  # noqa: PLC0415 (only this command needs it)

    found = _firing(alert)
    actions.close(get_sync_database(), found.id, _name(who), note)
    noted.note(Action.CLOSED, found.id, name=who)
    say(f"{found.name} is closed; its channels are notified")


app.command("resolve", hidden=True)(close)


def _firing(called: str) -> Alert:
    from core.alerting.actions import find_firing  # noqa: PLC0415 (loads what takes a while)

    check_reachable()
    return find_firing(get_sync_database(), called)


def _name(given: str | None) -> str:
    try:
        return given or getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        raise UserError("your name is unknown; pass it with --as asha") from None


def _matchers(labels: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in labels:
        name, equals, value = text.partition("=")
        if not (equals and value.strip()):  # an empty one would match every alert without this label
            raise UserError(f"--label {text} has no value; for example: --label campaign=diwali")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def _span(text: str) -> timedelta:
    try:
        minutes = minutes_of(text)
    except ValueError as error:
        raise UserError(f"--for {text} {error}") from None
    if not minutes:
        raise UserError(f"--for {text} is no time at all; write for example 30m")
    return timedelta(minutes=minutes)


def _end(now: datetime, lasts: str, until: str | None, every: str | None) -> datetime | None:
    if until is not None:
        return to_utc(parse_moment(until))
    return None if every is not None else now + _span(lasts)


def _recurrence(text: str) -> Recurrence:
    try:
        return Recurrence.parse(text, get_settings().timezone)
    except ValueError as error:
        raise UserError(f"--every {error}") from None


def _standing(alert: Alert, now: datetime) -> str:
    if alert.silenced_by:
        return f"silenced by {', '.join(alert.silenced_by)}"
    if alert.inhibited_by:
        return "inhibited by another alert"
    if alert.acknowledged is not None and now < alert.acknowledged.until:
        return f"acknowledged by {alert.acknowledged.author}"
    return "flapping" if alert.flapping else str(alert.state)


def _silence_line(silence: Silence, standing: str) -> str:
    from core.alerting.wording import moment  # noqa: PLC0415 (loads what takes a while)

    end = f"until {moment(silence.end)}" if silence.end else "until it is ended"
    when = f" {silence.recurrence.words}" if silence.recurrence else ""
    return (
        f"silence {silence.id} ({standing}): {silence.words}{when} {end}; {silence.author}: {silence.comment}"
    )
