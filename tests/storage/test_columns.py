"""Documents read as columns: whatever their number, the process's other threads get their turn."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pymongo.database import Database

from core.storage.collections import CALLS
from core.storage.columns import AT_ONCE, find_columns, find_frame
from core.types import Document

START = datetime(2026, 3, 1, tzinfo=UTC)
MANY = 2 * AT_ONCE + 1
COLUMNS = {"_id": pa.string(), "start_time": pa.timestamp("ms", tz="UTC")}


def test_many_are_read_whole_and_no_batch_is_larger_than_others_can_wait_for(
    database: Database[Document],
) -> None:
    """A batch of the server's size takes a tenth of a second to convert; no other thread runs meanwhile."""
    database[CALLS].insert_many(
        {"_id": str(number), "start_time": START + timedelta(seconds=number)} for number in range(MANY)
    )
    database.command("profile", 2)
    table = find_columns(database[CALLS], {}, COLUMNS, sort=[("start_time", 1)])
    frame = find_frame(database[CALLS], {"_id": {"$ne": "0"}}, COLUMNS)
    database.command("profile", 0)
    assert table["_id"].to_pylist() == [str(number) for number in range(MANY)]
    assert set(frame["_id"]) == {str(number) for number in range(1, MANY)}
    reads = database["system.profile"].find({"ns": f"{database.name}.{CALLS}"})
    batches = [read["nreturned"] for read in reads if "nreturned" in read]
    assert sum(batches) == 2 * MANY - 1
    assert max(batches) == AT_ONCE
