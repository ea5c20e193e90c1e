"""The Calls page without a browser, and the questions behind it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pandas as pd
import pytest
from bson import Timestamp
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import archive_due
from core.aggregation.search.call_detail import whole_call
from core.aggregation.search.call_search import CallFacets, count_calls, list_calls, list_query, search_calls
from core.clock import utc_now
from core.models.calls.reports import CallReport
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.archive.archived_rows import folder
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from dashboard.calls.call_list import ORDERS, to_csv
from dashboard.queries.call_queries import ROWS
from tests.dashboard.conftest import calls_listed, forget_failure, make_call, text_of

Start = Callable[..., AppTest]
MARKUP = "<b>x</b> **bold** [a](http://evil.example) :red[red] $x$"
TUESDAY = datetime(2026, 11, 24, 6, 40, tzinfo=UTC)
"""12:10 in India."""


@pytest.fixture
def some_calls(database: Database[Document]) -> Database[Document]:
    """Calls on a Tuesday noon in India that differ in one thing each."""
    calls = [
        make_call(1, TUESDAY, e2e_latency_ms=900, lead_id="lead_1", total_turns=8, user_turns=4),
        make_call(2, TUESDAY, e2e_latency_ms=4_000, lead_id="lead_1", attempt=2, errors=["llm_timeout"]),
        make_call(
            3,
            TUESDAY,
            status="failed",
            end_reason="provider_error",
            fault="provider",
            errors=[{"type": "asr_timeout", "fault": "carrier"}],
        ),
        make_call(4, TUESDAY, qualification_completed=True, handoff_triggered=True, cost={"llm": 3.5}),
        make_call(5, TUESDAY - timedelta(hours=2), status="no_answer", campaign="home-loan"),
        make_call(6, TUESDAY - timedelta(days=1), sentiment_score=-0.95, cost={"llm": 1, "asr": 9}),
    ]
    write_calls(database, calls)
    return database


def found(database: Database[Document], facets: CallFacets, **filters: str) -> set[str]:
    start, end = TUESDAY - timedelta(days=7), TUESDAY + timedelta(days=1)
    rows = list_calls(database, list_query(start, end, CallFilters(**filters), facets))
    assert count_calls(database, start, end, filters=CallFilters(**filters), facets=facets) == len(rows)
    return {row["_id"] for row in rows}


def test_each_facet_finds_its_calls(some_calls: Database[Document]) -> None:
    cases = {
        CallFacets(stage="engaged"): {"call_1"},
        CallFacets(stage="qualified"): {"call_4"},
        CallFacets(stage="answered", weekday=0): {"call_6"},
        CallFacets(error="any"): {"call_2", "call_3"},
        CallFacets(error="llm_timeout"): {"call_2"},
        CallFacets(end_reason="provider_error"): {"call_3"},
        CallFacets(end_reason="provider_error", fault="provider"): {"call_3"},
        CallFacets(end_reason="provider_error", fault="unknown"): set(),
        CallFacets(error="asr_timeout", fault="carrier"): {"call_3"},
        CallFacets(error="asr_timeout", fault="provider"): set(),
        CallFacets(error="any", fault="unknown"): {"call_2"},
        CallFacets(attempt=2): {"call_2"},
        CallFacets(weekday=1, hour=10): {"call_5"},
        CallFacets(field="e2e_latency_ms", low=1_000): {"call_2"},
        CallFacets(field="e2e_latency_ms", low=0, high=1_000): {"call_1"},
        CallFacets(without="campaign", error="any"): {"call_2", "call_3"},
        CallFacets(without="campaign", weekday=1, hour=10): set(),
        CallFacets(without="end_reason", fault="provider"): set(),
        CallFacets(without="end_reason", stage="qualified"): {"call_4"},
    }
    assert {facets: found(some_calls, facets) for facets in cases} == cases
    assert found(some_calls, CallFacets(error="any"), status="failed") == {"call_3"}
    assert found(some_calls, CallFacets(), campaign="home-loan") == {"call_5"}


def test_orders_put_the_worst_first(some_calls: Database[Document]) -> None:
    firsts = {
        order: list_calls(some_calls, {}, order=order)[0]["_id"]
        for order in ("e2e_latency_ms", "sentiment_score", "cost")
    }
    assert firsts == {"e2e_latency_ms": "call_2", "sentiment_score": "call_6", "cost": "call_6"}


def test_a_list_has_as_many_calls_however_it_is_ordered(some_calls: Database[Document]) -> None:
    """Those whose value is not known come last."""
    count = some_calls["calls"].count_documents({})
    for order in ORDERS:
        rows = list_calls(some_calls, {}, order=order)
        assert len({row["_id"] for row in rows}) == count
        known = [row.get(order) is not None for row in rows if order not in {"start_time", "cost"}]
        assert known == sorted(known, reverse=True)


def test_a_page_beyond_the_last_is_the_last(start: Start, database: Database[Document]) -> None:
    """An old link, or a filter that leaves fewer calls: never a list of nothing."""
    first = utc_now() - timedelta(hours=2)
    write_calls(database, [make_call(n, first + timedelta(minutes=n)) for n in range(ROWS + 2)])
    app = start("calls", page_="50")
    assert calls_listed(app) == [f"call_{number}" for number in (1, 0)]
    assert any(f"rows {ROWS + 1} to {ROWS + 2}" in one.value for one in app.caption)


def test_a_call_is_found_by_the_beginning_of_its_id_or_its_leads(
    some_calls: Database[Document],
) -> None:
    for text, ids in {
        "call_3": {"call_3"},
        " lead_1 ": {"call_1", "call_2"},
        "lead_": {"call_1", "call_2"},
        "call_.": set(),
        "": set(),
    }.items():
        assert {row["_id"] for row in search_calls(some_calls, text)} == ids, text


def test_a_whole_call_has_what_belongs_to_it(some_calls: Database[Document]) -> None:
    turn = TurnMetrics(call_id="call_2", turn=1, start_time=TUESDAY, e2e_ms=4_000, llm_ttft_ms=3_000)
    write(some_calls, [Record.now(turn)])
    some_calls["logs"].insert_one({"call_id": "call_2", "timestamp": TUESDAY, "level": "ERROR"})
    whole = whole_call(some_calls, "call_2")
    assert whole is not None
    assert whole.turns == [turn]
    assert [line["level"] for line in whole.lines] == ["ERROR"]
    assert [row["_id"] for row in whole.others] == ["call_1"]
    (e2e,) = [one for one in whole.standings if one.field == "e2e_latency_ms"]
    assert (e2e.value, e2e.n, e2e.below) == (4_000, 2, 0.5)
    assert whole_call(some_calls, "nobody") is None


def test_the_list_says_what_it_shows_and_csv_has_it(some_calls: Database[Document], start: Start) -> None:
    app = start("calls", period="custom", from_="2026-11-24T12:00", to="2026-11-24T13:00", error="any")
    assert not app.exception
    assert "2 calls · 24 Nov 2026 12:00 to 24 Nov 2026 13:00 IST" in text_of(app)
    assert sorted(calls_listed(app)) == ["call_2", "call_3"]
    app = start(
        "calls", period="custom", from_="2026-11-24T12:00", to="2026-11-24T13:00", without="end_reason"
    )
    assert sorted(calls_listed(app)) == ["call_1", "call_2", "call_4"]
    assert "without end reason" in [chip.label for chip in app.button]
    rows = list(some_calls["calls"].find({"_id": "call_4"}))
    (row,) = pd.read_csv(StringIO(to_csv(rows, get_settings().tz))).to_dict("records")
    assert row["Started"] == "2026-11-24T12:10:00+05:30"
    assert (row["Outcome"], row["Duration (s)"], row["Qualified"], row["Handed off"]) == (
        *("Completed", 120, True, True),
    )


def test_a_spreadsheet_takes_no_text_for_a_formula(database: Database[Document]) -> None:
    write_calls(database, [make_call(1, TUESDAY, lead_id='=HYPERLINK("http://evil.example")')])
    assert "'=HYPERLINK" in to_csv(list(database["calls"].find()), get_settings().tz)


def test_markup_stays_text_in_every_field(database: Database[Document], start: Start) -> None:
    texts = {"lead_id": MARKUP, "campaign": MARKUP, "language": MARKUP[:32], "end_reason": MARKUP}
    now = utc_now() - timedelta(minutes=5)
    calls = [make_call(n, now, errors=[MARKUP], qualification=MARKUP, fault="agent", **texts) for n in (1, 2)]
    write_calls(database, calls)
    for page in ("overview", "analytics", "conversion", "latency", "calls"):
        assert not start(page).exception
    app = start("calls", call_id="call_1")
    assert not app.exception
    said = text_of(app)
    assert "**bold**" not in said.replace(r"\*\*bold\*\*", "")
    assert "](http://evil" not in said
    assert ":red[red]" not in said


def test_odd_links_show_a_page_all_the_same(some_calls: Database[Document], start: Start) -> None:
    odd = {"weekday": "9", "hour": "x", "field": "nonsense", "low": "nan", "page_": "-3", "order": "$where"}
    odd |= {"stage": "<b>", "attempt": "1e99", "period": "custom", "from_": "2026-13-45", "to": "now"}
    app = start("calls", **odd)
    assert not app.exception
    assert "calls" in text_of(app)
    app = start("calls", call_id="call_')];--<script>")
    assert not app.exception
    assert "in the database or the archive" in text_of(app)
    assert "No calls" in text_of(start("calls", period="custom", from_="1999-01-01", to="1999-01-02"))


def test_the_database_down_at_start_is_a_clear_state(
    database: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    links: tuple[tuple[str, dict[str, str]], ...] = (
        ("calls", {}),
        ("calls", {"call_id": "x"}),
        ("alerts", {}),
        ("alerts", {"view": "Rules"}),
    )
    for page, link in links:
        app = start(page, **link)
        assert not app.exception, page
        assert "The database is not reachable" in text_of(app), (page, link)
    forget_failure()


@pytest.fixture
def archived_call(database: Database[Document]) -> Database[Document]:
    """A call of a year ago with a turn, both in the archive and no longer in the database."""
    then = utc_now() - timedelta(days=365)
    write_calls(database, [make_call(1, then, lead_id="lead_1", e2e_latency_ms=900)])
    write(database, [Record.now(TurnMetrics(call_id="call_1", turn=1, start_time=then, e2e_ms=900))])
    for name in ("calls", "turns"):
        database[name].update_many({}, {"$set": {"recorded_at": Timestamp(then, 1)}})
    assert sum(moved.rows for moved in archive_due(database)) == 2
    assert database["calls"].count_documents({}) == 0
    return database


def test_an_archived_call_opens_whole_and_says_where_it_is_from(
    archived_call: Database[Document], start: Start
) -> None:
    app = start("calls", call_id="call_1")
    assert not app.exception
    assert not app.error
    said = text_of(app)
    assert "From the archive" in said
    assert " · lead\\_1" in said
    assert "the lead waited 900 ms on average" in said
    found = start("calls", q="call_1")
    assert calls_listed(found) == ["call_1"]
    day = (utc_now() - timedelta(days=365)).date()
    listed = start("calls", period="custom", from_=day.isoformat(), to=(day + timedelta(days=1)).isoformat())
    assert "Archived calls of these days, not listed here: 1." in "".join(
        element.value for element in listed.info
    )
    assert "No calls" not in text_of(listed)


def test_an_archived_call_whose_file_is_elsewhere_is_said_to_be_and_the_database_is_not_away(
    archived_call: Database[Document], start: Start
) -> None:
    for file in folder(archived_call).rglob("*.parquet"):
        file.rename(file.with_suffix(".away"))
    app = start("calls", call_id="call_1")
    assert not app.exception
    (error,) = [element.value for element in app.error]
    assert "not on this machine" in error
    assert "The database is not reachable" not in error


def test_a_call_says_who_reported_what(database: Database[Document], start: Start) -> None:
    """The carrier's facts of the line, dollars in rupees, and whose word each field is."""
    mine = make_call(1, TUESDAY, cost={"llm": 0.02, "currency": "USD", "rate": 84})
    told = {
        "talk_seconds": 52,
        "hangup_by": "customer",
        "provider_call_id": "*ex-1*",
        "cost": {"telephony": 0.9},
    }
    carriers = CallReport.model_validate(
        {"call_id": mine.call_id, "source": "exotel", "role": "carrier", "stage": 50, "facts": told}
    )
    write(database, [Record.now(mine), Record.now(carriers)], fresh=True)
    said = text_of(start("calls", call_id=mine.call_id))
    for words in (
        "Line and sources",
        r"0\:52",
        "Customer",
        r"\*ex",
        "exotel",
        "Talk",
        "2.58",
        "USD 0.02 at 84",
    ):
        assert words in said, words


