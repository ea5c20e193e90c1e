"""Another version writes roll-ups in the same store: on a second machine, or after an upgrade taken back."""

from collections.abc import Callable

import pytest
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.refresh import refresh_rollups
from core.settings import get_settings
from core.storage.collections import ROLLUPS_15M, ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY, ROLLUPS_HOURLY
from core.types import Document
from tests.storage.archive.test_mover import PERIOD, call, recorded_long_ago

CALLS = 60
DAYS = (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS, ROLLUPS_HOURLY)


def one_window(database: Database[Document]) -> None:
    """The other version recomputes a quarter hour, and merges its day from what it can read."""
    window = database[ROLLUPS_15M].find_one({"calls": {"$gt": 0}}, sort=[("_id", 1)])
    assert window is not None
    rewrite(database, ROLLUPS_15M, {"_id": window["_id"]})
    days(database)


def days(database: Database[Document]) -> None:
    """It merges days whose quarter hours are all of our form: it finds none that it can read."""
    for name in DAYS:
        rewrite(database, name, {})


def rewrite(database: Database[Document], name: str, query: Document) -> None:
    for row in list(database[name].find(query)):
        kept: Document = {key: row[key] for key in ("_id", "start", "zone", "date", "read_at") if key in row}
        calls = row["calls"] if name == ROLLUPS_15M else 0
        database[name].replace_one({"_id": row["_id"]}, {**kept, "calls": calls, "schema_version": 1})


@pytest.mark.parametrize("written", [one_window, days])
@pytest.mark.parametrize("bucket", ["15min", "1h", "1D"])
def test_figures_stay_whole_while_another_version_writes_roll_ups_and_after_it(
    database: Database[Document],
    written: Callable[[Database[Document]], None],
    bucket: Bucket,
) -> None:
    # Recorded long ago: nothing but the documents says that another version was here.
    recorded_long_ago(database, [call(number) for number in range(CALLS)])
    refresh_rollups(database)
    written(database)
    assert load_cube(database, *PERIOD, bucket=bucket).total == CALLS
    refresh_rollups(database)
    assert load_cube(database, *PERIOD, bucket=bucket).total == CALLS
    for name in (ROLLUPS_15M, *DAYS):
        assert database[name].count_documents({"schema_version": 1}) == 0


def test_a_row_among_the_roll_ups_that_is_none_of_ours_stops_no_refresh(database: Database[Document]) -> None:
    recorded_long_ago(database, [call(number) for number in range(CALLS)])
    refresh_rollups(database)
    zone = get_settings().timezone
    for name, ids in (
        (ROLLUPS_15M, ("text", 7)),
        (ROLLUPS_DAILY, ("text", f"{zone}:text", f"{zone}:2026-99-99")),
    ):
        database[name].insert_many([{"_id": identity} for identity in ids])
    refresh_rollups(database)
    assert load_cube(database, *PERIOD).total == CALLS
