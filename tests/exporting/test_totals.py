"""Counters say what the calls say, and never less than they said before."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.database import Database

from core.aggregation.rollups.refresh import refresh_rollups
from core.exporting.catalogue import MOST_ERROR_TYPES
from core.exporting.sums import TOTAL, Sums
from core.exporting.totals import advance_totals, packed, read_totals
from core.settings import get_settings
from core.storage.calls import delete_calls, write_calls
from core.storage.collections import EXPORTED_DAYS, EXPORTED_TOTALS
from core.types import Document
from tests.aggregation.calls import Calls
from tests.api.test_routes import call

START = datetime(2024, 2, 27, 20, tzinfo=UTC)


def told(database: Database[Document]) -> Sums:
    """What is published once all that is stored was taken in."""
    refresh_rollups(database)
    advance_totals(database)
    totals = read_totals(database)
    assert totals is not None
    return totals.published


def some(database: Database[Document], number: int = 60) -> Calls:
    """Random calls of three days."""
    calls = Calls(database, 7, START, 3)
    calls.record(calls.make(str(n)) for n in range(number))
    return calls


def test_totals_are_what_the_calls_add_up_to(database: Database[Document]) -> None:
    """By direction, language and status; turns, errors, rupees, and every value of a latency in a bin."""
    stored = some(database).stored.values()
    sums = told(database)
    by_label = Counter((one.direction, one.language, one.status) for one in stored)
    assert {key[1:]: n for key, n in sums.items() if key[0] == "calls"} == by_label
    errors = Counter(error.type for one in stored for error in one.errors)
    assert {key[1]: n for key, n in sums.items() if key[0] == "errors"} == errors
    endings = Counter(one.end_reason for one in stored if one.end_reason)
    assert {key[1]: n for key, n in sums.items() if key[0] == "call_endings"} == endings
    turns = sum(one.total_turns or 0 for one in stored)
    assert sum(n for key, n in sums.items() if key[0] == "turns") == turns
    rupees = sum(one.cost.asr or 0.0 for one in stored if one.cost)
    assert sums["cost_rupees", "asr"] == pytest.approx(rupees)
    values = [one.e2e_latency_ms / 1000 for one in stored if one.e2e_latency_ms is not None]
    bins = {key: n for key, n in sums.items() if key[0] == "e2e_latency_seconds"}
    assert sum(n for key, n in bins.items() if key[2] != TOTAL) == len(values)
    assert sum(n for key, n in bins.items() if key[2] == TOTAL) == pytest.approx(sum(values))


@pytest.mark.parametrize("seed", range(2))
def test_a_counter_never_falls_whatever_becomes_of_calls(database: Database[Document], seed: int) -> None:
    """New, late, corrected, moved to another day and erased calls; a new call counts at once."""
    calls = Calls(database, seed, START, 3)
    before: Sums = {}
    for step in range(4):
        calls.record(calls.make(f"{step}-{n}") for n in range(12))
        calls.change(6)
        calls.delete(3)
        now = told(database)
        assert {
            key: (value, now.get(key)) for key, value in before.items() if now.get(key, 0.0) < value
        } == {}
        before = now


def test_erasing_old_calls_does_not_hold_up_new_ones(database: Database[Document]) -> None:
    """A big import that is taken back costs no day of standing still."""
    write_calls(database, [call(n, START) for n in range(50)])
    assert told(database)["calls", "outbound", "hindi", "completed"] == 50
    delete_calls(database, {})
    write_calls(database, [call(100, START + timedelta(days=2))])
    assert told(database)["calls", "outbound", "hindi", "completed"] == 51


def test_a_corrected_call_does_not_count_for_ever(database: Database[Document]) -> None:
    """Calls that are failed first and completed later leave one failed call too many a day, not one each."""
    for number in range(5):
        for status in ("failed", "completed"):
            write_calls(database, [call(number, START, status=status)])
            sums = told(database)
    assert sums["calls", "outbound", "hindi", "failed"] == 1
    assert sums["calls", "outbound", "hindi", "completed"] == 5


def test_what_a_killed_scheduler_left_is_counted_once(database: Database[Document]) -> None:
    """It ended after the totals were written, and before the days were."""
    some(database)
    whole = told(database)
    database[EXPORTED_DAYS].delete_many({})
    assert told(database) == whole
    assert database[EXPORTED_DAYS].count_documents({}) > 0


def test_two_schedulers_at_once_count_nothing_twice(database: Database[Document]) -> None:
    """One that lost its lease may still be at work."""
    calls = some(database)
    refresh_rollups(database)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(advance_totals, [database] * 4))
    sums = told(database)
    assert sum(n for key, n in sums.items() if key[0] == "calls") == len(calls.stored)


def test_another_time_zone_counts_no_call_twice(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days are cut elsewhere, and back again."""
    some(database)
    whole = told(database)
    for zone in ("America/New_York", "Asia/Kolkata"):
        monkeypatch.setenv("TIMEZONE", zone)
        get_settings.cache_clear()
        assert told(database) == pytest.approx(whole)