def test_a_call_that_only_began_is_not_listed_and_says_so(database: Database[Document], start: Start) -> None:
    """A price came before anybody said when the call began."""
    price = {"call_id": "c-open", "source": "exotel", "role": "carrier", "facts": {"cost": {"telephony": 1}}}
    write(database, [Record.now(CallReport.model_validate(price))], fresh=True)
    assert search_calls(database, "c-open") == []
    assert "no source has reported when it began" in text_of(start("calls", call_id="c-open"))


def test_whoever_prints_a_call_gets_its_log_lines_whole(some_calls: Database[Document], start: Start) -> None:
    """A table of its own, which the screen does not show; what stands in a line is no markup."""
    line = {"call_id": "call_2", "timestamp": TUESDAY, "level": "ERROR", "message": "<b>slow</b>"}
    some_calls["logs"].insert_one(line | {"prompt": "word " * 200})
    pages = "".join(element.proto.body for element in start("calls", call_id="call_2").get("html"))
    (table,) = re.findall(r'<table class="log">.*?</table>', pages)
    assert "word " * 200 in table
    assert "<td>&lt;b&gt;slow&lt;/b&gt;</td>" in table
    assert "<td>ERROR</td>" in table


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (
            {"since": "2026-11-24T13:00", "until": "2026-11-24T12:00"},
            "which ends before it begins",
        ),
        ({"since": "2026-11-24T13:00"}, "which is no time span"),
        ({"stage": "asleep", "hour": "25"}, "stage asleep and hour 25"),
        ({"field": "shoe_size", "low": "7"}, "field shoe\\_size and low 7"),
    ],
)
def test_conditions_of_a_link_that_are_not_met_are_said(
    some_calls: Database[Document], start: Start, link: dict[str, str], said: str
) -> None:
    """A list that looks filtered and is not would mislead."""
    shown = text_of(start("calls", **link))
    assert "Not filtered by" in shown
    assert said in shown


def test_a_call_says_when_its_lead_has_more_calls_than_are_listed(
    database: Database[Document], start: Start
) -> None:
    now = utc_now()
    calls = [make_call(n, now - timedelta(minutes=n), lead_id="lead_1") for n in range(1, 53)]
    write_calls(database, calls[:51])
    assert "the lead has more" not in text_of(start("calls", call_id="call_1"))
    write_calls(database, calls[51:])
    assert "The newest 50; the lead has more" in text_of(start("calls", call_id="call_2"))
