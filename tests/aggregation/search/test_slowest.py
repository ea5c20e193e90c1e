"""The calls with the highest values, found by reading few of them, are those of a plain sort."""

from datetime import timedelta

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation import series
from core.aggregation.cube import load_cube
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.search.slowest import look, slowest_calls
from core.types import Document
from tests.aggregation.calls import Calls, utc

START, DAYS, FIELD = utc(2026, 3, 2), 3, "e2e_latency_ms"
PERIOD = (START + timedelta(minutes=7), START + timedelta(days=DAYS, minutes=-7))
EVERYTHING, HINDI = CallFilters(), CallFilters(language="hindi", status="completed")


@pytest.fixture
def calls(database: Database[Document]) -> Calls:
    """Calls of three days, rolled up, and others that came, changed or went since then."""
    made = Calls(database, 21, START, DAYS)
    made.record_new(400)
    refresh_rollups(database)
    made.record_new(40)
    made.change(40)
    made.delete(10)
    return made


def values(calls: Calls, filters: CallFilters) -> list[float]:
    """Every call's value in the period, highest first."""
    there = [
        call
        for call in calls.stored.values()
        if PERIOD[0] <= call.start_time < PERIOD[1]
        and all(getattr(call, name) == value for name, value in filters.query().items())
    ]
    return sorted((call.e2e_latency_ms for call in there if call.e2e_latency_ms is not None), reverse=True)


@pytest.mark.parametrize("filters", [EVERYTHING, HINDI])
@pytest.mark.parametrize("counts", [True, False])
def test_they_are_those_of_a_plain_sort(
    database: Database[Document], calls: Calls, filters: CallFilters, counts: bool
) -> None:
    cube = load_cube(database, *PERIOD, filters, bucket="1h", fields=(FIELD,), campaigns=False, counts=counts)
    for n in (1, 10, 50):
        found = slowest_calls(database, cube, FIELD, filters, n)
        assert [call.value for call in found] == values(calls, filters)[:n]


def test_few_calls_are_read(database: Database[Document]) -> None:
    """Quarters of the hours that have the highest, once they are rolled up for good."""
    Calls(database, 21, START, DAYS).record_new(400)
    database["calls"].update_many({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    refresh_rollups(database)
    cube = load_cube(database, *PERIOD, bucket="1h", fields=(FIELD,), campaigns=False, counts=False)
    periods = sorted(look(database, cube, FIELD, EVERYTHING, 10).periods)
    assert {end - start for start, end in periods} == {timedelta(minutes=15)}
    assert 10 <= len(periods) <= 20


def test_percentiles_are_the_same_without_counts(database: Database[Document], calls: Calls) -> None:
    """What was not loaded is not taken for none."""
    whole, bare = (
        load_cube(database, *PERIOD, HINDI, bucket="1h", fields=(FIELD,), campaigns=False, counts=counts)
        for counts in (True, False)
    )
    for percentile in ("p50", "p95"):
        expected = series.percentile_by_hour_of_week(whole, FIELD, percentile)
        for one, other in zip(
            series.percentile_by_hour_of_week(bare, FIELD, percentile), expected, strict=True
        ):
            assert one.equals(other)
    assert bare.measured(FIELD) == whole.measured(FIELD) == len(values(calls, HINDI))
    with pytest.raises(ValueError, match="without counts"):
        _ = bare.total
