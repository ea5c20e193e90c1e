# ruff: noqa: E501 (tables read best with one case a line)
"""Mappings that are proposed: what columns are taken for, and what is left to a person."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.importing import import_file
from core.importing.fields import KINDS
from core.importing.mapping import parse_mapping
from core.importing.proposing import Proposal, propose
from core.importing.proposing import proposal as proposal_module
from core.importing.proposing.draft import toml
from core.importing.reading.files import find_parts
from tests.importing.exports import EXPORTS

TWILIO = """Call Sid,From,To,Direction,Status,Start Time,End Time,Duration,Price,Price Unit
CA1,+911,+912,outbound-api,completed,2024-11-05 09:30:00 UTC,2024-11-05 09:31:40 UTC,100,-0.014,USD
CA2,+911,+912,inbound,no-answer,2024-11-05 09:35:00 UTC,2024-11-05 09:35:20 UTC,20,,USD
"""
EXOTEL = """Sid,DateCreated,To,From,Status,StartTime,EndTime,Duration,Price,Direction
e1,2024-11-05 15:00:00,0911,0922,completed,2024-11-05 15:00:00,2024-11-05 15:01:40,100,1.5,outbound-dial
e2,2024-11-05 15:10:00,0911,0923,no-answer,2024-11-05 15:10:00,,,,outbound-dial
"""
OZONETEL = """monitorUCID;UUI;CallerID;StartTime;EndTime;TimeToAnswer;CallDuration;Status;Type;CampaignName
o1;L1;0922;05/11/2024 15:00:00;05/11/2024 15:01:40;00:00:10;00:01:40;Answered;Outbound;Diwali
o2;L2;0923;25/11/2024 15:00:00;25/11/2024 15:00:20;00:00:20;00:00:20;NotAnswered;Outbound;Diwali
"""
ASTERISK_SQL = """calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,uniqueid
2024-11-05 15:00:00,Desk <0922>,0922,0911,in,SIP/a,SIP/b,Dial,x,104,100,ANSWERED,1730799000.41
2024-11-05 15:10:00,Desk <0923>,0923,0911,in,SIP/a,,Dial,x,30,0,NO ANSWER,1730799600.42
"""
DIALER = """Ref No,Dialled On,Status,Secs
d1,2024-11-05 15:00:00,Answered,100
d2,2024-11-05 15:10:00,No Answer,0
"""
BY_HAND = """Reference No.,Dialed On,Disposition,Secs
d1,2024-11-05 15:00:00,Answered,100
d2,2024-11-05 15:10:00,No Answer,0
"""
AGENT = [
    {"execution_id": "x1", "started_at": 1_730_799_000_500, "ended_at": 1_730_799_100_500, "duration_ms": 100_000}
    | {"call": {"status": "Completed", "direction": "Incoming", "language": "hindi"}, "lead_id": "l1", "turns": 7},
    {"execution_id": "x2", "started_at": 1_730_799_000_500, "ended_at": 1_730_799_001_500, "duration_ms": 1_000}
    | {"call": {"status": "Busy", "direction": "Outgoing", "language": None}, "lead_id": "l2", "turns": 0},
]  # fmt: skip


def proposed(folder: Path, data: str | bytes, name: str = "calls.csv") -> Proposal:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return propose(find_parts([path])[0])


@pytest.mark.parametrize(
    ("data", "seconds", "fields"),
    [
        (TWILIO, 100, {"call_id": "CA1", "status": "completed", "direction": "outbound"}),
        (EXOTEL, 100, {"call_id": "e1", "status": "completed", "direction": "outbound"}),
        (
            OZONETEL,
            100,
            {"call_id": "o1", "status": "completed", "direction": "outbound", "campaign": "Diwali"},
        ),
        (ASTERISK_SQL, 104, {"call_id": "1730799000.41", "status": "completed"}),
        (DIALER, 100, {"call_id": "d1", "status": "completed"}),
        (BY_HAND, 100, {"call_id": "d1", "status": "completed"}),
        (
            json.dumps(AGENT),
            100,
            {"call_id": "x1", "direction": "inbound", "language": "hindi", "lead_id": "l1", "total_turns": 7},
        ),
    ],
    ids=["twilio", "exotel", "ozonetel", "asterisk in SQL", "dialer", "by hand", "agent"],
)
def test_known_names_of_columns_are_understood(
    tmp_path: Path, data: str, seconds: float, fields: dict[str, Any]
) -> None:
    """Every row of the file is a call then, and importing stores what was shown."""
    proposal = proposed(tmp_path, data)
    assert (proposal.valid, proposal.rows, proposal.problem) == (2, 2, "")
    assert proposal.first is not None
    assert proposal.first.start_time.isoformat().startswith("2024-11-05T09:30:00")
    assert proposal.first.duration_seconds == seconds
    assert {name: getattr(proposal.first, name) for name in fields} == fields
    assert not proposal.ready
    mapping = tmp_path / "map.toml"
    mapping.write_text(proposal.text)
    report = import_file(tmp_path / "calls.csv", mapping, rejects=tmp_path / "r.jsonl", dry_run=True)
    assert (report.valid, report.rejected) == (2, 0)


@pytest.mark.parametrize("name", EXPORTS)
def test_the_export_of_a_system_gets_the_mapping_that_ships_for_it(tmp_path: Path, name: str) -> None:
    """With its comments; what it would store is shown all the same."""
    export = EXPORTS[name]
    proposal = proposed(tmp_path, export.data, export.name)
    assert proposal.ready is not None
    assert proposal.ready.name == f"{name}.toml"
    assert proposal.first is not None
    assert proposal.first.call_id == export.calls[0][0]
    assert parse_mapping(proposal.text, "x") == parse_mapping(proposal.ready.read_text(), "y")


def test_without_the_mappings_that_ship_names_are_still_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the documentation is not installed."""
    monkeypatch.setattr("core.importing.proposing.proposal.READY", tmp_path / "none")
    for name in ("vapi", "retell", "bolna", "twilio", "plivo"):
        proposal = proposed(tmp_path, EXPORTS[name].data, EXPORTS[name].name)
        assert not proposal.ready
        assert proposal.first is not None, proposal.problem
        assert proposal.first.call_id == EXPORTS[name].calls[0][0]
        assert proposal.first.status == "completed"


