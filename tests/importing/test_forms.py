# ruff: noqa: E501 (tables read best with one case a line)
"""Forms that are common in the files of telephone systems and voice agents."""

import gzip
import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from core.errors import UserError
from core.importing.amounts import parse_duration, parse_number
from core.storage.calls import from_document
from core.types import Document, has_in_order
from tests.importing.helpers import SIMPLE, Files

FIELDS = """
[fields]
call_id = { template = "row-{line}" }
status = { constant = "completed" }
direction = { constant = "inbound" }
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:40", 100), ("00:01:40", 100), ("01:01:40", 3_700), ("100:00", 6_000), ("0:00:01.5", 1.5),
        ("PT1M40S", 100), ("PT100S", 100), ("PT1H", 3_600), ("P1DT1S", 86_401), ("PT0.25S", 0.25),
        ("100 s", 100), ("100s", 100), ("1m 40s", 100), ("1 min 40 sec", 100), ("1 Minute, 40 Seconds", 100),
        ("1h2m", 3_720), ("250 ms", 0.25), ("100", 100), ("1.5", 1.5),
    ],
)  # fmt: skip
def test_a_duration_is_read_in_whatever_form_it_has(files: Files, text: str, seconds: float) -> None:
    """Of a latency, too, whose field has milliseconds."""
    assert parse_duration(text, "seconds") == seconds
    mapping = f'start_time = "t"{FIELDS}duration_seconds = "d"\ntts_latency_ms = "d"'
    (call,) = files.put(f't,d\n2024-11-05,"{text}"\n', mapping.replace('tts_latency_ms = "d"', "")).calls()
    assert call.duration_seconds == pytest.approx(seconds)
    if not text.replace(".", "").isdigit() and seconds < 3_600:
        (call,) = files.put(f't,d\n2024-11-05,"{text}"\n', mapping).calls()
        assert call.tts_latency_ms == pytest.approx(seconds * 1_000)


@pytest.mark.parametrize(
    "text", ["", "soon", "1:4", "1:40:5", "P", "PT", "1 parsec", "s", "1 s x", "1:40 s", "٣ s"]
)
def test_a_text_that_is_no_duration_is_none(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not a number"):
        parse_duration(text, "seconds")


@given(st.text(max_size=400) | st.text("0123456789:PTHMS. msinec,", max_size=400))
def test_no_text_upsets_the_reading_of_amounts(text: str) -> None:
    """It is an amount, or refused."""
    with suppress(ValueError):
        assert parse_duration(text, "seconds") >= 0 or text.startswith("-")
    with suppress(ValueError):
        assert isinstance(parse_number(text, ",", rupees=True), float)


@pytest.mark.parametrize(
    ("unit", "text"), [("minutes", "1.5"), ("milliseconds", "90000"), ("hours", "0.025"), ("seconds", "90")]
)
def test_a_mere_number_is_in_the_unit_that_the_mapping_says(files: Files, unit: str, text: str) -> None:
    """Seconds, unless it says otherwise."""
    mapping = f'start_time = "t"{FIELDS}duration_seconds = {{ column = "d", unit = "{unit}" }}'
    (call,) = files.put(f"t,d\n2024-11-05,{text}\n", mapping).calls()
    assert call.duration_seconds == 90


@pytest.mark.parametrize(
    ("value", "text", "rupees"),
    [
        ('"c"', "1,250.50", 1250.5), ('"c"', "₹2.75", 2.75), ('"c"', "Rs. 2.75", 2.75), ('"c"', "1,00,000.5", 100_000.5),
        ('{ column = "c", decimal = "," }', "2,75", 2.75), ('{ column = "c", decimal = "," }', "1.250,50", 1250.5),
        ('{ column = "c", absolute = true }', "-0.014", 0.014),
    ],
)  # fmt: skip
def test_a_price_is_read_as_it_is_written(files: Files, value: str, text: str, rupees: float) -> None:
    """With groups of digits, a decimal comma, a sign of rupees or a minus."""
    (call,) = files.put(
        f't,c\n2024-11-05,"{text}"\n', f'start_time = "t"{FIELDS}[cost]\ntelephony = {value}'
    ).calls()
    assert call.cost is not None
    assert call.cost.telephony == rupees


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "2,75",
            "cost.asr: '2,75' is not a number of rupees; is that a decimal comma? set decimal (column c)",
        ),
        (
            "$2.75",
            "cost.asr: '$2.75' is in another currency; set cost.currency (column c)",
        ),
        ("€2.75", "cost.asr: '€2.75' is in another currency; set cost.currency (column c)"),
        ("1,2,3", "cost.asr: '1,2,3' is not a number of rupees (column c)"),
    ],
)
def test_a_price_that_may_mean_two_things_is_rejected(files: Files, text: str, reason: str) -> None:
    """Another currency among them."""
    mapping = f'start_time = "t"{FIELDS}[cost]\nasr = "c"'
    assert files.put(f't,c\n2024-11-05,"{text}"\n', mapping).convert() == [f"2: {reason}"]


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("02:05:00 PM", (14, 5, 0)), ("2:05 pm", (14, 5, 0)), ("12:00 AM", (0, 0, 0)), ("12:30 p.m.", (12, 30, 0)),
        ("140500", (14, 5, 0)), ("0.5", (12, 0, 0)), ("0.586805555556", (14, 5, 0)), ("14:05:00", (14, 5, 0)),
    ],
)  # fmt: skip
def test_a_time_of_day_is_read_beside_a_day_that_all_rows_have(
    files: Files, text: str, clock: tuple[int, int, int]
) -> None:
    """The file is that of one day."""
    mapping = f'source.timezone = "UTC"\nstart_time = {{ on = 2024-11-05, time = "t" }}{FIELDS}'
    (call,) = files.put(f"t\n{text}\n", mapping).calls()
    assert call.start_time == datetime(2024, 11, 5, *clock, tzinfo=UTC)


@pytest.mark.parametrize("text", ["13:05 PM", "0:05 AM", "24:00", "14050", "1.5", "0.9999999", "25:00:00"])
def test_a_time_of_day_that_is_none_is_rejected(files: Files, text: str) -> None:
    """With the form that it should have."""
    (reason,) = files.put(f"t\n{text}\n", f'start_time = {{ on = 2024-11-05, time = "t" }}{FIELDS}').convert()
    assert "is not a time of day" in str(reason)


@pytest.mark.parametrize("word", ["NULL", "null", "-", "0", "0000-00-00 00:00:00", "None", "N/A", ""])
def test_a_word_for_none_is_no_end_and_no_start(files: Files, word: str) -> None:
    """A call without an end is one that never came so far; without a start it is none."""
    mapping = f'start_time = "s"\nend_time = "e"{FIELDS}'
    good, bad = files.put(f"s,e\n2024-11-05,{word}\n{word},2024-11-05\n", mapping).convert()
    assert not isinstance(good, str)
    assert good.end_time is None
    assert bad == "3: start_time: is missing"


def test_a_column_with_the_zone_counts(files: Files) -> None:
    """Where it is empty, the file's does."""
    mapping = f'source.timezone = "UTC"\nstart_time = {{ column = "t", zone = "z" }}{FIELDS}'
    text = "t,z\n2024-11-05 09:30:00,Asia/Dubai\n2024-11-05 09:30:00,\n2024-11-05 09:30:00,Mars/Base\n"
    dubai, utc, mars = files.put(text, mapping).convert()
    assert not isinstance(dubai, str)
    assert not isinstance(utc, str)
    assert (dubai.start_time.hour, utc.start_time.hour) == (5, 9)
    assert "'Mars/Base' is not an IANA time zone" in str(mars)


