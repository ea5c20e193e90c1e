"""Archiving a million calls: how fast, and bytes per call before and after."""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bson import Timestamp
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.setup.made_calls import fill
from benchmarks.setup.results import note
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import close_all

CALLS = 1_000_000


def _measure(calls: int) -> Table:
    database = get_sync_database()
    old = datetime.now(UTC) - timedelta(days=400)
    fill(database, calls, end=old, recorded_at=Timestamp(old, 1))
    refresh_rollups(database)
    database.client.admin.command("fsync")
    before = database.command("collStats", "calls")
    started = time.perf_counter()
    with Progress(transient=True) as bar:
        task = bar.add_task("Archiving", total=calls)
        archive_due(database, lambda what, _done, _total: bar.update(task, description=what))
    seconds = time.perf_counter() - started
    sizes = [row["bytes"] for row in database["archives"].find()]
    assert database["calls"].count_documents({}) == 0
    table = Table(title=f"Archive of {calls:,} calls, bytes per call", title_justify="left")
    for column in ("", "bytes per call", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    parquet = sum(sizes) / calls
    stored = (before["storageSize"] + before["totalIndexSize"]) / calls
    note("archive", "bytes", parquet, stored)
    for name, size in (
        ("BSON, uncompressed", before["size"] / calls),
        ("MongoDB on disk, snappy", before["storageSize"] / calls),
        ("MongoDB on disk with its indexes", stored),
        (f"Parquet, zstd, {len(sizes)} files", parquet),
    ):
        table.add_row(name, f"{size:,.0f}", f"{size / parquet:.1f}")
    table.caption = f"{calls / seconds:,.0f} calls/s, verified and deleted"
    return table


def main() -> None:
    """Print the table, measured on a scratch embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = str(Path(folder))
        os.environ.pop("MONGODB_URI", None)
        get_settings.cache_clear()
        try:
            Console().print(_measure(CALLS))
        finally:
            close_all(wait_seconds=10)


if __name__ == "__main__":
    main()
