"""The list of calls: its figures, filters, pages and files."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search import call_analytics
from core.aggregation.search.call_pages import Position
from core.aggregation.search.call_search import CallFacets
from core.aggregation.search.call_tables import SCHEMA, harmless
from core.models.calls.fields import CALL_FIELDS
from core.storage.calls import write_calls
from core.storage.restrictions import Restriction, restrict
from core.types import Document
from tests.api.test_routes import ANALYTICS, call

MIDNIGHT = datetime(2024, 10, 23, 18, 30, tzinfo=UTC)
SPAN = {"start_date": "2024-10-24", "end_date": "2024-10-25"}
CALLS = f"{ANALYTICS}/calls"
read_table: Any = parquet.read_table  # untyped


@pytest.fixture
def some(database: Database[Document]) -> Database[Document]:
    """Six calls in two languages, in the hours 0, 10 and 23 in India."""
    late = MIDNIGHT + timedelta(hours=23)
    write_calls(
        database,
        [
            call(
                1,
                MIDNIGHT,
                lead_id="lead_1",
                agent_version="v1",
                cost={"asr": 1, "llm": 2},
                e2e_latency_ms=900,
            ),
            call(2, MIDNIGHT + timedelta(hours=10), errors=["asr_timeout", "llm_5xx"], sentiment_score=-0.5),
            call(3, MIDNIGHT + timedelta(hours=10), status="failed", errors=["llm_5xx"], agent_version="v2"),
            call(4, late, language="english", duration_seconds=300, e2e_latency_ms=2000, attempt=2),
            call(5, late, language="english", status="no_answer", direction="inbound", end_reason="busy"),
            call(6, late + timedelta(hours=2), cost={"asr": 4}, qualification_completed=True),
        ],
    )
    return database


def ids(answer: Any) -> set[str]:
    return {one["call_id"].removeprefix("call_") for one in answer.json()["calls"]}


def test_the_figures_of_a_list_are_those_of_its_days(client: TestClient, some: Database[Document]) -> None:
    """The summary is the range's, and its parts add up to it."""
    found = client.get(CALLS, params=SPAN).json()
    figures, days = found["analytics"], client.get(f"{ANALYTICS}/metrics/range", params=SPAN).json()
    assert figures["summary"] == days["total"]
    assert found["total"] == 6
    assert {one["status"]: one["total_calls"] for one in figures["by_outcome"]} == {
        "completed": 4,
        "failed": 1,
        "no_answer": 1,
    }
    assert [(one["language"], one["total_calls"], one["share"]) for one in figures["by_language"]] == [
        ("hindi", 4, 0.666667),
        ("english", 2, 0.333333),
    ]
    hours = {one["hour"]: one for one in figures["by_hour"]}
    assert sorted(hours) == list(range(24))
    assert {hour: one["total_calls"] for hour, one in hours.items() if one["total_calls"]} == {
        0: 1,
        1: 1,
        10: 2,
        23: 2,
    }
    assert (hours[23]["answer_rate"], hours[23]["inbound_calls"], hours[10]["failed_calls"]) == (0.5, 1, 1)
    assert hours[5]["answer_rate"] is None


def test_errors_are_counted_by_type_in_days_and_ranges(client: TestClient, some: Database[Document]) -> None:
    """Whoever looks at a bad day sees what went wrong."""
    day = client.get(f"{ANALYTICS}/metrics/daily/2024-10-24").json()
    assert day["errors_by_type"] == [{"type": "llm_5xx", "n": 2}, {"type": "asr_timeout", "n": 1}]
    days = client.get(f"{ANALYTICS}/metrics/range", params=SPAN).json()
    assert [one["errors_by_type"] for one in days["days"]] == [day["errors_by_type"], []]


NARROWED: list[tuple[dict[str, str], str]] = [
    ({"direction": "inbound"}, "5"),
    ({"language": "english"}, "45"),
    ({"lead_id": "lead_1"}, "1"),
    ({"agent_version": "v2"}, "3"),
    ({"min_duration_seconds": "100"}, "4"),
    ({"max_duration_seconds": "60"}, "12356"),
    ({"min_cost": "3"}, "16"),
    ({"max_cost": "3"}, "1"),
    ({"min_e2e_latency_ms": "900", "max_e2e_latency_ms": "2000"}, "14"),
    ({"max_sentiment_score": "0"}, "2"),
    ({"error": "llm_5xx"}, "23"),
    ({"error": "llm_5xx", "status": "failed"}, "3"),
    ({"end_reason": "busy"}, "5"),
    ({"fault": "customer"}, "5"),
    ({"attempt": "2"}, "4"),
    ({"qualification_completed": "true"}, "6"),
    ({"qualification_completed": "false"}, "12345"),
    ({"stage": "qualified"}, "6"),
    ({"agent": "nobody"}, ""),
]