def test_a_value_goes_by_a_part_of_the_cell_and_a_long_text_is_cut(files: Files) -> None:
    """Capital letters or not."""
    mapping = """start_time = "t"
[fields]
call_id = { template = "row-{line}" }
status = { column = "s", ignore_case = true, values = { Completed = "completed", "*" = "failed" } }
direction = { constant = "inbound" }
end_reason = { column = "r", contains = true, values = { "called back" = "transferred", "*" = "silence" } }
qualification = { column = "r", cut = 64 }
"""
    reason = "The customer agreed to be Called Back on Monday and asked for the rate in writing"
    (call,) = files.put(f"t,s,r\n2024-11-05,COMPLETED,{reason}\n", mapping).calls()
    assert (call.status, call.end_reason, call.qualification) == ("completed", "transferred", reason[:64])


def test_bytes_that_are_no_text_cost_nothing_where_nobody_asks_for_them(files: Files) -> None:
    """Else their row."""
    text = b"id,started,status,seconds,name\nb1,2024-11-05T09:30:00,completed,1,Ren\xe9\n"
    assert [call.call_id for call in files.put(text).calls()] == ["b1"]
    assert files.put(text, f'{SIMPLE}lead_id = "name"').convert() == ["2: is not utf-8 text"]


def test_an_item_of_a_list_and_how_many_there_are_can_be_named(files: Files) -> None:
    """As voice agents have costs and messages."""
    call_ = {
        "id": "j1",
        "started": "2024-11-05",
        "status": "completed",
        "seconds": 1,
        "costs": [{"cost": 0.8}, {"cost": 2}],
    }
    text = json.dumps({**call_, "messages": [{"role": "user"}, {"role": "bot"}, {"role": "user"}]})
    mapping = f'source.format = \'jsonl\'{SIMPLE}total_turns = "messages.length"\n[cost]\nllm = "costs[0].cost"\ntts = "costs[1].cost"'
    (call,) = files.put(text, mapping).calls()
    assert call.cost is not None
    assert (call.total_turns, call.cost.llm, call.cost.tts) == (3, 0.8, 2)


