# ruff: noqa: E501 (tables read best with one case a line)
"""Every form a mapping can take, and every way a row can be no call."""

import time
from datetime import UTC, datetime

import pytest

from core.models.metrics import CallMetrics
from core.settings import get_settings
from tests.importing.helpers import Files

FIELDS = """
[fields]
call_id = { template = "row-{line}" }
status = { constant = "completed" }
direction = { constant = "inbound" }
"""


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day and so on


@pytest.mark.parametrize(
    ("columns", "row", "start"),
    [
        ('start_time = "t"', "2024-10-24T10:00:00", utc(2024, 10, 24, 4, 30)),
        ('start_time = "t"', "2024-10-24T10:00:00-05:00", utc(2024, 10, 24, 15)),
        ('start_time = { column = "t", format = "epoch" }', "1729764000.5", utc(2024, 10, 24, 10, 0, 0, 500_000)),
        ('start_time = { column = "t", format = "epoch_ms" }', "1729764000500", utc(2024, 10, 24, 10, 0, 0, 500_000)),
        ('start_time = { column = "t", format = "%d/%m/%y %I:%M %p" }', "24/10/24 3:30 PM", utc(2024, 10, 24, 10)),
        ('start_time = { date = "t", time = "u" }', "2024-10-24,9:05", utc(2024, 10, 24, 3, 35)),
        ('start_time = { date = "t", date_format = "%y%m%d", time = "u" }', "241024,23:59:59.25",
         utc(2024, 10, 24, 18, 29, 59, 250_000)),
        ('start_time = { date = "t", at = 12:00:00 }', "2024-10-24", utc(2024, 10, 24, 6, 30)),
        ('start_time = { day = "t", month = "u", year = "v", at = 00:00:00 }', "1,Sept.,2024", utc(2024, 8, 31, 18, 30)),
        ('start_time = { day = "t", month = "u", year = "v", at = 00:00:00 }', "29,2,2024", utc(2024, 2, 28, 18, 30)),
    ],
)  # fmt: skip
def test_forms_of_a_start_time(files: Files, columns: str, row: str, start: datetime) -> None:
    header = ",".join("tuvw"[: row.count(",") + 1])
    mapping = f'{columns}\nsource.timezone = "Asia/Kolkata"\n{FIELDS}'
    assert files.put(f"{header}\n{row}\n", mapping).calls()[0].start_time == start


def test_without_a_zone_of_its_own_the_file_is_in_timezone(files: Files) -> None:
    (call,) = files.put("t\n2024-10-24T10:00\n", f'start_time = "t"\n{FIELDS}').calls()
    assert call.start_time == utc(2024, 10, 24, 4, 30)


def test_the_year_rolls_when_the_month_falls_back_even_on_dropped_rows(files: Files) -> None:
    mapping = (
        'start_time = { day = "d", month = "m", first_year = 2008, at = 12:00:00 }\n'
        '[[drop]]\ncolumn = "k"\nequals = "test"\nreason = "a test call"' + FIELDS
    )
    rows = ["5,may,", "29,nov,", "3,jan,test", "2,dec,", "31,dec,", "29,feb,", "x,may,", "1,mar,"]
    results = files.put("d,m,k\n" + "\n".join(rows), mapping).convert()
    assert [result.start_time.year if isinstance(result, CallMetrics) else result for result in results] == [
        *(2008, 2008),
        "4: k is test: a test call",
        *(2009, 2009),
        "7: start_time: day '29', month 'feb', year '2010' is not a date",
        "8: start_time: day 'x', month 'may', year '2010' is not a date",
        2011,
    ]


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        ("10:00:00,10:05:00,0:00:00", 300),
        ("10:00:00,10:05:00,10:02:00", 300),
        ("10:00:00,10:00:00,0:00:00", 0),
        ("10:00:00,9:59:00,10:01:00", 60),
        ("10:00:00,9:59:00,0:00:00", None),
        ("10:00:00,,", None),
        ("23:58:00,0:00:00,0:00:00", 120),
        ("23:58:00,23:59:00,0:03:00", 300),
        ("0:00:10,23:59:50,0:00:30", 20),
    ],
)  # fmt: skip
def test_end_times_of_day_count_from_the_start(files: Files, row: str, seconds: float | None) -> None:
    """After midnight is the next day; a time before the start is ignored; 0:00:00 may be never."""
    mapping = (
        'start_time = { date = "d", time = "t" }\n'
        'end_time = { latest = ["u", "v"], format = "time_of_day", zero_is_never = ["v"] }' + FIELDS
    )
    (call,) = files.put(f"d,t,u,v\n2024-10-24,{row}\n", mapping).calls()
    assert call.duration_seconds == seconds