def test_a_list_and_its_figures_are_narrowed_alike(client: TestClient, some: Database[Document]) -> None:
    """What is shown and what is counted are the same calls."""
    for asked, expected in NARROWED:
        answer = client.get(CALLS, params={**SPAN, **asked})
        assert ids(answer) == set(expected)
        found = answer.json()
        figures = found["analytics"]
        assert found["total"] == figures["summary"]["total_calls"] == len(expected)
        for part in ("by_outcome", "by_language", "by_hour"):
            assert sum(one["total_calls"] for one in figures[part]) == len(expected)


def test_figures_that_would_take_too_long_are_left_out_with_the_reason(
    client: TestClient, some: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of very many calls those are told apart that roll-ups tell apart."""
    monkeypatch.setattr(call_analytics, "MOST_READ", 3)
    found = client.get(CALLS, params={**SPAN, "max_duration_seconds": "60"}).json()
    assert (found["total"], found["analytics"]) == (5, None)
    assert "ask for fewer days" in found["no_analytics"]
    assert client.get(CALLS, params=SPAN).json()["analytics"]["summary"]["total_calls"] == 6


SENSELESS = [
    ("min_cost=5&max_cost=1", "min_cost: 5 is above max_cost 1"),
    ("analytics=maybe", "analytics: is neither true nor false"),
    ("min_cost=nan", "min_cost"),
    ("min_cost=inf", "min_cost"),
    ("cursor=x", "cursor: is not a cursor"),
    ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA", "cursor: is not a cursor"),
    ("end_reason=tired", "is not an ending; use customer_hung_up"),
    ("limit=1001", "a page of JSON has at most 1,000"),
    ("limit=10001", "less than or equal to 10000"),
    ("agent_versoin=v1", "did you mean agent_version?"),
    ("min_latency=3", "is no parameter of this path"),
]


def test_what_makes_no_sense_is_refused_by_name(client: TestClient) -> None:
    """With a hint where one parameter is near."""
    for query, reason in SENSELESS:
        answer = client.get(f"{CALLS}?start_date=2024-10-24&{query}")
        assert (answer.status_code, reason in answer.text) == (422, True), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_cursor_and_an_offset_contradict(client: TestClient) -> None:
    """Both say where a page begins."""
    asked = {**SPAN, "cursor": str(Position(MIDNIGHT, "call_1")), "offset": "1"}
    assert "leave one of them out" in client.get(CALLS, params=asked).json()["detail"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.sampled_from([0, 0, 0, 1, 2, 90]), min_size=1, max_size=20),
    limit=st.integers(1, 7),
    later=st.lists(st.sampled_from([0, 1, 90, 500]), max_size=5),
)
def test_pages_neither_repeat_nor_skip_a_call_while_others_come_in(
    client: TestClient, database: Database[Document], seconds: list[int], limit: int, later: list[int]
) -> None:
    """By cursor, whatever starts at the same moment."""
    database["calls"].delete_many({})
    calls = [call(number, MIDNIGHT + timedelta(seconds=after)) for number, after in enumerate(seconds)]
    write_calls(database, calls)
    coming = [call(1_000 + number, MIDNIGHT + timedelta(seconds=after)) for number, after in enumerate(later)]
    shown, asked = [], {**SPAN, "limit": str(limit), "analytics": "false"}
    while True:
        page = client.get(CALLS, params=asked).json()
        shown += [one["call_id"] for one in page["calls"]]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
        if coming:
            write_calls(database, [coming.pop()])
    assert len(shown) == len(set(shown))
    assert [one for one in shown if one in {old.call_id for old in calls}] == [
        one.call_id for one in sorted(calls, key=lambda one: (MIDNIGHT - one.start_time, one.call_id))
    ]


def test_only_the_first_page_counts_and_the_link_leads_to_the_next(
    client: TestClient, some: Database[Document]
) -> None:
    """A long list costs its figures once."""
    first = client.get(CALLS, params={**SPAN, "limit": "4", "language": "hindi"})
    assert first.json()["next_cursor"] is None
    assert "link" not in first.headers
    first = client.get(CALLS, params={**SPAN, "limit": "3", "language": "hindi"})
    address = first.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
    second = client.get(address)
    assert (second.json()["total"], second.json()["analytics"]) == (None, None)
    assert ids(first) | ids(second) == {"1", "2", "3", "6"}


def test_a_list_comes_as_csv_in_which_nothing_is_a_formula(
    client: TestClient, some: Database[Document]
) -> None:
    """A spreadsheet calculates nothing that a lead said."""
    write_calls(some, [call(7, MIDNIGHT, call_id="=1+1", campaign="@SUM(A1)", metadata={"note": 'a "b", c'})])
    answer = client.get(CALLS, params=SPAN, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls_2024-10-24_2024-10-25.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == SCHEMA.names
    named = {row["call_id"]: row for row in rows}
    assert named["'=1+1"]["campaign"] == "'@SUM(A1)"
    assert named["'=1+1"]["metadata"] == '{"note":"a \\"b\\", c"}'
    assert named["call_1"]["cost_total"] == "3.0"
    assert named["call_2"]["errors"] == "asr_timeout; llm_5xx"
    assert named["call_1"]["start_time"] == "2024-10-23T18:30:00.000Z"
    assert (named["call_1"]["cost_tts"], named["call_6"]["qualification_completed"]) == ("", "true")


@pytest.mark.parametrize("text", ["=1", "+91", "-1", "@x", "\tx", "\r", "\n=1", "\uff1d1"])
def test_a_text_that_a_spreadsheet_would_run_is_made_plain(text: str) -> None:
    """In the API's files and in the dashboard's."""
    assert harmless(text) == f"'{text}".replace("\r", "\n")


def test_a_list_comes_as_parquet(client: TestClient, some: Database[Document]) -> None:
    """With types, so that nothing has to be guessed; every field of a call has a column."""
    answer = client.get(CALLS, params=SPAN, headers={"Accept": "application/vnd.apache.parquet"})
    table = read_table(pa.BufferReader(answer.content))
    assert table.schema.names == SCHEMA.names
    assert table["start_time"].type == pa.timestamp("ms", tz="UTC")
    assert sorted(table["call_id"].to_pylist()) == [f"call_{number}" for number in range(1, 7)]
    assert {one.name for one in CALL_FIELDS} - {"_id", "cost"} <= set(table.schema.names)


def test_a_long_file_goes_on_where_the_page_before_ended(
    client: TestClient, some: Database[Document]
) -> None:
    """As JSON does."""
    headers, address, lines = {"Accept": "text/csv"}, f"{CALLS}?start_date=2024-10-24&limit=2", []
    while address:
        answer = client.get(address, headers=headers)
        lines += [row["call_id"] for row in csv.DictReader(io.StringIO(answer.text))]
        address = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert lines == ["call_6", "call_4", "call_5", "call_2", "call_3", "call_1"]


FORMS = [
    ("*/*", "application/json"),
    ("", "application/json"),
    ("text/html, */*;q=0.8", "application/json"),
    ("text/csv;q=0.9, application/json;q=0.5", "text/csv; charset=utf-8"),
    ("text/*", "text/csv; charset=utf-8"),
    ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    ("image/png", "application/problem+json"),
    ("text/csv;q=0", "application/problem+json"),
]


def test_the_form_is_the_one_that_is_liked_best(client: TestClient) -> None:
    """And where none is taken, it is said which there are."""
    for accept, kind in FORMS:
        answer = client.get(CALLS, params=SPAN, headers={"Accept": accept})
        assert answer.headers["content-type"] == kind
        assert answer.status_code == (406 if "problem" in kind else 200)


def test_what_is_read_one_by_one_gives_the_figures_of_the_roll_ups(some: Database[Document]) -> None:
    """Both ways are the same definitions."""
    period = (MIDNIGHT, MIDNIGHT + timedelta(days=2))
    nothing = CallFilters()
    read = call_analytics.load_narrowed(some, *period, nothing, CallFacets())
    assert read is not None
    assert call_analytics.analytics(read) == call_analytics.analytics(load_cube(some, *period))


def test_a_list_tells_nothing_of_a_hidden_lead(client: TestClient, some: Database[Document]) -> None:
    """Its total is what its pages have; narrowed, its figures are those of the calls that may be seen."""
    restrict(some, Restriction(lead_id="lead_1", until=MIDNIGHT, reason="a dispute", by="asha"))
    whole = client.get(CALLS, params=SPAN).json()
    assert (whole["total"], len(whole["calls"])) == (5, 5)
    assert whole["analytics"]["summary"]["total_calls"] == 6  # its calls still count in figures of all
    for parameter, total in (("lead_id", 0), ("agent_version", 0), ("max_cost", 1)):
        value = {"lead_id": "lead_1", "agent_version": "v1", "max_cost": "4"}[parameter]
        found = client.get(CALLS, params=SPAN | {parameter: value}).json()
        shown = found["analytics"]["summary"]["total_calls"]
        assert (parameter, found["total"], len(found["calls"]), shown) == (parameter, total, total, total)