def test_a_packed_file_is_read_and_what_is_no_text_is_named(files: Files) -> None:
    """With what to do."""
    text = b"id,started,status,seconds\nc1,2024-11-05,completed,1\n"
    packed = gzip.compress(text * 1)
    assert [call.call_id for call in files.put(packed).calls()] == ["c1"]
    with pytest.raises(UserError, match="damaged: it cannot be unpacked to its end"):
        files.put(packed[:-12]).convert()
    for begin, form in ((b"PK\x03\x04", "xlsx"), (b"PAR1", "Parquet"), (b"BZh91AY", "bzip2")):
        with pytest.raises(UserError, match=form):
            files.put(begin + b"\0" * 100).convert()


def test_the_legs_of_a_call_become_one_call(files: Files, database: Database[Document]) -> None:
    """From the first start to the last end, with the better status, in whatever order they come."""
    text = """id,started,ended,status,turns,price,reason
l1,2024-11-05T09:30:20Z,2024-11-05T09:30:50Z,no_answer,1,0.5,timeout
l2,2024-11-05T10:00:00Z,,completed,3,,
l1,2024-11-05T09:30:00Z,2024-11-05T09:30:20Z,completed,4,1,hung_up
l1,2024-11-05T09:30:50Z,2024-11-05T09:31:10Z,failed,,,
"""
    mapping = """source.legs = true
start_time = "started"
end_time = "ended"
[fields]
call_id = "id"
status = "status"
direction = { constant = "outbound" }
total_turns = "turns"
end_reason = "reason"
[cost]
telephony = "price"
"""
    report = files.put(text, mapping).run()
    assert (report.inserted, report.joined, report.rejected) == (2, 2, 0)
    assert "· joined 2 ·" in report.summary
    call = from_document(database["calls"].find_one({"_id": "l1"}) or {})
    assert (call.status, call.duration_seconds, call.total_turns) == ("completed", 70, 5)
    assert (call.end_reason, call.cost and call.cost.telephony) == ("customer_hung_up", 1.5)
    assert call.start_time == datetime(2024, 11, 5, 9, 30, tzinfo=UTC)
    assert files.run().unchanged == 2