def test_the_latest_of_several_whole_times_ends_the_call(files: Files) -> None:
    mapping = f'start_time = "t"\nend_time = {{ latest = ["u", "v"] }}{FIELDS}'
    row = "2024-10-24T10:00,2024-10-24T10:03,2024-10-24T10:01"
    assert files.put(f"t,u,v\n{row}\n", mapping).calls()[0].duration_seconds == 180


def test_values_constants_templates_and_metadata(files: Files) -> None:
    mapping = """
    start_time = "t"
    [fields]
    call_id = { template = "{t}-{no+x}-{line}" }
    lead_id = { column = "lead", null = [0, "-"] }
    status = { column = "outcome", values = { AGENT = "completed", "*" = "failed" } }
    end_reason = { column = "outcome", values = { HANG = "hung_up", "*" = "" } }
    direction = { constant = "inbound" }
    handoff_triggered = { column = "outcome", equals = ["AGENT", "BOSS"] }
    qualification_completed = "took"
    attempt = { constant = 2 }
    errors = { column = "errors", split = "|" }
    language = "lang"
    [cost]
    telephony = "fee"
    [metadata]
    queue = "queue"
    priority = { column = "lead", values = { 0 = 1, "*" = 2 } }
    """
    text = (
        "t,no+x,lead,outcome,took,errors,lang,queue,fee\n"
        "2024-10-24,7,0,AGENT,yes,,Hinglish,,\n"
        "2024-10-24,8,L1,HANG,no,asr| tts |,,front,1.25\n"
    )
    first, second = files.put(text, mapping).calls()
    assert first.model_dump(exclude={"start_time"}, exclude_defaults=True) == {
        "call_id": "2024-10-24-7-2",
        "status": "completed",
        "direction": "inbound",
        "language": "hinglish",
        "attempt": 2,
        "handoff_triggered": True,
        "qualification_completed": True,
        "metadata": {"priority": 1},
    }
    assert second.model_dump(exclude={"start_time"}, exclude_defaults=True) == {
        "call_id": "2024-10-24-8-3",
        "lead_id": "L1",
        "status": "failed",
        "direction": "inbound",
        "attempt": 2,
        "end_reason": "customer_hung_up",
        "end_reason_raw": "hung_up",
        "errors": [{"type": "asr"}, {"type": "tts"}],
        "cost": {"telephony": 1.25},
        "metadata": {"queue": "front", "priority": 2},
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,2024-02-30,completed,1", "start_time: '2024-02-30' is not a time in the form iso"),
        ("a,0001-01-01T01:00:00,completed,1", "start_time: is outside the years 1970 to 2200"),
        ("a,,completed,1", "start_time: is missing"),
        (",2024-10-24,completed,1", "call_id: is missing"),
        ("a,2024-10-24,,1", "status: is missing"),
        (
            "a,2024-10-24,lost,1",
            "status: input should be 'completed', 'failed' or 'no_answer', not 'lost'",
        ),
        (
            "a,2024-10-24,completed,-1",
            "duration_seconds: input should be greater than or equal to 0, not '-1'",
        ),
        (
            "a,2024-10-24,completed,soon",
            "duration_seconds: input should be a valid number, unable to parse string as a number, not 'soon'",
        ),
        ("a,2024-10-24,completed,nan", "duration_seconds: input should be a finite number, not 'nan'"),
    ],
)
def test_an_invalid_row_is_rejected_with_a_reason_that_names_the_field(
    files: Files, row: str, reason: str
) -> None:
    assert files.put(f"id,started,status,seconds\n{row}\n").convert() == [f"2: {reason}"]


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        (f'start_time = "a"\nend_time = "b"{FIELDS}', "end_time is before start_time"),
        (
            f'start_time = "a"\nend_time = {{ column = "c", format = "time_of_day" }}{FIELDS}',
            "end_time: '25:00:00' is not a time of day such as 9:05 or 09:05:30",
        ),
        (
            f'start_time = {{ date = "b", date_format = "%y%m%d", at = 12:00:00 }}{FIELDS}',
            "start_time: '2024-10-23' is not a date in the form %y%m%d",
        ),
        (
            f'start_time = {{ day = "d", month = "c", year = "d", at = 12:00:00 }}{FIELDS}',
            "start_time: '25:00:00' is not a month",
        ),
        (
            f'start_time = "a"{FIELDS}language = {{ column = "b", values = {{ E = "english", H = "hindi" }} }}',
            "language: b '2024-10-23' is not one of E, H",
        ),
        (f'start_time = "a"{FIELDS}campaign = {{ template = "x-{{d}}" }}', "campaign: column d is empty"),
    ],
)
def test_each_form_says_what_it_cannot_read(files: Files, mapping: str, reason: str) -> None:
    assert files.put("a,b,c,d\n2024-10-24,2024-10-23,25:00:00,\n", mapping).convert() == [f"2: {reason}"]


