"""Every field of a call that a cell can say can be mapped, in the form that its kind has."""

from datetime import UTC, datetime

import pytest

from core.errors import UserError
from core.importing.fields import KINDS, TABLES
from core.importing.legs import join
from core.importing.mapping import load_mapping
from core.models.calls.parts import Origin
from core.models.metrics import CallMetrics
from tests.importing.helpers import SIMPLE, Files

OF_LISTS = {"silences", "usage"}
"""Lists of objects, of which a cell can say none."""


def test_every_field_of_the_model_is_a_field_of_a_mapping_or_a_table_of_it() -> None:
    """So none is forgotten when the model gets another."""
    own = {"start_time", "end_time", "metadata"}
    assert KINDS.keys() | TABLES.keys() | own | OF_LISTS == CallMetrics.model_fields.keys()
    assert (KINDS["answered_at"], KINDS["talk_seconds"], KINDS["attempt"]) == ("moment", "span", "number")
    assert (KINDS["handoff_triggered"], KINDS["errors"], KINDS["hangup_by"]) == ("flag", "list", "text")
    assert TABLES["cost"] | {"platform": "cost", "currency": "text", "rate": "number"} == TABLES["cost"]
    assert TABLES["compliance"]["dnd_checked_at"] == "moment"


def test_a_field_that_is_a_time_is_read_in_its_form_and_zone(files: Files) -> None:
    """A word for none is none."""
    mapping = f"""source.timezone = "UTC"
start_time = "started"
[fields]
call_id = "id"
status = {{ constant = "completed" }}
direction = {{ constant = "outbound" }}
answered_at = {{ column = "answered", format = "%d/%m/%Y %H:%M:%S", zone = "zone" }}
{SIMPLE[SIMPLE.index("duration") :]}"""
    rows = (
        "c1,2024-11-05,05/11/2024 05:30:10,Asia/Kolkata,60",
        "c2,2024-11-05,0000-00-00 00:00:00,,60",
        "c3,2024-11-05,soon,,1",
    )
    first, second, third = files.put(
        "id,started,answered,zone,seconds\n" + "\n".join(rows), mapping
    ).convert()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert first.answered_at == datetime(2024, 11, 5, 0, 0, 10, tzinfo=UTC)
    assert (first.ring_seconds, first.duration_seconds, second.answered_at) == (10, 60, None)
    assert third == "4: answered_at: 'soon' is not a time in the form %d/%m/%Y %H:%M:%S"


def test_parts_of_a_call_have_tables_of_their_own(files: Files) -> None:
    """Where nothing is known of one it is left out."""
    mapping = f"""{SIMPLE}[telephony]
provider = {{ constant = "exotel" }}
[links]
recording = "url"
[compliance]
opt_out = "dnc"
"""
    text = "id,started,status,seconds,url,dnc\nc1,2024-11-05,completed,1,https://x.example/1,yes\nc2,2024-11-05,completed,1,,\n"
    first, second = files.put(text, mapping).calls()
    assert first.links is not None
    assert first.compliance is not None
    assert (first.links.recording, first.compliance.opt_out) == ("https://x.example/1", True)
    assert second.telephony is not None
    assert (second.telephony.provider, second.links, second.compliance) == ("exotel", None, None)
    (wrong,) = files.put(text[: text.index("c2")].replace("https", "ftp"), mapping).convert()
    assert str(wrong).startswith("2: links.recording: is not a URL")


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("[links]\nvideo = 'a'", "links has no video; it has recording, transcript, trace"),
        ("[cost]\nfun = 'a'", "cost has no fun; it has asr, llm, tts, telephony, platform, other, currency"),
        ("[tables]\ncost = {}", "tables is not a known key"),
        ("[cost]\nasr = { column = 'a', nul = 'b' }", "cost.asr.nul is not a known key"),
        (
            "[telephony]\nprovider = { column = 'a', scale = 2 }",
            "telephony.provider is no amount and takes no scale",
        ),
    ],
)
def test_a_part_that_there_is_not_is_named(files: Files, more: str, complaint: str) -> None:
    files.put("", SIMPLE + more)
    with pytest.raises(UserError, match=rf"map\.toml: {complaint}"):
        load_mapping(files.mapping)