@pytest.mark.parametrize(
    ("text", "form", "stamp"),
    [
        ("1730799000", "epoch", "09:30:00"), ("1730799000123", "epoch_ms", "09:30:00.123000"),
        ("1730799000123456", "epoch_us", "09:30:00.123000"), ("45601.3958333333", "excel", "09:30:00"),
        ("2024-11-05 09:30:00 UTC", "iso", "09:30:00"), ("2024-11-05 15:00:00 +0530", "iso", "09:30:00"),
        ("2024-11-05 15:00:00+05:30", "iso", "09:30:00"), ("2024-11-05T09:30:00Z", "iso", "09:30:00"),
        ("Tue, 05 Nov 2024 09:30:00 +0000", "%a, %d %b %Y %H:%M:%S %z", "09:30:00"),
        ("11/05/2024 09:30:00 AM", "%m/%d/%Y %I:%M:%S %p", "09:30:00"),
    ],
)  # fmt: skip
def test_a_moment_is_read_in_the_form_that_the_mapping_says(
    files: Files, text: str, form: str, stamp: str
) -> None:
    """Of epochs, days of spreadsheets, and clocks with twelve hours too."""
    mapping = f'source.timezone = "UTC"\nstart_time = {{ column = "t", format = "{form}" }}{FIELDS}'
    (call,) = files.put(f't\n"{text}"\n', mapping).calls()
    assert call.start_time == datetime.fromisoformat(f"2024-11-05T{stamp}+00:00")


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("+05:30", 4), ("UTC+5:30", 4), ("GMT-0400", 13), ("-4", 13), ("Z", 9), ("UTC", 9), ("Asia/Kolkata", 4)],
)
def test_a_zone_may_be_an_offset_from_utc(files: Files, zone: str, hour: int) -> None:
    """In a column, or for the whole file."""
    text = f"t,z\n2024-11-05 09:30:00,{zone}\n"
    for mapping in (
        f'start_time = {{ column = "t", zone = "z" }}{FIELDS}',
        f'source.timezone = "{zone}"\nstart_time = "t"{FIELDS}',
    ):
        (call,) = files.put(text, mapping).calls()
        assert call.start_time.hour == hour
    (wrong,) = files.put(
        "t,z\n2024-11-05 09:30:00,+25:00\n", f'start_time = {{ column = "t", zone = "z" }}{FIELDS}'
    ).convert()
    assert "nor an offset such as +05:30" in str(wrong)


def test_another_column_has_the_start_where_the_first_is_empty(files: Files) -> None:
    """As of calls that nobody answered."""
    mapping = f'source.timezone = "UTC"\nstart_time = {{ column = "started", fallback = "created" }}{FIELDS}'
    first, second, third = files.put(
        "started,created\n2024-11-05,2024-11-04\nnull,2024-11-04\n,\n", mapping
    ).convert()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert (first.start_time.day, second.start_time.day, third) == (5, 4, "4: start_time: is missing")


@pytest.mark.parametrize(
    ("match", "cell", "value"),
    [
        ("prefix", "Error-providerfault-x", "p"), ("prefix", "an error", "o"), ("glob", "x-vapifault-y", "v"),
        ("glob", "call.start.error-2", "s"), ("glob", "call.start", "o"), ("contains", "a Timeout b", "t"),
        ("glob", "busy", "b"), ("prefix", "", None),
    ],
)  # fmt: skip
def test_a_value_goes_by_the_beginning_or_the_likeness_of_the_cell(
    files: Files, match: str, cell: str, value: str | None
) -> None:
    """The first key that fits counts."""
    keys = {
        "prefix": '"error-" = "p"',
        "glob": '"*-vapifault-*" = "v", "call.*.error*" = "s", busy = "b"',
        "contains": 'timeout = "t"',
    }
    mapping = f'start_time = "t"{FIELDS}qualification = {{ column = "r", {match} = true, values = {{ {keys[match]}, "*" = "o" }} }}'
    (call,) = files.put(f"t,r\n2024-11-05,{cell}\n", mapping).calls()
    assert call.qualification == value


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_a_likeness_is_that_of_a_regular_expression(pattern: str, text: str) -> None:
    """Whatever the stars."""
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert has_in_order(pattern.split("*"), text) == (re.fullmatch(expression, text) is not None)


def test_no_likeness_takes_long() -> None:
    """Each piece is searched for once, however many stars there are."""
    begun = time.perf_counter()
    assert not has_in_order([*"a" * 29, "ab"], "a" * 100_000)
    assert time.perf_counter() - begun < 1


def test_a_price_in_another_currency_or_in_paise_is_scaled(files: Files) -> None:
    """By what the mapping says."""
    mapping = f"""start_time = "t"{FIELDS}[cost]
telephony = {{ column = "c", scale = 85, absolute = true }}
llm = {{ column = "p", scale = 0.01 }}"""
    calls = files.put('t,c,p\n2024-11-05,-$0.02,250\n2024-11-05,USD 1,"1,000"\n', mapping).calls()
    assert [(call.cost.telephony, call.cost.llm) for call in calls if call.cost] == [(1.7, 2.5), (85, 10)]


