"""``python -m core rules``: list, export, import and preview alert rules."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.access.audit import Action
from core.cli.noted import note
from core.cli.store import print_table, say
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import counted

app = typer.Typer(help="List, export, import and preview alert rules.", no_args_is_help=True)
STANDARD_STREAM = Path("-")


@app.command("list")
def list_rules() -> None:
    """Show the rules in force."""
    from core.alerting.rules.rule_store import rules_in_force  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    found = rules_in_force(get_sync_database())
    table = Table(title="Alert rules in force", title_justify="left")
    for column in ("id", "metric", "fires", "window", "for", "enabled"):
        table.add_column(column, no_wrap=column == "id")
    for rule in found.rules:
        levels = ", ".join(f"{level.threshold:g} {severity}" for severity, level in rule.levels.items())
        spans = (f"{rule.window_minutes} min", f"{rule.for_minutes} min")
        table.add_row(
            rule.id, rule.metric, f"{rule.operator} {levels}", *spans, "yes" if rule.enabled else "no"
        )
    print_table(table)
    _say_refused(found.refused)
    for line in found.leaving:
        typer.echo(line, err=True)


@app.command("export")
def export_rules(
    file: Annotated[Path, typer.Argument(help="TOML file to write; - for stdout")] = STANDARD_STREAM,
) -> None:
    """Write the rules in force as TOML, for another machine or for ALERT_RULES_FILE."""
    from core.alerting.rules.rule_store import rules_in_force  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.toml_file import to_toml  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    found = rules_in_force(get_sync_database())
    text = to_toml(found.rules)
    if file == STANDARD_STREAM:
        typer.echo(text, nl=False)
    else:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror}") from None
        typer.echo(f"{counted(len(found.rules), 'rule')} written to {file}", err=True)
    _say_refused(found.refused)


@app.command("import")
def import_rules(
    file: Annotated[Path, typer.Argument(help="TOML file with rules", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every rule, store nothing")] = False,
) -> None:
    """Store the rules of a TOML file, replacing rules with the same id. Exit code 1 if one is refused."""
    from core.alerting.channels.configured import nameable_channels  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.builtin import built_in_rules  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.rule_store import rules_in_force, save_rule  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.soundness import slips  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.toml_file import read_rules  # noqa: PLC0415 (only this command needs it)

    found = read_rules(file, source="the file")
    known = {rule.id for rule in (*found.rules, *built_in_rules())}
    if not dry_run:
        check_reachable()
        known |= {rule.id for rule in rules_in_force(get_sync_database()).rules}
    told = nameable_channels(get_settings())
    wrong = {rule.id: slip for rule in found.rules if (slip := next(slips(rule, told, known), None))}
    good = [rule for rule in found.rules if rule.id not in wrong]
    for rule in () if dry_run else good:
        save_rule(get_sync_database(), rule, author="import")
        note(Action.RULE_CHANGED, rule.id, file=file.name)
    refused = (*found.refused, *(f"the file {file}: {slip}" for slip in wrong.values()))
    became = counted(len(good), "valid rule") if dry_run else f"{counted(len(good), 'rule')} stored"
    typer.echo(f"{became}, {len(refused)} refused")
    _say_refused(refused)
    raise typer.Exit(1 if refused else 0)


@app.command("preview")
def preview_rule(
    rule_id: Annotated[str, typer.Argument(help="Id of a rule in force", show_default=False)],
    days: Annotated[int, typer.Option(min=1, max=30, help="How many days back")] = 7,
) -> None:
    """Show when a rule would have fired in the last days. Stores and sends nothing."""
    from core.alerting.preview import preview  # noqa: PLC0415 (only this command needs it)
    from core.alerting.rules.rule_store import rules_in_force  # noqa: PLC0415 (only this command needs it)
    from core.alerting.wording import moment  # noqa: PLC0415 (only this command needs it)

    check_reachable()
    database = get_sync_database()
    rules = {rule.id: rule for rule in rules_in_force(database).rules}
    if rule_id not in rules:
        raise UserError(f"there is no rule {rule_id!r}; rules in force: {', '.join(rules)}")
    with Console(stderr=True).status("Replaying"):
        found = preview(database, rules[rule_id], days)
    for firing in found.firings:
        end = moment(firing.end) if firing.end else "now"
        say(f"{moment(firing.start)} to {end}  {firing.severity}: {firing.message}")
    checks = counted(found.checks, "check")
    typer.echo(f"{counted(len(found.firings), 'firing')} in {checks} since {moment(found.start)}")


def _say_refused(refused: tuple[str, ...]) -> None:
    for line in refused:
        sys.stderr.write(f"refused: {line}\n")
