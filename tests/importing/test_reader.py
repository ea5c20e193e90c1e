"""Files as they come: delimiters, quotes, line ends, encodings, JSON."""

import json

import pytest

from core.errors import UserError
from core.importing.reading.lines import MAX_LINE
from tests.importing.helpers import SIMPLE, Files

ROW = ("c1", "2024-10-24T10:00:00+00:00", "completed", "60")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_delimiters_line_ends_and_quotes(files: Files, delimiter: str, end: str, quote: str) -> None:
    lines = [("id", "started", "status", "seconds"), ROW]
    text = "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in line) + end for line in lines)
    (call,) = files.put(text, f"source.delimiter = {json.dumps(delimiter)}\n{SIMPLE}").calls()
    assert (call.call_id, call.duration_seconds) == ("c1", 60)


def test_a_byte_order_mark_and_a_missing_last_line_end_do_no_harm(files: Files) -> None:
    text = "id,started,status,seconds\n" + ",".join(ROW)
    assert [call.call_id for call in files.put(text.encode("utf-8-sig")).calls()] == ["c1"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_the_encoding_is_the_one_declared(files: Files, encoding: str) -> None:
    text = "id,started,status,seconds\nMüller-1,2024-10-24T10:00,completed,60\n"
    mapping = f'source.encoding = "{encoding}"\n{SIMPLE}'
    assert files.put(text.encode(encoding), mapping).calls()[0].call_id == "Müller-1"


def test_a_line_break_in_a_column_name_counts_as_a_space(files: Files) -> None:
    text = '"Call\r\nID",started,status,seconds\na,2024-10-24,completed,1\nb,bad,completed,1\n'
    good, bad = files.put(text, SIMPLE.replace('"id"', '"Call ID"')).convert()
    assert not isinstance(good, str)
    assert bad == "4: start_time: 'bad' is not a time in the form iso"


def test_bytes_of_another_encoding_cost_only_their_row(files: Files) -> None:
    text = b"id,started,status,seconds\nM\xfcller,2024-10-24,completed,1\nb,2024-10-24,completed,1\n"
    first, second = files.put(text).convert()
    assert first == "2: is not utf-8 text"
    assert not isinstance(second, str)


def test_line_numbers_count_the_lines_inside_quotes(files: Files) -> None:
    text = 'id,started,status,seconds\n"a\n\nb",2024-10-24,completed,1\n\nc,bad,completed,1\n'
    good, bad = files.put(text).convert()
    assert not isinstance(good, str)
    assert good.call_id == "a\n\nb"
    assert bad == "6: start_time: 'bad' is not a time in the form iso"


def test_rows_that_are_no_csv_say_what_is_wrong_with_them(files: Files) -> None:
    text = 'id,started,status,seconds\na,b\n"a"x,2024-10-24,completed,1\n"never closed,1\n2\n'
    assert files.put(text).convert() == [
        "2: has 2 cells where the header has 4",
        "3: is not valid CSV: ',' expected after '\"'",
        "4: is not valid CSV: unexpected end of data (lines 4 to 5: is a quote left open?)",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("stray", ['"c', 'completed,"1', '"completed", "1'])
def test_an_open_quote_costs_its_own_row_alone(files: Files, stray: str, end: str) -> None:
    """It would be closed by the next one, thousands of calls later, or never."""
    mapping = SIMPLE.replace('duration_seconds = "seconds"', "")
    good = [f"c{number},2024-10-24,completed,{number}" for number in range(500)]
    rows = ["id,started,status,seconds", *good, f"x,2024-10-24,{stray}", *good, f"y,2024-10-24,{stray}"]
    rows += ['"m",2024-10-24,completed,"one', 'two"', *good]
    found = files.put(end.join([*rows, ""]), mapping).convert()
    refused = [one for one in found if isinstance(one, str)]
    assert [one.partition(":")[0] for one in refused] == ["502", "1003"], refused
    assert all("a quote is left open" in one for one in refused)
    assert sum(not isinstance(one, str) for one in found) == 1_501


def test_a_bad_quote_in_a_cell_of_several_lines_is_one_bad_row(files: Files) -> None:
    """Its other lines are no rows, and are not told as such."""
    text = 'id,started,status,seconds\na,2024-10-24,completed,"one\ntwo\n"three" four"\n'
    text += "b,2024-10-24,completed,2\n"
    refused, taken = files.put(text, SIMPLE).convert()
    assert str(refused).endswith("(lines 2 to 4: is a quote left open?)")
    assert not isinstance(taken, str)


def test_quotes_mean_nothing_in_a_file_without_them(files: Files) -> None:
    text = 'id,started,status,seconds\n"a,2024-10-24,completed,1\n'
    assert files.put(text, f"source.quoted = false\n{SIMPLE}").calls()[0].call_id == '"a'


def test_jsonl_with_numbers_nesting_lists_and_absent_keys(files: Files) -> None:
    mapping = """
    source.format = "jsonl"
    start_time = "t"
    [fields]
    call_id = "id"
    status = "result.status"
    direction = "direction"
    asr_latency_ms = "asr"
    handoff_triggered = "handoff"
    errors = { column = "errors", split = "," }
    """
    rows = [
        {"id": 17, "t": "2024-10-24T10:00Z", "result": {"status": "failed"}, "direction": "inbound"},
        {"id": "b", "t": "2024-10-24T10:00Z", "result": {"status": "completed"}, "direction": "inbound"}
        | {"asr": 234.5, "handoff": True, "errors": ["asr_timeout", "llm"]},
    ]
    first, second = files.put("\n\n".join(map(json.dumps, rows)), mapping).calls()
    assert (first.call_id, first.asr_latency_ms, first.errors) == ("17", None, [])
    assert (second.asr_latency_ms, second.handoff_triggered) == (234.5, True)
    assert [error.type for error in second.errors] == ["asr_timeout", "llm"]


def test_lines_that_are_no_json_object_are_rejected(files: Files) -> None:
    good = {"id": "a", "started": "2024-10-24", "status": "completed", "seconds": 1}
    lines = ["{", "[1]", json.dumps(good | {"id": "\ud800"}), json.dumps(good), "[" * 100_000]
    results = files.put("\n".join(lines), f'source.format = "jsonl"\n{SIMPLE}').convert()
    assert [result for result in results if isinstance(result, str)] == [
        "1: is not valid JSON: Expecting property name enclosed in double quotes",
        "2: is not a JSON object",
        "3: holds half a character",
        "5: is nested too deeply",
    ]


@pytest.mark.parametrize("delimiter", [",", "||"])
def test_a_line_that_is_too_long_is_rejected_alone(files: Files, delimiter: str) -> None:
    """Also in a column that nobody asked for: somebody pasted a transcript."""
    head = ["id", "started", "status", "seconds", "note"]
    rows = [[f"c{number}", "2024-10-24", "completed", "1", "x"] for number in range(5)]
    rows[2][-1] = "x" * (MAX_LINE + 200_000)
    data = "\n".join(delimiter.join(row) for row in [head, *rows])
    results = files.put(data, f"source.delimiter = '{delimiter}'\n{SIMPLE}").convert()
    assert [one if isinstance(one, str) else one.call_id for one in results] == [
        *("c0", "c1"),
        "4: is a line of more than 1,000,000 characters",
        *("c3", "c4"),
    ]


@pytest.mark.parametrize(
    ("data", "mapping", "complaint"),
    [
        ("", SIMPLE, "{data} is empty; its first line must name the columns"),
        ("id,id\n", SIMPLE, '{data} has the column \'id\' twice; name it by its place: "#1" or "#2"'),
        (
            "id,started,Status,seconds\n",
            SIMPLE,
            "{data} has no column 'status'; its columns are: id, started, Status, seconds",
        ),
        (
            '{"id": 1, "status": "completed", "seconds": 1}\n',
            f'source.format = "jsonl"\n{SIMPLE}',
            "{data} has no column 'started'; its columns are: id, status, seconds",
        ),
        (b"\x7fELF\x00\xff,\n", SIMPLE, "{data} is not utf-8 text; name a CSV file, or set source.encoding"),
        ("x" * MAX_LINE, SIMPLE, "{data} has no end to line 1; is source.format right?"),
        (
            b"\x00\xd8\x00",
            f'source.encoding = "utf-16"\n{SIMPLE}',
            "{data} is not utf-16 text; set source.encoding",
        ),
    ],
    ids=[
        "empty",
        "column twice",
        "no such column",
        "no row has the key",
        "program",
        "endless line",
        "other encoding",
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    files: Files, data: str | bytes, mapping: str, complaint: str
) -> None:
    with pytest.raises(UserError) as caught:
        files.put(data, mapping).convert()
    assert str(caught.value) == complaint.format(data=files.data)


@pytest.mark.parametrize(
    "name", ["UTF_8", "u8", "utf8", "UTF-8", "utf_8_sig", "utf-16-le", "utf-16-be", "utf-32-le"]
)
def test_a_byte_order_mark_does_no_harm_by_whatever_name_the_encoding_goes(files: Files, name: str) -> None:
    """Python has several for each."""
    text = "\ufeffid,started,status,seconds\n" + ",".join(ROW)
    encoded = text.encode("utf-8" if name == "utf_8_sig" else name)
    assert [call.call_id for call in files.put(encoded, f'source.encoding = "{name}"\n{SIMPLE}').calls()] == [
        "c1"
    ]


def test_what_cannot_be_seen_in_a_columns_name_is_spelt_out(files: Files) -> None:
    """Else the message names the very column that it says is missing."""
    with pytest.raises(
        UserError, match=r"no column 'id'; its columns are: \\u200bid, started, status, seconds"
    ):
        files.put("\u200bid,started,status,seconds\n" + ",".join(ROW)).convert()


def test_a_header_of_many_columns_is_refused_at_once(files: Files) -> None:
    """In a line that a terminal holds."""
    header = ",".join(f"c{number}" for number in range(60_000))
    with pytest.raises(UserError, match="has 60,000 columns, more than 10,000"):
        files.put(f"{header}\n").convert()
    with pytest.raises(UserError) as caught:
        files.put(",".join(f"c{number}" for number in range(9_000)) + "\n").convert()
    assert len(str(caught.value)) < 1_000


def test_a_name_that_several_columns_have_does_no_harm_where_nobody_asks_for_it(files: Files) -> None:
    """Neither does an empty one."""
    text = "id,started,status,seconds,note,note,,\n" + ",".join((*ROW, "a", "b", "c", "d"))
    assert [call.call_id for call in files.put(text).calls()] == ["c1"]
    with pytest.raises(UserError, match="has the column 'note' twice; name it by its place"):
        files.put(text, f'{SIMPLE}lead_id = "note"').convert()


CALL = {"id": "j1", "started": "2024-10-24", "status": "completed", "seconds": 60}
OTHER = {**CALL, "id": "j2", "seconds": 61.5, "note": "a \u2028 b"}


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize(
    "shape",
    [
        [CALL, OTHER],
        {"calls": [CALL, OTHER]},
        {"data": [CALL, OTHER], "next": None, "total": 2},
        {"total": 2, "results": [CALL, OTHER]},
        {"page": {"of": {"calls": [CALL, OTHER]}}},
    ],
    ids=["list", "calls", "data", "results", "deeper"],
)
def test_json_is_read_however_it_is_laid_out(files: Files, indent: str | int | None, shape: object) -> None:
    """A list, a list within an object, in one line or in many."""
    records = 'records = "page.of.calls"\n' if isinstance(shape, dict) and "page" in shape else ""
    mapping = f'[source]\nformat = "jsonl"\n{records}\n' + _tables(SIMPLE)
    calls = files.put(json.dumps(shape, indent=indent), mapping).calls()
    assert [(call.call_id, call.duration_seconds) for call in calls] == [("j1", 60), ("j2", 61.5)]


def _tables(mapping: str) -> str:
    """The mapping after a table of another name."""
    return mapping.replace('start_time = "started"', '[start_time]\ncolumn = "started"')


def test_a_call_on_several_lines_is_read_with_others_after_it(files: Files) -> None:
    """As one file holds one call, or some tools write one after the other."""
    text = json.dumps(CALL, indent=2) + "\n" + json.dumps(OTHER, indent=2) + "\n"
    calls = files.put(text, "source.format = 'jsonl'" + SIMPLE).calls()
    assert [call.call_id for call in calls] == ["j1", "j2"]
    text = json.dumps({**CALL, "messages": [{"role": "user"}]}, indent=2)
    assert [call.call_id for call in files.put(text, "source.format = 'jsonl'" + SIMPLE).calls()] == ["j1"]


def test_json_that_ends_too_early_is_one_refusal(files: Files) -> None:
    """Not one a line."""
    text = json.dumps([CALL, OTHER], indent=2)[:-40]
    with pytest.raises(UserError, match=r"is not valid JSON: .* \(line \d+\)"):
        files.put(text, "source.format = 'jsonl'" + SIMPLE).convert()


def test_a_file_without_a_header_gets_names_for_its_columns(files: Files) -> None:
    """As an Asterisk writes its records."""
    row = (
        '"","911140001234","400","default","""Desk"" <911140001234>","PJSIP/trunk-a1","PJSIP/400-a2","Dial",'
        '"PJSIP/400","2024-11-05 09:30:00","2024-11-05 09:30:04","2024-11-05 09:31:44",104,100,"ANSWERED",'
        '"DOCUMENTATION","1730779200.41",""\n'
    )
    names = (
        *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
        *(
            "start",
            "answer",
            "end",
            "duration",
            "billsec",
            "disposition",
            "amaflags",
            "uniqueid",
            "userfield",
        ),
    )
    mapping = f"""
source.columns = {json.dumps(names)}
start_time = "start"
[fields]
call_id = "uniqueid"
status = {{ column = "disposition", values = {{ ANSWERED = "completed", "*" = "no_answer" }} }}
direction = {{ constant = "outbound" }}
duration_seconds = "duration"
"""
    first, second = files.put(row + row.replace(".41", ".42"), mapping).calls()
    assert (first.call_id, second.call_id, first.duration_seconds) == ("1730779200.41", "1730779200.42", 104)


@pytest.mark.parametrize("before", ["sep=,\n", "Export of calls, 5 Nov\n\n"])
def test_lines_before_the_header_are_skipped(files: Files, before: str) -> None:
    """The one that Excel wants without a word, others by their number."""
    text = f"{before}id,started,status,seconds\n" + ",".join(ROW)
    skip = "" if before.startswith("sep") else "source.skip_lines = 1\n"
    assert [call.call_id for call in files.put(text, skip + SIMPLE).calls()] == ["c1"]


def test_a_space_before_a_quote_is_no_mistake(files: Files) -> None:
    """As people write lists."""
    text = 'id, started, status, seconds, note\nc1, 2024-10-24, completed, 60, "a, b"\n'
    (call,) = files.put(text, f'{SIMPLE}lead_id = "note"').calls()
    assert call.lead_id == "a, b"