def test_what_a_person_must_look_at_is_marked(tmp_path: Path) -> None:
    """Ids by line numbers, a direction that no column says, days that may be months, words that are unknown."""
    text = "Report of Nov\\nDay;Time;Talk time (min);Result;Amount;Mobile\\n"
    text = (
        text.replace("\\n", "\n")
        + "05/11/2024;02:05 PM;1.5;Answered;2;98\n06/11/2024;03:00 PM;0;Weird;2;98\n"
    )
    proposal = proposed(tmp_path, text.replace("Day", "Date"))
    doubtful = {guess.field: guess.reason for guess in proposal.guesses if guess.doubtful}
    assert doubtful.keys() == {"start_time", "call_id", "status", "direction"}
    assert "day and month could be the other way round" in doubtful["start_time"]
    assert "say what 'Weird' means" in doubtful["status"]
    assert proposal.problem == "line 4: status: Result 'Weird' is not one of Answered"
    assert proposal.first is not None
    assert (proposal.first.call_id, proposal.first.duration_seconds) == ("calls-3", 90)
    remarks = dict(proposal.unused)
    assert (remarks["Amount"][:8], remarks["Mobile"]) == ("a price:", "personal data?")


def test_a_duration_that_start_and_end_contradict_is_left_out(tmp_path: Path) -> None:
    """As the seconds that were paid for; one that agrees says its own unit."""
    text = "id,start_time,end_time,status,duration\n" + "".join(
        f"c{n},2024-11-05 09:30:00,2024-11-05 09:31:40,completed,{{}}\n" for n in range(3)
    )
    for cells, guessed in (
        ((60, 60, 60), None),
        ((100, 99, 101), "duration"),
        ((100_000, 100_200, 99_900), "milliseconds"),
    ):
        proposal = proposed(tmp_path, text.format(*cells))
        found = [guess.value for guess in proposal.guesses if guess.field == "duration_seconds"]
        assert [value["unit"] if isinstance(value, dict) else value for value in found] == (
            [guessed] if guessed else []
        )
        assert (proposal.valid, proposal.rows) == (3, 3)


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ("id|start|status\nc1|2024-11-05 09:30|completed\n", {"delimiter": "|"}),
        ("id||start||status\nc1||2024-11-05 09:30||completed\n", {"delimiter": "||"}),
        ("id\tstart\tstatus\nc1\t2024-11-05 09:30\tcompleted\n".encode("utf-16"), {"delimiter": "\t", "encoding": "utf-16"}),
        ("id,start,status,n\nc1,2024-11-05 09:30,completed,Ren\xe9\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("sep=;\nid;start;status\nc1;2024-11-05 09:30;completed\n", {"delimiter": ";"}),
        ('id,start,status,n\nc1,2024-11-05 09:30,completed,"a \\"b\\""\n', {"escape": "\\"}),
        ("c1,2024-11-05 09:30,completed\nc2,2024-11-05 09:30,completed\n", {"columns": ["column 1", "column 2", "column 3"]}),
    ],
    ids=["bar", "bars", "utf-16", "cp1252", "sep", "escape", "no header"],
)  # fmt: skip
def test_what_a_file_is_like_is_seen(tmp_path: Path, data: str | bytes, source: dict[str, Any]) -> None:
    """Delimiter, encoding, escapes, whether there is a header."""
    proposal = proposed(tmp_path, data)
    dumped = (
        parse_mapping(proposal.text, "x").source.model_dump(exclude_defaults=True)
        if "columns" not in source
        else None
    )
    assert dumped is None or dumped.items() >= source.items()
    assert all(f"{key} = {toml(value)}" in proposal.text for key, value in source.items())


