"""Dirty windows: which recomputation may take a row away."""

from datetime import UTC, datetime, timedelta, timezone

from pymongo.database import Database

from core.storage.recording.dirty_windows import mark_dirty
from core.types import Document


def test_a_window_marked_again_has_one_row_with_a_new_mark(database: Database[Document]) -> None:
    """So a row that changed after it was read is not taken for the one that was read."""
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    mark_dirty(database, [datetime(2024, 2, 29, 5, 44, 59, tzinfo=kathmandu)])
    (first,) = database["dirty_windows"].find()
    assert first["_id"] == datetime(2024, 2, 28, 23, 45, tzinfo=UTC)
    marks = {first["marked_at"]}
    for _ in range(20):
        mark_dirty(database, [first["_id"], first["_id"] + timedelta(minutes=14)])
        (row,) = database["dirty_windows"].find()
        marks.add(row["marked_at"])
    assert len(marks) == 21
