"""``python -m core compliance``: any number of days against the calling rules, with the evidence."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.access.audit import Action
from core.cli.access.audit import private_csv
from core.cli.calls import parse_days
from core.cli.noted import note
from core.cli.store import print_table, progress_bar
from core.clock import period_of_days
from core.storage.server.connection import check_reachable, get_sync_database

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()


@app.command()
def compliance(
    days: Annotated[
        str, typer.Argument(metavar="DATE|FIRST..LAST", help="2024-10-24, or 2024-10-01..2024-10-31")
    ],
    file: Annotated[
        Path | None,
        typer.Option("--csv", help="New file, a line of evidence per violation; only its owner can read it"),
    ] = None,
) -> None:
    """Check the calls of one or more days against the calling rules, one day at a time."""
    from core.aggregation.compliance.days import Sums, judged_days  # noqa: PLC0415 (needed here alone)
    from core.aggregation.compliance.evidence import evidence  # noqa: PLC0415 (likewise)
    from core.aggregation.search.call_tables import harmless  # noqa: PLC0415 (likewise)
    from core.storage.archive.archived_rows import archived_rows  # noqa: PLC0415 (likewise)
    from core.storage.collections import CALLS  # noqa: PLC0415 (likewise)

    first, last = parse_days(days)
    start, end = period_of_days(first, last)
    check_reachable()
    database, sums, lines = get_sync_database(), Sums(), 0
    with private_csv(file) if file else nullcontext() as write, progress_bar() as progress:
        if write:
            # Before the first line, so that nobody takes lines by breaking off.
            note(Action.EXPORTED, "compliance", since=start.isoformat(), until=end.isoformat())
        for done, judged in enumerate(judged_days(database, first, last), 1):
            sums = sums.plus(judged)
            if write:
                lines += _write(write, evidence(judged).map(harmless), heading=done == 1)
            progress("Checking", done, (last - first).days + 1)
    table = Table("rule", "in force", "calls", "tell", "violations")
    for one in sums.rules:
        counts = (f"{count:,}" for count in (one.calls, one.told, one.violations))
        table.add_row(one.key, "yes" if one.in_force else "no", *counts)
    print_table(table)
    typer.echo(f"{sums.calls_in_violation:,} of {sums.calls:,} calls in violation")
    if archived := archived_rows(database, CALLS, start, end):
        typer.echo(f"{archived:,} archived calls of these days are not checked")
    if file:
        typer.echo(f"{lines:,} lines written to {file}")


def _write(write: Callable[[Iterable[object]], object], rows: "pd.DataFrame", *, heading: bool) -> int:
    if heading:
        write(rows.columns)
    for row in rows.itertuples(index=False):
        write(row)
    return len(rows)
