"""The calls with the highest values, found by reading few of them, are those of a plain sort."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation import series
from core.aggregation.cube import load_cube
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.search.slowest import SlowCall, look, slowest_calls
from core.storage.collections import CALLS, ROLLUPS_15M
from core.storage.restrictions import Restriction, restrict
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


@pytest.fixture
def settled(database: Database[Document]) -> Calls:
    """Calls of three days that are rolled up for good."""
    made = Calls(database, 21, START, DAYS)
    made.record_new(400)
    return settle(made, database)


def settle(made: Calls, database: Database[Document]) -> Calls:
    """Roll up calls, which then are as old as if they had been recorded long ago."""
    refresh_rollups(database)
    database[CALLS].update_many({}, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    return made


def ten_slowest(database: Database[Document]) -> Sequence[SlowCall]:
    cube = load_cube(database, *PERIOD, bucket="1h", fields=(FIELD,), campaigns=False, counts=False)
    return slowest_calls(database, cube, FIELD, EVERYTHING)


@pytest.mark.usefixtures("settled")
def test_few_calls_are_read(database: Database[Document]) -> None:
    """Those that began when the highest of their quarter hour did, and no others."""
    cube = load_cube(database, *PERIOD, bucket="1h", fields=(FIELD,), campaigns=False, counts=False)
    found = look(database, cube, FIELD, EVERYTHING, 10)
    assert {end - start for start, end in found.periods} == {timedelta(minutes=15)}
    assert 10 <= len(found.periods) <= 20
    assert set(found.moments) == found.periods
    assert 10 <= len(set().union(*found.moments.values())) <= 20
    assert all(begin <= at < end for (begin, end), said in found.moments.items() for at in said)


def test_with_a_filter_whole_quarter_hours_are_read(database: Database[Document], settled: Calls) -> None:
    """The highest calls of a quarter hour may be others than those that the filter leaves."""
    cube = load_cube(database, *PERIOD, HINDI, bucket="1h", fields=(FIELD,), campaigns=False, counts=False)
    assert not look(database, cube, FIELD, HINDI, 10).moments
    found = slowest_calls(database, cube, FIELD, HINDI)
    assert [call.value for call in found] == values(settled, HINDI)[:10]


def test_an_incident_within_a_quarter_hour_is_listed_whole(
    database: Database[Document], settled: Calls
) -> None:
    """All ten may have begun within the same quarter hour, of which a document names but three."""
    made = [settled.make(f"slow-{number}") for number in range(12)]
    start = START + timedelta(days=1, hours=10)
    settled.record(
        call.model_copy(
            update={"start_time": start + timedelta(seconds=number), FIELD: 90_000.0 + 7 * (number % 5)}
        )
        for number, call in enumerate(made)
    )
    settle(settled, database)
    found = ten_slowest(database)
    assert [call.value for call in found] == values(settled, EVERYTHING)[:10]
    assert all(call.call_id.startswith("slow-") for call in found)


@pytest.mark.usefixtures("settled")
def test_lower_calls_take_the_places_of_hidden_ones(database: Database[Document]) -> None:
    first = ten_slowest(database)
    hidden = [call.call_id for call in first[:4]]
    database[CALLS].update_many({"_id": {"$in": hidden}}, {"$set": {"lead_id": "lead-hidden"}})
    restrict(
        database,
        Restriction.model_validate(
            {"_id": "lead-hidden", "until": START + timedelta(days=9_000), "reason": "dispute", "by": "priya"}
        ),
    )
    found = ten_slowest(database)
    assert len(found) == 10
    assert not {call.call_id for call in found} & {*hidden}
    assert found[:6] == first[4:]


def test_quarter_hours_rolled_up_by_an_older_version_are_read_whole(
    database: Database[Document], settled: Calls
) -> None:
    database[ROLLUPS_15M].update_many({}, {"$unset": {"peaks": 1}})
    assert [call.value for call in ten_slowest(database)] == values(settled, EVERYTHING)[:10]


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