def test_a_number_too_great_for_a_count_is_rejected(files: Files) -> None:
    text = f"t,turns\n2024-10-24,{2**63 - 1}\n2024-10-24,{10**30}\n"
    results = files.put(text, f'start_time = "t"{FIELDS}total_turns = "turns"').convert()
    too_great = "total_turns: input should be less than or equal to 1000000"
    assert results == [f"2: {too_great}, not '{2**63 - 1}'", f"3: {too_great}, not '{10**30}'"]


ZONED = '{{ column = "t", format = "{}" }}'


@pytest.mark.parametrize("name", ["UTC", "GMT", "Z", "utc"])
def test_the_name_of_utc_in_a_time_counts(files: Files, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is not the time of TIMEZONE that stands there."""
    monkeypatch.setenv("TIMEZONE", "Asia/Kolkata")
    get_settings.cache_clear()
    mapping = f"start_time = {ZONED.format('%Y-%m-%d %H:%M:%S %Z')}{FIELDS}"
    (call,) = files.put(f"t\n2024-11-05 09:30:00 {name}\n", mapping).calls()
    assert call.start_time == datetime(2024, 11, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["IST", "CET", "EST", ""])
def test_the_name_of_another_zone_is_refused_whatever_zone_the_machine_is_in(
    files: Files, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """IST is that of India, of Israel and of Ireland."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        mapping = f"start_time = {ZONED.format('%Y-%m-%d %H:%M:%S %Z')}{FIELDS}"
        (reason,) = files.put(f"t\n2024-11-05 09:30:00 {name}\n", mapping).convert()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "is not a time in the form" in str(reason)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        *[("epoch", text) for text in ("-1", "45601.25", "1730779", "1_730_779_200", "1e9", "nan", "inf")],
        *[("epoch_ms", text) for text in ("00", "1730779200", "45601")],
    ],
)
def test_a_number_that_is_no_time_of_a_call_is_rejected(files: Files, form: str, text: str) -> None:
    """A null value, a day of a spreadsheet, seconds where milliseconds are meant."""
    (reason,) = files.put(f"t\n{text}\n", f"start_time = {ZONED.format(form)}{FIELDS}").convert()
    assert str(reason).startswith(f"2: start_time: '{text}' is not a time in the form {form}")


def test_a_number_that_only_python_reads_is_none(files: Files) -> None:
    """And a cost that is none is named with its column."""
    text = "t,n,c\n2024-10-24,2_5,1\n2024-10-24,٢٥,1\n2024-10-24,25,free\n2024-10-24,25,1_0\n"
    mapping = f'start_time = "t"{FIELDS}total_turns = "n"\n[cost]\nasr = "c"'
    underscore, arabic, free, cost = map(str, files.put(text, mapping).convert())
    assert underscore == "2: total_turns: '2_5' is not a number"
    assert arabic == "3: total_turns: '٢٥' is not a number"
    assert free == "4: cost.asr: 'free' is not a number of rupees (column c)"
    assert cost == "5: cost.asr: '1_0' is not a number of rupees (column c)"


def test_a_date_with_a_time_of_day_beside_a_column_with_the_time_is_rejected(files: Files) -> None:
    """Midnight is none, as exports write a date."""
    mapping = 'start_time = { date = "d", date_format = "%Y-%m-%d %H:%M:%S", time = "t" }' + FIELDS
    text = "d,t\n2024-11-05 00:00:00,09:30\n2024-11-05 14:00:00,09:30\n"
    good, bad = files.put(text, mapping).convert()
    assert not isinstance(good, str)
    assert "has a time of day as well" in str(bad)
