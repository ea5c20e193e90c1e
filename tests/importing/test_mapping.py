# ruff: noqa: E501 (a table reads best with one case a line)
"""A mapping that cannot be used is refused in one line that names the file and the key."""

import pytest

from core.errors import UserError
from core.importing.mapping import load_mapping
from tests.importing.helpers import SIMPLE, Files

REST = SIMPLE.replace('start_time = "started"', "")
START = 'start_time = "started"\n'


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ("source.delimitr = ';'" + SIMPLE, "source.delimitr is not a known key"),
        ("fieldz = 1" + SIMPLE, "fieldz is not a known key"),
        (SIMPLE + "lead_id = { column = 'l', nul = '0' }", "fields.lead_id.nul is not a known key"),
        (SIMPLE + "lead = 'l'", "fields: lead is not a field of a call; the fields are call_id, lead_id, answered_at, duration_seconds, ring_seconds, talk_seconds, status, direction, language, language_raw, asr_latency_ms, llm_latency_ms, tts_latency_ms, e2e_latency_ms, total_turns, user_turns, interruptions, agent_interruptions, qualification_completed, qualification, qualification_seconds, handoff_triggered, handoff_answered_at, handoff_wait_seconds, sentiment_score, errors, end_reason, end_reason_raw, hangup_by, fault, attempt, campaign, purpose, agent, agent_version, provider_call_id"),
        (SIMPLE + "end_time = 'l'", "fields: end_time is a table of its own, [end_time], not a key of [fields]"),
        (START + "fields = { call_id = 'a' }", "fields: status is missing; every call needs call_id, status, direction"),
        (REST, "start_time: is missing"),
        ("source.format = 'xls'" + SIMPLE, "source.format: input should be 'csv', 'json', 'jsonl', 'xlsx' or 'parquet'"),
        ("source.delimiter = '::::'" + SIMPLE, "source.delimiter: string should match pattern '^[^\"\\r\\n]{1,3}$'"),
        ("source.encoding = 'utf-99'" + SIMPLE, "source.encoding: is not a known encoding; for example utf-8 or cp1252"),
        ("source.timezone = 'IST'" + SIMPLE, "source.timezone: is not an IANA time zone; for example Asia/Kolkata, or +05:30"),
        ("start_time = { column = 'a', time = 'b' }" + REST, "start_time: a date goes with exactly one of time, at; a column with neither"),
        ("start_time = { date = 'a' }" + REST, "start_time: a date goes with exactly one of time, at; a column with neither"),
        ("start_time = { day = 'a', at = 12:00:00 }" + REST, "start_time: needs both day and month"),
        ("start_time = { day = 'a', month = 'b', at = 12:00:00 }" + REST, "start_time: day and month go with exactly one of year, first_year"),
        ("start_time = { time = 'a' }" + REST, "start_time: needs exactly one of column, date, or day and month"),
        ("start_time = { column = 'a', format = 'time_of_day' }" + REST, "start_time: format time_of_day is for end_time; here name date and time"),
        ("start_time = { column = 'a', format = 'ISO' }" + REST, "start_time.format: is not iso, epoch, epoch_ms, epoch_us, excel, time_of_day or a pattern such as %d.%m.%Y %H:%M"),
        ("end_time = { latest = [] }" + SIMPLE, "end_time: needs exactly one of column, latest"),
        ("end_time = { column = 'a', zero_is_never = 'b' }" + SIMPLE, "end_time: zero_is_never names b, which is not among its columns"),
        (SIMPLE + "lead_id = { constant = 'a', column = 'b' }", "fields.lead_id: needs exactly one of column, template, constant"),
        (SIMPLE + "lead_id = { constant = 'a', null = 'b' }", "fields.lead_id: null goes with column only"),
        (SIMPLE + "lead_id = { column = 'a', equals = 'b', split = ' ' }", "fields.lead_id: takes only one of equals, values, split"),
        (SIMPLE + "metadata = 'c'", "fields: metadata is a table of its own, [metadata], not a key of [fields]"),
        (SIMPLE + "[metadata]\n'a.b' = 'c'", "metadata.a.b: string should match pattern '^[A-Za-z0-9_-]{1,64}$'"),
        (SIMPLE + "[[drop]]\ncolumn = 'a'\nequals = 'b'", "drop.0.reason: is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(files: Files, mapping: str, complaint: str) -> None:
    files.put("", mapping)
    with pytest.raises(UserError) as caught:
        load_mapping(files.mapping)
    assert str(caught.value) == f"{files.mapping}: {complaint}"
    assert "\n" not in str(caught.value)


def test_text_that_is_no_toml_is_refused_with_its_place(files: Files) -> None:
    files.put("", "a = [\nb")
    with pytest.raises(UserError, match=r"map\.toml is not valid TOML: .*line 2, column 1"):
        load_mapping(files.mapping)


@pytest.mark.parametrize("text", ["skip_lines = " + "9" * 5_000, "a = " + "[" * 100_000])
def test_text_that_python_does_not_read_is_refused(files: Files, text: str) -> None:
    files.put("", text)
    with pytest.raises(UserError, match=r"map\.toml is (not valid TOML|nested too deeply)"):
        load_mapping(files.mapping)


def test_an_absent_mapping_is_named(files: Files) -> None:
    with pytest.raises(UserError, match=r"the mapping .*map\.toml cannot be read: No such file or directory"):
        load_mapping(files.mapping)


@pytest.mark.parametrize(
    ("key", "pattern", "complaint"),
    [
        ("format", "%Y-%m-%d %I:%M", "has %I without %p"),
        ("format", "%Y-%m-%d %H:%M %p", "has %p without %I"),
        ("format", "%d.%m. %H:%M", "does not say year, month and day"),
        ("format", "%Y week %W %H:%M", "does not say year, month and day"),
        ("format", "%H:%M:%S", "does not say year, month and day"),
        ("format", "%Y-%m-%d %Q", "is not a pattern that Python's strptime reads"),
        ("date_format", "%d.%m.", "does not say year, month and day"),
        ("date_format", "%Y-%m-%d %z", "has a zone, which a date has not"),
        ("date_format", "%Y-%m-%d %Z", "has a zone, which a date has not"),
    ],
)
def test_a_time_format_of_which_a_part_would_have_no_effect_is_refused(
    files: Files, key: str, pattern: str, complaint: str
) -> None:
    """Before a row is read: a time that is hours off would be imported without a word."""
    table = {"format": f'column = "a", format = "{pattern}"'}.get(
        key, f'date = "a", time = "b", {key} = "{pattern}"'
    )
    files.put("", f"start_time = {{ {table} }}{REST}")
    with pytest.raises(UserError, match=complaint):
        load_mapping(files.mapping)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("lead_id = { column = 'a', unit = 'minutes' }", "lead_id is no span of time and takes no unit"),
        ("lead_id = { constant = 'a', cut = 3 }", "cut goes with column only"),
        ("lead_id = { column = 'a', contains = true }", "contains goes with values only"),
        ("lead_id = { column = 'a', ignore_case = true }", "ignore_case goes with equals or values only"),
        ("[cost]\nasr = { column = 'a', unit = 'seconds' }", "asr is no span of time and takes no unit"),
        ("lead_id = { column = 'a', scale = 2 }", "lead_id is no amount and takes no scale"),
        ("e2e_latency_ms = { column = 'a', scale = 2 }", "is no amount and takes no scale; use unit"),
        ("lead_id = { column = 'a', combine = 'sum' }", "lead_id is no number and takes no combine"),
        ("attempt = { column = 'a', format = 'iso' }", "attempt is no time and takes no format"),
        ("[metadata]\nm = { column = 'a', zone = 'b' }", "m is no time and takes no zone"),
        ("lead_id = { column = 'a', glob = true }", "glob goes with values only"),
        (
            "lead_id = { column = 'a', glob = true, prefix = true, values = {} }",
            "takes only one of contains, prefix, glob",
        ),
        (
            "attempt = { column = 'a', equals = 'b', combine = 'sum' }",
            "takes only one of equals, values, split",
        ),
    ],
)
def test_a_key_that_would_have_no_effect_is_refused(files: Files, value: str, complaint: str) -> None:
    """Whoever wrote it believes that it does something."""
    files.put("", SIMPLE + value)
    with pytest.raises(UserError, match=complaint):
        load_mapping(files.mapping)
