"""An example of each command that takes something, shown below its help."""

from collections.abc import Iterator

import typer
from typer.models import CommandInfo

EXAMPLES: dict[str, tuple[str, ...]] = {
    "import": ("import calls.csv", "import 'calls-*.csv' --mapping calls.toml --dry-run"),
    "aggregate": ("aggregate 2026-03-14", "aggregate 2026-03-01..2026-03-31"),
    "check-alerts": ("check-alerts --dry-run", "check-alerts --at 2026-03-14T15:30 --dry-run"),
    "report": ("report --day 2026-03-14", "report --week --html week.html"),
    "archive": ("archive --dry-run",),
    "backup": ("backup /srv/backups/2026-03-14",),
    "restore": ("restore /srv/backups/2026-03-14",),
    "erase-lead": ("erase-lead lead-47", "erase-lead lead-47 --also 'Asha Rao' --yes"),
    "restrict-lead": ("restrict-lead lead-47 --until 2027-11-14 --reason dispute",),
    "show-lead": ("show-lead lead-47",),
    "logs": ("logs agent.log --level WARNING --since 15m", "logs agent.log --call 5d1f0a --follow"),
    "breach": ("breach --since 2026-03-14T10:00 --until 2026-03-14T18:00",),
    "compliance": ("compliance 2026-03-14", "compliance 2026-03-01..2026-03-31 --csv march.csv"),
    "rules export": ("rules export rules.toml",),
    "rules import": ("rules import rules.toml --dry-run",),
    "rules preview": ("rules preview speech_latency --days 30",),
    "hooks list": ("hooks list --source twilio --refused",),
    "hooks replay": ("hooks replay --source twilio --since 2026-03-14T00:00",),
    "keys new": ("keys new 2026",),
    "keys export": ("keys export keys.json",),
    "keys import": ("keys import keys.json",),
    "erasure receipt verify": ("erasure receipt verify receipt.json",),
    "alerts ack": ("alerts ack speech_latency --note 'looking at it' --for 2h",),
    "alerts silence": (
        "alerts silence speech_latency --for 4h --note 'known'",
        "alerts silence --label campaign=diwali --for 4h --note test",
    ),
    "alerts unsilence": ("alerts unsilence 0c4be1d2f7a9",),
    "alerts close": ("alerts close speech_latency --note 'false alarm'",),
    "alerts resolve": ("alerts resolve disk_full --note 'cleaned up'",),
    "audit verify": ("audit verify",),
    "audit list": ("audit list --actor asha --since 2026-03-14T00:00",),
    "audit export": ("audit export audit.csv --since 2026-03-01T00:00",),
    "users add": ("users add asha --role operator",),
    "users password": ("users password asha",),
    "users role": ("users role asha viewer",),
    "users disable": ("users disable asha",),
    "users enable": ("users enable asha",),
    "users remove": ("users remove asha",),
    "api-keys add": ("api-keys add grafana --role viewer",),
    "api-keys remove": ("api-keys remove grafana",),
}
"""By command, what to type after ``python -m core``."""


def attach(app: typer.Typer) -> None:
    """Show the examples of all commands of an application below their help."""
    for path, command in _commands(app, ""):
        lines = [f"python -m core {line}" for line in EXAMPLES.get(path, ())]
        if lines:
            command.epilog = "\n\n".join(["For example:", *lines])


def _commands(app: typer.Typer, before: str) -> Iterator[tuple[str, CommandInfo]]:
    for command in app.registered_commands:
        callback = command.callback
        name = command.name or (callback.__name__.replace("_", "-") if callback else "")
        yield f"{before}{name}", command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, f"{before}{group.name or ''} ")