def test_without_a_start_the_draft_says_what_lacks(tmp_path: Path) -> None:
    """It can be mended, but not used."""
    proposal = proposed(tmp_path, "id,status\nc1,completed\n")
    assert not proposal.can_be_used
    assert "no column found" in proposal.text
    assert "name the column with the start" in proposal.problem


@pytest.mark.parametrize(
    "start",
    [
        "24-Oct-2024 5:30 PM IST",
        "24/10/2024 17:30 IST",
        "2024-10-24 17:30:00 IST",
        "Thu Oct 24 17:30:00 IST 2024",
    ],
)
def test_times_that_name_the_zone_of_this_installation_are_read_in_it(tmp_path: Path, start: str) -> None:
    proposal = proposed(tmp_path, f"id,start,status,direction\nc1,{start},completed,outbound\n")
    assert proposal.first is not None, proposal.problem
    assert f"{proposal.first.start_time:%Y-%m-%d %H:%M} UTC" == "2024-10-24 12:00 UTC"


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    """Days as numbers, and texts marked as such, so that 0012 stays 0012."""
    proposal = proposed(tmp_path, 'id,start,status\n="0012",45589.4375,completed\n="0013",45589.5,failed\n')
    assert proposal.first is not None, proposal.problem
    assert proposal.first.call_id == "0012"
    assert f"{proposal.first.start_time:%Y-%m-%d %H:%M} UTC" == "2024-10-24 05:00 UTC"


def test_a_start_whose_form_is_unknown_is_named_with_what_to_write(tmp_path: Path) -> None:
    """Also times of a zone that is not ours."""
    proposal = proposed(tmp_path, "id,Start,status\nc1,24-Oct-2024 5:30 PM PKT,completed\n")
    assert not proposal.can_be_used
    assert (
        "Start looks like the start, but the form of its times is unknown: write format" in proposal.problem
    )
    assert 'column = "Start"' in proposal.text
    assert not proposal.unused