def test_counting_again_names_no_other_types_of_errors(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have a series keep it, whichever day is read first; none counts twice."""
    late, early = ([f"{name}_{n}" for n in range(MOST_ERROR_TYPES)] for name in ("late", "early"))
    write_calls(database, [call(1, START + timedelta(days=2), errors=late)])
    told(database)
    write_calls(database, [call(2, START, errors=early)])
    before = {key: n for key, n in told(database).items() if key[0] == "errors"}
    assert sum(before.values()) == 2 * MOST_ERROR_TYPES
    for zone in ("America/New_York", "Asia/Kolkata"):
        monkeypatch.setenv("TIMEZONE", zone)
        get_settings.cache_clear()
        assert {key: n for key, n in told(database).items() if key[0] == "errors"} == before


_PERSONAL = (
    "Lead 9876543210 hung up",
    "neha.rao at gmail.com",
    "PAN ABCPE1234F",
    "token sk-abcdefghij0123456789",
)


def test_no_type_of_error_tells_who_called(database: Database[Document]) -> None:
    """Whatever an agent takes for a type: labels leave the product."""
    write_calls(database, [call(1, START, errors=[*_PERSONAL, "asr_timeout", "SIP/486"])])
    errors = {key[1]: n for key, n in told(database).items() if key[0] == "errors"}
    assert errors == {"asr_timeout": 1, "SIP/486": 1, "other": len(_PERSONAL)}


def test_what_an_earlier_version_named_is_named_no_more(database: Database[Document]) -> None:
    """Nor counted again under another name."""
    write_calls(database, [call(1, START, errors=["asr_timeout"])])
    earlier = told(database)
    named = earlier | {("errors", _PERSONAL[0]): 3.0}
    database[EXPORTED_TOTALS].update_one({}, {"$set": {"sums": packed(named)}})
    write_calls(database, [call(2, START, errors=["asr_timeout"])])
    errors = {key[1]: n for key, n in told(database).items() if key[0] == "errors"}
    assert errors == {"asr_timeout": 2, "other": 3}


def test_too_many_types_of_errors_are_one(database: Database[Document]) -> None:
    """A type made of a text or an id would make a series of every call."""
    types = [f"asr_{n}" for n in range(MOST_ERROR_TYPES + 20)]
    write_calls(database, [call(1, START, errors=[*types, "Lead +91 98765 43210 hung up!"])])
    write_calls(database, [call(2, START + timedelta(days=1), errors=types)])
    sums = told(database)
    found = {key[1]: n for key, n in sums.items() if key[0] == "errors"}
    assert len(found) <= MOST_ERROR_TYPES + 1
    assert sum(found.values()) == 2 * len(types) + 1
    assert not any("98765" in name for name in found)
