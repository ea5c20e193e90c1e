"""JSON in any layout, of any length, and JSON that is none."""

import json
import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.importing import import_file
from core.importing.reading import json_stream
from core.importing.reading.json_stream import JsonStream
from core.importing.reading.records import cells_of
from tests.importing.helpers import SIMPLE, Files

CALL = {"id": "j1", "started": "2024-10-24", "status": "completed", "seconds": 60}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4), min_size=1, max_size=6
)


def streamed(text: str, records: str | None = None, size: int = 7) -> list[Any]:
    """The calls of a text that is read in small pieces."""
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    stream = JsonStream("", lambda _: next(pieces, ""), "calls.json", records)
    return [call for _, call in stream.calls()]


def as_read(value: object) -> Any:
    return json.loads(json.dumps(value), parse_int=str, parse_float=str)


@settings(max_examples=25)
@given(OBJECTS, st.sampled_from([None, 1, "\t"]), st.integers(1, 40))
def test_a_list_is_read_in_pieces_as_it_is_whole(
    calls: list[Any], indent: int | str | None, size: int
) -> None:
    """Wherever it is cut, and wherever in the text it stands."""
    text = json.dumps(calls, indent=indent)
    assert streamed(text, size=size) == as_read(calls)
    assert streamed(json.dumps({"next": None, "calls": calls, "n": 1}, indent=indent), size=size) == as_read(
        calls
    )
    nested = json.dumps({"page": {"no": [1], "of": calls}, "n": {"x": []}}, indent=indent)
    assert streamed(nested, "page.of", size) == as_read(calls)
    one_by_one = "\n".join(json.dumps({"é": call}, indent=indent) for call in calls)
    assert streamed(one_by_one, size=size) == [{"é": call} for call in as_read(calls)]


@settings(max_examples=30)
@given(OBJECTS, st.data())
def test_text_that_is_cut_off_or_broken_is_refused_in_one_line(calls: list[Any], data: Any) -> None:
    """Never with a traceback."""
    text = json.dumps(calls, indent=1)
    at = data.draw(st.integers(1, len(text) - 1))
    wrong, rest = (
        data.draw(st.sampled_from(["", "]", "}", '"', "\\", "\0"])),
        data.draw(st.sampled_from(["", text[at + 1 :]])),
    )
    with suppress(UserError):
        assert isinstance(streamed(text[:at] + wrong + rest), list)


def test_an_object_is_a_call_where_its_list_is_none_of_calls() -> None:
    """Names such as data have other meanings too."""
    call = {"id": "1", "items": ["a", "b"], "data": {"x": [1]}, "messages": [{"role": "bot"}]}
    assert streamed(json.dumps(call)) == [as_read(call)]
    assert streamed(json.dumps({"data": [], "total": 0})) == [{"data": [], "total": "0"}]
    assert streamed(json.dumps({"data": {"calls": []}}), "data.calls") == []


def test_a_value_without_an_end_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what may be meant."""
    monkeypatch.setattr(json_stream, "MAX_VALUE", 1_000)
    monkeypatch.setattr(json_stream, "CHUNK", 100)
    for text in (
        '[{"id": "' + "x" * 5_000,
        '{"log": [' + "1," * 5_000,
        json.dumps({f"k{n}": n for n in range(900)}),
    ):
        with pytest.raises(UserError, match=r"more than 1,000 characters .*set source\.records"):
            streamed(text, size=100)


@pytest.mark.full
def test_a_long_list_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """A file of 150 MB adds less than half of that."""
    path, mapping = tmp_path / "calls.json", tmp_path / "map.toml"
    mapping.write_text(SIMPLE)
    with path.open("w") as file:
        file.write('{"data": [')
        for number in range(75_000):
            call = {**CALL, "id": f"c{number}", "note": "x" * 1_900}
            file.write(("," if number else "") + json.dumps(call))
        file.write("]}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert import_file(path, mapping, dry_run=True).valid == 75_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 75_000


def test_what_lies_in_lists_is_found_by_its_path(files: Files) -> None:
    """One item, every item, an item of an item; their mean and their sum."""
    call = {
        **CALL,
        "costs": [{"cost": 0.8}, {"cost": 2}, {"free": True}],
        "llm": {"turns": [{"ms": [100, 300]}, {"ms": []}, {"ms": [500]}]},
    }
    mapping = f"""{SIMPLE}llm_latency_ms = {{ column = "llm.turns[].ms[]", combine = "mean" }}
e2e_latency_ms = {{ column = "llm.turns[].ms[]", combine = "max" }}
total_turns = "llm.turns.length"
[cost]
llm = {{ column = "costs[].cost", combine = "sum", scale = 10 }}
tts = "costs[1].cost"
asr = {{ column = "costs[9].cost" }}
"""
    text = json.dumps([call, {**call, "id": "j2", "costs": [{"cost": 1}] * 10}])
    first, second = files.put(text, mapping).calls()
    assert (first.llm_latency_ms, first.e2e_latency_ms, first.total_turns) == (300, 500, 3)
    assert first.cost is not None
    assert (first.cost.llm, first.cost.tts, first.cost.asr) == (28, 2, None)
    assert second.cost is not None
    assert (second.cost.llm, second.cost.asr) == (100, 1)


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=5), st.lists(st.text("ab[].0 length", max_size=12))
)
def test_no_record_and_no_name_upset_the_reading_of_cells(record: dict[str, Any], names: list[str]) -> None:
    """Every cell is text."""
    assert all(isinstance(cell, str) for cell in cells_of(as_read(record), set(names)).values())


def test_a_record_with_more_values_than_a_call_has_is_rejected(files: Files) -> None:
    """Whatever it is, it stops nothing; neither does one that is nested without end."""
    deep: Any = "x"
    for _ in range(200):
        deep = {"in": deep}
    rows = [CALL, {**CALL, "more": {str(n): n for n in range(20_000)}}, {**CALL, "id": "j3", "deep": deep}]
    first, many, third = files.put("\n".join(map(json.dumps, rows)), SIMPLE).convert()
    assert not isinstance(first, str)
    assert many == "2: has more than 10,000 values"
    assert not isinstance(third, str)


def test_a_column_that_no_object_has_is_refused_unless_it_may_be_absent(files: Files) -> None:
    """And then the report names it."""
    with pytest.raises(UserError, match="has no column 'lead'; its columns are: id, started"):
        files.put(json.dumps([CALL]), f'{SIMPLE}lead_id = "lead"').convert()
    report = files.put(json.dumps([CALL]), f'source.optional = true\n{SIMPLE}lead_id = "lead"').run(
        dry_run=True
    )
    assert (report.valid, report.absent) == (1, ("lead",))
    with pytest.raises(UserError, match="has no column 'started'"):
        files.put(json.dumps([{"id": 1, "status": "x"}]), f"source.optional = true{SIMPLE}").convert()