def test_a_cost_in_another_currency_keeps_what_was_given(files: Files) -> None:
    """With its rate it is in rupees too; a currency without an amount is no cost."""
    mapping = f'{SIMPLE}[cost]\ntelephony = "price"\ncurrency = "unit"\nrate = "rate"'
    rows = (
        "c1,2024-11-05,completed,1,$0.50,USD,84",
        "c2,2024-11-05,completed,1,,USD,84",
        "c3,2024-11-05,completed,1,2,INR,",
    )
    calls = files.put("id,started,status,seconds,price,unit,rate\n" + "\n".join(rows), mapping).calls()
    dollars, none, rupees = (call.cost for call in calls)
    assert dollars is not None
    assert (dollars.telephony, none) == (42, None)
    assert dollars.origins == {"telephony": Origin(amount=0.5, currency="USD", rate=84)}
    assert rupees is not None
    assert (rupees.telephony, rupees.origins) == (2, None)


def test_legs_add_up_what_they_cost_and_end_as_the_better_one_did(files: Files) -> None:
    """Its length runs from the answer; costs in one currency stay in it."""
    mapping = """source.legs = true
start_time = "s"
end_time = "e"
[fields]
call_id = "id"
status = "status"
direction = { constant = "outbound" }
answered_at = "a"
end_reason = "why"
talk_seconds = "talk"
[cost]
telephony = "price"
currency = { constant = "USD" }
"""
    text = """id,s,a,e,status,why,talk,price
l1,2024-11-05T09:30:00Z,,2024-11-05T09:30:20Z,no_answer,busy,0,0.25
l1,2024-11-05T09:30:20Z,2024-11-05T09:30:30Z,2024-11-05T09:31:30Z,completed,hung_up,60,0.5
"""
    report = files.put(text, mapping).run(dry_run=True)
    assert (report.valid, report.joined) == (2, 1)
    calls = files.calls()
    call = join(*calls)
    assert (call.duration_seconds, call.talk_seconds, call.end_reason, call.status) == (
        60,
        60,
        "customer_hung_up",
        "completed",
    )
    assert call.cost is not None
    assert call.cost.origins == {"telephony": Origin(amount=0.75, currency="USD")}


def test_an_opt_out_in_any_leg_is_one_of_the_call(files: Files) -> None:
    """The lead asked the person it was handed to; the machine's leg says that it asked nothing."""
    mapping = """source.legs = true
start_time = "at"
[fields]
call_id = "id"
status = { constant = "completed" }
direction = { constant = "outbound" }
[compliance]
opt_out = { column = "stop", equals = "Y" }
disclosure_given = { column = "said", equals = "Y" }
consent_id = "consent"
[telephony]
provider = "by"
number_series = "from"
"""
    files.put(
        "id,at,stop,said,consent,by,from\n"
        "a,2024-11-05T09:30:00,N,Y,,exotel,\na,2024-11-05T09:31:00,Y,N,c-7,,140\n"
        "b,2024-11-05T09:31:00,N,N,,,\nb,2024-11-05T09:30:00,Y,N,c-8,,\n",
        mapping,
    )
    rows = files.calls()
    first, second = (join(*rows[place : place + 2]) for place in (0, 2))
    assert first.compliance is not None
    assert (first.compliance.opt_out, first.compliance.disclosure_given) == (True, True)
    assert first.compliance.consent_id == "c-7"
    assert first.telephony is not None
    assert (first.telephony.provider, first.telephony.number_series) == ("exotel", "140")
    assert second.compliance is not None
    assert (second.compliance.opt_out, second.compliance.disclosure_given) == (True, False)
