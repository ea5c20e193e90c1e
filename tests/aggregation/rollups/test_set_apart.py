"""No single call stops the roll-ups, the figures or a list."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from bson import Decimal128, ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pymongo.database import Database

from core.aggregation.columnar.copy import open_source
from core.aggregation.columnar.from_rollups import answer_of_cube
from core.aggregation.columnar.question import Question, answer, values
from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups import set_apart
from core.aggregation.rollups.call_frames import CALL_SCHEMA, load_calls
from core.aggregation.rollups.cells import Cells
from core.aggregation.rollups.foreign_values import read_past
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.rollups.rollup import cells_of
from core.aggregation.rollups.set_apart import cells_of_sound
from core.doctor import work
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import from_document, write_calls
from core.storage.collections import CALLS, ROLLUPS_15M
from core.types import Document
from tests.aggregation.calls import Calls, utc

START = utc(2024, 11, 5, 4)
COUNTS = ("total_turns", "user_turns", "interruptions", "attempt")
WHOLE = st.one_of(st.none(), st.integers(0, 2**70), st.sampled_from([2**53 + 1, 2**63 - 1, 2**63]))
NUMBERS = st.one_of(st.none(), st.floats(0, 1e12), st.sampled_from([5e-324, 3_600_000.0, 604_800.0]))
FIELDS = st.fixed_dictionaries(
    dict.fromkeys(COUNTS, WHOLE)
    | dict.fromkeys(
        ("duration_seconds", "asr_latency_ms", "e2e_latency_ms", "qualification_seconds"), NUMBERS
    )
    | {
        "sentiment_score": st.one_of(st.none(), st.floats(-1, 1)),
        "cost": st.dictionaries(st.sampled_from(["asr", "llm"]), NUMBERS),
    }
)


@contextmanager
def fussy() -> Iterator[None]:
    """Roll-ups that fail over a call without a status."""

    def cells_of_those_with_status(calls: pa.Table, seconds: int = 900) -> Cells:
        if calls["status"].null_count:
            raise TypeError
        return cells_of(calls, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_apart, "cells_of", cells_of_those_with_status)
        yield


def row(call_id: str, **fields: Any) -> Document:
    """A call as the roll-ups read it."""
    usual = {"_id": call_id, "start_time": START, "direction": "outbound", "language": "hindi"}
    return {**usual, "status": "completed", **fields}


def table(*rows: Document) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema(CALL_SCHEMA.items()))


@settings(max_examples=60)
@given(FIELDS)
def test_what_the_model_takes_can_be_rolled_up(fields: dict[str, Any]) -> None:
    """And what cannot be is refused when the call is made."""
    needed = {"call_id": "c", "start_time": START, "status": "completed", "direction": "outbound"}
    try:
        call = CallMetrics.model_validate(needed | fields)
    except ValidationError:
        return
    plain = call.model_dump(exclude={"call_id", "metadata", "cost"})
    costs = {f"cost_{name}": value for name, value in (call.cost.model_dump() if call.cost else {}).items()}
    assert cells_of(table(row("a"), row("c", **plain, **costs))).counts[:, 0].sum() == 2


@given(st.dictionaries(st.sampled_from(COUNTS), st.integers(-(2**63), 2**63 - 1), min_size=1))
@settings(max_examples=30)
def test_a_count_of_an_earlier_version_stops_nothing_however_great(counts: dict[str, int]) -> None:
    """Then the model took whatever MongoDB keeps."""
    assert cells_of(table(row("a"), row("b", **counts))).counts[:, 0].sum() == 2


@given(st.lists(st.booleans(), min_size=1, max_size=40))
@settings(max_examples=30)
def test_exactly_the_calls_that_make_no_cell_are_set_apart(sound: list[bool]) -> None:
    """Wherever they stand among the others."""
    rows = [
        row(str(number), **({} if good else {"status": None}), language=f"l{number % 3}")
        for number, good in enumerate(sound)
    ]
    with fussy():
        cells, _, apart = cells_of_sound(table(*rows))
    assert [call.call_id for call in apart] == [str(number) for number, good in enumerate(sound) if not good]
    assert cells.counts[:, 0].sum() == sum(sound)
    keys = list(zip(cells.time.tolist(), map(tuple, cells.codes.tolist()), strict=True))
    assert len(keys) == len(set(keys))


def test_a_stored_call_that_makes_no_cell_is_named_and_the_others_are_rolled_up(
    database: Database[Document], caplog: pytest.LogCaptureFixture
) -> None:
    """In the log and by doctor, until it is recorded again, put right."""
    calls = Calls(database, 3, START, 0.2)
    calls.record_new(30)
    bad = calls.make("bad")
    write_calls(database, [bad])
    database[CALLS].update_one({"_id": "bad"}, {"$unset": {"status": 1}})
    with caplog.at_level(logging.ERROR), fussy():
        refresh_rollups(database)
        assert load_cube(database, START - timedelta(days=1), START + timedelta(days=2)).total == 30
    assert [record.__dict__.get("call_id") for record in caplog.records] in ([], ["bad"])
    apart, _ = work.roll_ups(database)
    assert "bad" in apart.text
    write_calls(database, [bad.model_copy(update={"status": "failed"})])
    refresh_rollups(database)
    assert load_cube(database, START - timedelta(days=1), START + timedelta(days=2)).total == 31
    (found,) = work.roll_ups(database)
    assert "up to date" in found.text
    assert database[ROLLUPS_15M].count_documents({"set_apart": {"$exists": True}}) == 0


def test_a_start_that_is_no_time_stops_no_refresh(database: Database[Document]) -> None:
    """As another tool may write it."""
    calls = Calls(database, 4, START, 0.2)
    calls.record_new(5)
    stamp = {"recorded_at": Timestamp(1_700_000_000, 1)}
    database[CALLS].insert_many(
        [{"_id": "text", "start_time": "2024-11-05", **stamp}, {"_id": "none", **stamp}]
    )
    refresh_rollups(database)
    assert load_cube(database, START - timedelta(days=1), START + timedelta(days=2)).total == 5


def test_a_stored_call_with_a_count_that_is_none_any_more_is_still_shown() -> None:
    """Without the count."""
    document = {"_id": "old", **{key: value for key, value in row("old").items() if key != "_id"}}
    call = from_document(document | {"interruptions": 2**63 - 1, "total_turns": 4})
    assert (call.call_id, call.interruptions, call.total_turns) == ("old", None, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total_turns", "seven"),
        ("duration_seconds", "00:01:00"),
        ("qualification_completed", "yes"),
        ("language", 7),
        ("cost", {"llm": "free"}),
        ("interruptions", Decimal128("1e30")),
        ("campaign", ["diwali"]),
        ("cost", [1.0]),
        ("errors", [{"type": 503}]),
        ("error_types", [503]),
    ],
)
def test_a_value_of_a_type_that_no_call_has_stops_nothing(
    database: Database[Document], field: str, value: object
) -> None:
    """Another tool wrote into a stored call: that call is named and in no figure, the others are right."""
    usual = {"start_time": START, "duration_seconds": 30, "status": "completed", "direction": "outbound"}
    names = ("good-1", "good-2", "good-3", "odd")
    write_calls(database, [CallMetrics.model_validate({"call_id": name, **usual}) for name in names])
    database[CALLS].update_one({"_id": "odd"}, {"$set": {field: value}})
    refresh_rollups(database)
    assert database[ROLLUPS_15M].find_one({"set_apart": "odd"}) is not None
    day = (START - timedelta(hours=2), START + timedelta(hours=2))
    assert load_cube(database, *day).total == 3
    reads_past = field in {"cost", "errors", "error_types"}  # a frame has their sum or their number
    assert len(load_calls(database, *day)) == (4 if reads_past else 3)


@pytest.mark.parametrize(
    ("field", "value"), [("attempt", 1.5), ("errors", "asr_timeout"), ("error_types", "asr_timeout")]
)
def test_a_value_that_can_be_read_past_costs_that_value_alone(
    database: Database[Document], field: str, value: object
) -> None:
    """The call counts, as one of which that value is not known."""
    usual = {"start_time": START, "duration_seconds": 30, "status": "completed", "direction": "outbound"}
    write_calls(database, [CallMetrics.model_validate({"call_id": "odd", **usual})])
    database[CALLS].update_one({"_id": "odd"}, {"$set": {field: value}})
    refresh_rollups(database)
    assert load_cube(database, START, START + timedelta(hours=1)).total == 1


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
@pytest.mark.parametrize("refreshed", [False, True])
def test_an_infinite_value_is_one_that_is_not_known(
    database: Database[Document], value: float, refreshed: bool
) -> None:
    """It makes no mean, cost or percentile of all the others infinite."""
    usual = {"start_time": START, "status": "completed", "direction": "outbound", "cost": {"llm": 2.0}}
    write_calls(
        database,
        [CallMetrics.model_validate({"call_id": name, **usual, "duration_seconds": 30}) for name in "ab"],
    )
    database[CALLS].update_one({"_id": "b"}, {"$set": {"duration_seconds": value, "cost.llm": value}})
    if refreshed:
        refresh_rollups(database)
    figures = summarise(load_cube(database, START, START + timedelta(hours=1)))
    assert (figures.total_calls, figures.duration_seconds.n, figures.duration_seconds.mean) == (2, 1, 30)
    assert (figures.cost.n, figures.cost.total) == (1, 2.0)


_FAR = DatetimeMS(8_640_000_000_000_000)
"""The largest date of JavaScript, as some tools write "never"."""


@pytest.mark.parametrize(
    "fields",
    [
        {"errors": "asr_timeout"},
        {"errors": 503, "error_types": ["asr_timeout"]},
        {"error_types": {"a": 1}},
        {"agent": _FAR},
        {"hangup_by": _FAR, "qualification": ObjectId("6b0dd4f511faad7a86a87162")},
        {"telephony": {"provider": _FAR}},
        {"metadata": {"valid_until": _FAR}},
        {"interruptions": 2**40, "total_turns": 2**50, "user_turns": 3},
        {"interruptions": -(2**40)},
        {"attempt": 2**40},
    ],
    ids=str,
)
def test_explore_counts_a_foreign_call_as_all_other_pages_do(
    database: Database[Document], fields: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORE_METADATA_KEYS", "valid_until")
    get_settings.cache_clear()
    usual = {"start_time": START, "duration_seconds": 30, "status": "completed", "direction": "outbound"}
    write_calls(
        database, [CallMetrics.model_validate({"call_id": name, **usual}) for name in ("good", "odd")]
    )
    database[CALLS].update_one({"_id": "odd"}, {"$set": fields})
    day = (START - timedelta(hours=2), START + timedelta(hours=2))
    source, cube = open_source(database, *day), load_cube(database, *day)
    assert (cube.total, len(load_calls(database, *day))) == (2, 2)
    for measure in ("total_calls", "error_rate", "interruptions", "engaged_calls"):
        told, known = (answer(source, Question(measure, "hour")), answer_of_cube(cube, Question(measure)))
        assert told.calls == known.calls == 2
        assert told.rows.sum().to_dict() == known.rows.sum().to_dict(), measure
    assert values(source, "attempt") == [""]


def test_what_no_query_can_ask_about_is_found_all_the_same(database: Database[Document]) -> None:
    """A call that cannot be read, for whatever reason, is named; the others are read."""
    names = [f"call-{number}" for number in range(20)]
    database[CALLS].insert_many({"_id": name, "start_time": START} for name in names)

    def read(query: Document) -> list[str]:
        found = [row["_id"] for row in database[CALLS].find(query).sort("_id", 1)]
        if {"call-3", "call-17"} & {*found}:
            raise pa.ArrowInvalid("cannot be read")
        return found

    found = read_past(read, database[CALLS], {"start_time": START})
    assert [call["_id"] for call in found.left_out] == ["call-3", "call-17"]
    assert set(found.calls) == {*names} - {"call-3", "call-17"}


def test_what_concerns_every_call_is_not_sought_call_by_call(database: Database[Document]) -> None:
    """A thousand reads would find no more than the first: the reason is no single call."""
    database[CALLS].insert_many({"_id": f"call-{number}", "start_time": START} for number in range(2_000))
    reads = 0

    def read(query: Document) -> None:
        nonlocal reads
        reads += 1
        raise pa.ArrowInvalid("cannot be read")

    with pytest.raises(pa.ArrowInvalid):
        read_past(read, database[CALLS], {"start_time": START})
    assert reads < 300
