"""Columns by their place and by loose names; cells with quotes, and between long delimiters."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.importing.mapping import Source
from core.importing.reading.delimited import csv_lines, loose_cells
from core.importing.reading.lines import Lines
from tests.importing.helpers import SIMPLE, Files

ROW = "c1,2024-10-24T10:00:00+00:00,completed,60"


def test_a_column_goes_by_its_place_where_its_name_tells_too_little(files: Files) -> None:
    """Twice the same, empty, or any."""
    text = f"id,started,status,seconds,note,note,,\n{ROW},a,b,c,d\n"
    mapping = (
        SIMPLE.replace('"id"', '"#1"')
        + 'lead_id = "#6"\ncampaign = { template = "{#5}-{#7}-{#8}" }\n[metadata]\nn = "#5"'
    )
    (call,) = files.put(text, mapping).calls()
    assert (call.call_id, call.lead_id, call.campaign, call.metadata) == ("c1", "b", "a-c-d", {"n": "a"})
    assert files.run(dry_run=True).unused == ()
    with pytest.raises(UserError, match=r"no column '#9'; its columns are: id, .*, note, #6, #7, #8"):
        files.put(text, f'{SIMPLE}lead_id = "#9"').convert()


def test_names_may_be_spelt_another_way_where_the_mapping_says_so(files: Files) -> None:
    """Capital letters, spaces and signs do not count then."""
    text = f"ID,Started,STATUS,sec-onds,Lead  ID\n{ROW},l1\n"
    (call,) = files.put(text, f'source.loose_names = true{SIMPLE}lead_id = "lead_id"').calls()
    assert (call.call_id, call.duration_seconds, call.lead_id) == ("c1", 60, "l1")


@pytest.mark.parametrize("delimiter", ["||", "::", "|;|"])
def test_a_delimiter_may_have_several_characters(files: Files, delimiter: str) -> None:
    """In quotes it is none."""
    text = f"id,started,status,seconds,note\n{ROW}".replace(",", delimiter) + f'{delimiter}"a{delimiter}b"\n'
    (call,) = files.put(text, f'source.delimiter = "{delimiter}"{SIMPLE}lead_id = "note"').calls()
    assert (call.duration_seconds, call.lead_id) == (60, f"a{delimiter}b")


@pytest.mark.parametrize(
    ("cell", "source", "note"),
    [
        (r'"say \"hi\", now"', r"source.escape = '\'", 'say "hi", now'),
        (r'"a \\ b ""c"""', r"source.escape = '\'", 'a \\ b "c"'),
        ('"She said "yes" twice"', "", 'She said "yes" twice'),
        ('"5" pipe, 3" nail"', "", '5" pipe, 3" nail'),
        ('"""quoted"" and "bare""', "", '"quoted" and "bare"'),
    ],
)
def test_quotes_within_a_quoted_cell_are_read(files: Files, cell: str, source: str, note: str) -> None:
    """Where it is plain which of them ends it."""
    text = f"id,started,status,seconds,note,end\n{ROW},{cell},x\n"
    (call,) = files.put(text, f'{source}{SIMPLE}lead_id = "note"\ncampaign = "end"').calls()
    assert (call.lead_id, call.campaign) == (note, "x")


def test_quotes_that_may_end_a_cell_or_not_cost_their_row(files: Files) -> None:
    """With what to do, where that is known."""
    rows = (r'c1,2024-10-24,completed,1,"say \"hi\" now"', 'c2,2024-10-24,completed,1,"a "b", c"', f"{ROW},x")
    first, second, third = files.put("id,started,status,seconds,note\n" + "\n".join(rows)).convert()
    assert first == r"2: is not valid CSV: a quote behind a backslash; set escape = '\'"
    assert second == "3: is not valid CSV: ',' expected after '\"'"
    assert not isinstance(third, str)


CELLS = st.lists(st.text("ab\" ,'\\", max_size=6), min_size=1, max_size=5)


@given(CELLS)
def test_a_row_that_is_sound_is_read_loosely_as_it_is_strictly(cells: list[str]) -> None:
    """Unless a quote and a delimiter in a cell stand side by side."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(cells)
    if '",' not in "\0".join(cells) and not any(cell.startswith(",") for cell in cells):
        loose = loose_cells(out.getvalue().rstrip("\r\n"), ",")
        assert loose == cells


@given(st.text('ab",\\\n ', max_size=60), st.sampled_from([",", "||"]), st.sampled_from([None, "\\"]))
def test_no_text_upsets_the_reading_of_rows(text: str, delimiter: str, escape: str | None) -> None:
    """Every line of it is in some row."""
    source = Source(delimiter=delimiter, escape=escape)
    rows = list(csv_lines(Lines(io.StringIO(text, newline=""), "calls.csv", "utf-8"), source))
    assert "".join(row.raw for row in rows) == text
    assert all(row.cells is not None or row.problem for row in rows)


def test_a_row_without_end_is_refused_before_it_fills_the_memory(files: Files) -> None:
    """Cells may go over many lines, but not for ever."""
    cell = '"' + ("a" * 999 + "\n") * 120 + '",'
    text = f"id,started,status,seconds\n{cell * 40}"
    with pytest.raises(UserError, match="has a row of more than 4,000,000 characters"):
        files.put(text).convert()
