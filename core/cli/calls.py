"""Commands for calls: recompute daily figures."""

from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from core.cli.store import print_table
from core.clock import parse_date
from core.errors import UserError
from core.models.metrics import DailyMetrics
from core.settings import get_settings
from core.storage.server.connection import check_reachable, get_sync_database

app = typer.Typer()


@app.command()
def aggregate(
    days: Annotated[
        str, typer.Argument(metavar="DATE|FIRST..LAST", help="2024-10-24, or 2024-10-01..2024-10-31")
    ],
) -> None:
    """Recompute the figures of one or more days and store them in daily_metrics."""
    first, last = parse_days(days)
    check_reachable()
    figures = _aggregate(first, last)
    print_table(_daily_table(figures))


def parse_days(text: str) -> tuple[date, date]:
    """Return the first and the last of ``2024-10-01..2024-10-31``, or one day twice.

    Raises:
        UserError: it is neither.
    """
    first_text, dots, last_text = text.partition("..")
    first = parse_date(first_text)
    last = parse_date(last_text) if dots else first
    if last < first:
        raise UserError(f"{last} is before {first}; put the earlier day first")
    return first, last


def _aggregate(first: date, last: date) -> list[DailyMetrics]:
    from core.aggregation.daily import rebuild_days  # noqa: PLC0415 (only this command needs it)

    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("quarter hours"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Aggregating", total=None)
        return rebuild_days(
            get_sync_database(),
            first,
            last,
            lambda done, total: bar.update(task, completed=done, total=total),
        )


def _daily_table(figures: list[DailyMetrics]) -> Table:
    columns = ("calls", "completed", "failed", "no answer", "failure", "qualified")
    table = Table(title=f"Calls by day, {get_settings().timezone}", title_justify="left")
    table.add_column("day", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for day in figures:
        counts = (day.total_calls, day.completed_calls, day.failed_calls, day.no_answer_calls)
        shares = (day.failure_rate, day.qualification_rate)
        table.add_row(
            f"{day.date}",
            *(f"{count:,}" for count in counts),
            *("-" if share is None else f"{share * 100:.1f} %" for share in shares),
        )
    return table