@pytest.mark.parametrize("data", ["", "\n\n", "one\ntwo\n", "id,start\n", b"\x7fELF\0\1\2", b"\xff\xfe\0"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, data: str | bytes) -> None:
    with pytest.raises(UserError) as caught:
        proposed(tmp_path, data)
    assert "\n" not in str(caught.value)


NAME = st.text("idstarus ,;\"'#é\n{}=\\\x07", max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.lists(NAME, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_names_and_cells_upset_the_proposal(tmp_path: Path, rows: list[list[str]]) -> None:
    """Whatever they are, its text is a mapping that can be read."""
    header = "id,start,status," + ",".join(json.dumps(name) for name in rows[0])
    lines = [
        header,
        *(f"c,2024-11-05,{json.dumps(row[0])}," + ",".join(map(json.dumps, rows[0])) for row in rows),
    ]
    try:
        proposal = proposed(tmp_path, "\n".join(lines))
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017 (a proposal is checked below)
        return
    assert parse_mapping(proposal.text, "x").fields.keys() <= KINDS.keys()


TABLE = """Sid,Status,StartTime,EndTime,Duration,Direction,From,To,Price,PriceUnit,DateCreated
CA1,completed,2024-11-05T09:30:00Z,2024-11-05T09:31:00Z,60,Outgoing API,+1,+2,-0.014,USD,2024-11-05T09:29:58Z
CA2,no-answer,,,0,Outgoing API,+1,+2,,USD,2024-11-05T09:39:58Z
CA3,busy,2024-11-05T09:40:00Z,2024-11-05T09:40:09Z,0,Incoming,+1,+2,0,USD,2024-11-05T09:39:58Z
"""


def test_twilios_table_of_calls_is_understood_whole(tmp_path: Path) -> None:
    """Its words for directions, calls that were never dialled, zero seconds of talk, and its price."""
    proposal = proposed(tmp_path, TABLE)
    assert (proposal.valid, proposal.rows, proposal.problem) == (3, 3, "")
    guessed = {guess.field: guess.value for guess in proposal.guesses}
    assert guessed["start_time"] == {"column": "StartTime", "fallback": "DateCreated"}
    assert guessed["direction"]["values"] == {"Outgoing API": "outbound", "Incoming": "inbound"}
    assert (guessed["talk_seconds"], guessed["cost.currency"]) == ("Duration", "PriceUnit")
    assert proposal.first is not None
    assert proposal.first.cost is not None
    assert proposal.first.cost.origins is not None
    assert proposal.first.cost.origins["telephony"].amount == 0.014


def test_a_mapping_for_json_says_so_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(TABLE)
    with pytest.raises(UserError, match="is no JSON, for which the mapping is made"):
        import_file(path, proposal_module.READY / "twilio.toml", rejects=tmp_path / "rejects", dry_run=True)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (["24.10.2024 10:02", "25.10.2024 10:03"], "When"),
        (["24-Oct-2024 10:02:00 AM", "24-Oct-2024 02:05:10 PM"], "Call Date & Time"),
        (["10/24/24 10:02", "10/25/24 10:03"], "Start Time"),
        (["24-10-24 10:02", "25-10-24 10:03"], "Start Time"),
        (["45589.4180555556", "45590"], "Start Time"),
    ],
)
def test_the_starts_that_people_export_are_found(tmp_path: Path, start: list[str], name: str) -> None:
    rows = "".join(f"A{place};{cell};184;ANSWERED\n" for place, cell in enumerate(start))
    proposal = proposed(tmp_path, f"Call ID;{name};Dur;Status\n{rows}")
    assert (proposal.valid, proposal.rows) == (2, 2)
    assert proposal.first is not None
    assert proposal.first.start_time.isoformat() == "2024-10-24T04:32:00+00:00"
    assert proposal.first.duration_seconds == 184


def test_a_call_that_says_nothing_of_who_hung_up_is_not_rejected(tmp_path: Path) -> None:
    table = "Call ID,Start Time,Status,Hangup By\nA,2024-10-24 10:02,Answered,Customer\n"
    proposal = proposed(tmp_path, table + "B,2024-10-24 10:05,Missed,-\n")
    assert (proposal.valid, proposal.rows) == (2, 2)
    hung_up = next(guess for guess in proposal.guesses if guess.field == "hangup_by")
    assert not hung_up.doubtful


def test_times_that_cannot_be_read_are_named_where_noon_is_assumed(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "Call ID,Date,Time,Status\nA,24-10-2024,10h02,Answered\n")
    start = next(guess for guess in proposal.guesses if guess.field == "start_time")
    assert start.doubtful
    assert "Time has no times of day: noon is assumed" in start.reason


def test_a_workbook_with_a_title_above_its_header_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (
        ["Call Detail Report"],
        [],
        ["Call ID", "Start Time", "Duration", "Status", "Campaign"],
        [7001, datetime(2024, 10, 24, 10, 2), 184, "Answered", "Diwali"],  # noqa: DTZ001 (a workbook has no zone)
        [7002, datetime(2024, 10, 24, 10, 5), 0, "Missed", None],  # noqa: DTZ001 (likewise)
    ):
        book.active.append(row)
    book.active.merge_cells("A1:E1")
    book.save(tmp_path / "calls.xlsx")
    proposal = propose(find_parts([tmp_path / "calls.xlsx"])[0])
    assert (proposal.valid, proposal.rows) == (2, 2)
    assert proposal.first is not None
    assert proposal.first.call_id == "7001"


def test_names_are_kept_where_rows_end_with_a_delimiter_that_the_header_lacks(tmp_path: Path) -> None:
    table = (
        "Call ID,Start Time,Duration,Status\nA,2024-10-24 10:02,184,Answered,\nB,2024-10-24 10:05,0,Missed,\n"
    )
    proposal = proposed(tmp_path, table)
    assert (proposal.valid, proposal.rows) == (2, 2)
    assert proposal.first is not None
    assert (proposal.first.call_id, proposal.first.duration_seconds) == ("A", 184)


def test_names_are_not_taken_for_rows_whose_further_cells_hold_something(tmp_path: Path) -> None:
    table = "Call ID,Start Time,Duration,Status\n9,A,2024-10-24 10:02,184,Answered\n8,B,2024-10-24 10:05,0,Missed\n"
    assert not proposed(tmp_path, table).can_be_used