def test_a_list_in_a_cell_is_combined(files: Files) -> None:
    """Whatever parts its items."""
    mapping = f'start_time = "t"{FIELDS}e2e_latency_ms = {{ column = "l", split = ";", combine = "mean", unit = "seconds" }}'
    first, second, third = files.put(
        "t,l\n2024-11-05,1;2;3\n2024-11-05,\n2024-11-05,1;x\n", mapping
    ).convert()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert (first.e2e_latency_ms, second.e2e_latency_ms) == (2_000, None)
    assert third == "4: e2e_latency_ms: 'x' is not a number"


@pytest.mark.parametrize(
    ("cell", "lead"),
    [
        ("9811122233.0", "9811122233"), ("'+919811122233", "+919811122233"), ("'98111 22233", "98111 22233"),
        ("L-17.0", "L-17.0"), ("'tis", "'tis"), ("17.0", "17.0"), ("1730779200.41", "1730779200.41"),
    ],
)  # fmt: skip
def test_a_lead_is_the_same_after_a_spreadsheet_or_a_data_frame(files: Files, cell: str, lead: str) -> None:
    """Pandas writes the numbers of a column with gaps as fractions; a ' keeps a phone from being a sum."""
    mapping = f'start_time = "at"\n{FIELDS}lead_id = "lead"'.replace('{ template = "row-{line}" }', '"id"')
    files.put(f"id,lead,at\n1730779200.0,{cell},2024-11-05\n", mapping)
    (call,) = files.calls()
    assert (call.call_id, call.lead_id) == ("1730779200.0", lead), "a call's id may look like a fraction"


def test_leads_whom_nobody_knows_are_not_one_lead(files: Files) -> None:
    """It would be called far too often, and one opt-out would count for all of them."""
    mapping = f'start_time = "at"\n{FIELDS}lead_id = "lead"'
    words = ["NULL", "None", "nan", "#N/A", "-", "undefined", ""]
    files.put("lead,at\n" + "".join(f'"{word}",2024-11-05\n' for word in words), mapping)
    assert [call.lead_id for call in files.calls()] == [None] * len(words)
    of_crm = mapping.replace('lead_id = "lead"', 'lead_id = { template = "crm-{lead}" }')
    files.put("lead,at\nNULL,2024-11-05\nnull-island,2024-11-05\n", of_crm)
    refused, taken = files.convert()
    assert refused == "2: lead_id: column lead is empty"
    assert not isinstance(taken, str)
    assert taken.lead_id == "crm-null-island"


@pytest.mark.parametrize("template", ['"id"', '{ template = "crm-{id}" }'])
@pytest.mark.parametrize("cell", ["1.73078E+12", "9,81112E+09", "1E+12", "1.73E+012"])
def test_calls_are_not_made_one_because_a_spreadsheet_rounded_their_ids(
    files: Files, cell: str, template: str
) -> None:
    """Each would replace the one before."""
    mapping = f'start_time = "at"\n{FIELDS}'.replace('{ template = "row-{line}" }', template)
    files.put(f'id,at\n"{cell}",2024-11-05\n"{cell}",2024-11-06\n', mapping)
    for line, rejected in enumerate(files.convert(), 2):
        assert str(rejected).startswith(f"{line}: call_id: '{cell}' was rounded by a spreadsheet"), rejected


def test_a_call_whose_leads_id_a_spreadsheet_rounded_is_kept_without_it(files: Files) -> None:
    """Several people would be one lead, with the attempts and opt-outs of all."""
    mapping = f'start_time = "at"\n{FIELDS}lead_id = "id"'
    files.put('id,at\n"3.27E+11",2024-11-05\n81234,2024-11-06\n', mapping)
    assert [call.lead_id for call in files.calls()] == [None, "81234"]


def test_an_id_that_only_looks_like_a_number_is_taken_as_it_is(files: Files) -> None:
    mapping = f'start_time = "at"\n{FIELDS}'.replace('{ template = "row-{line}" }', '"id"')
    ids = ["12e45", "5e+10a", "E+12", "4E+5f", "12E34", "0x1E+10"]
    files.put("id,at\n" + "".join(f"{one},2024-11-05\n" for one in ids), mapping)
    assert [call.call_id for call in files.calls()] == ids
