"""Pages of calls: in order, whole, and read without sorting the period."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.aggregation.search.call_search import CallFacets, find_documents
from core.storage.calls import readable, write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call
from tests.storage.archive.test_mover import recorded_long_ago

MIDNIGHT = datetime(2024, 10, 23, 18, 30, tzinfo=UTC)
PERIOD = (MIDNIGHT, MIDNIGHT + timedelta(days=1))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 90]), max_size=25),
    page=st.integers(1, 9),
    filters=st.sampled_from([CallFilters(), CallFilters(language="hindi")]),
    facets=st.sampled_from([CallFacets(), CallFacets(lead_id="lead_1")]),
)
def test_pages_put_together_are_the_whole_list_once(
    database: Database[Document], seconds: list[int], page: int, filters: CallFilters, facets: CallFacets
) -> None:
    """Whatever starts at the same moment, no call is skipped or repeated from page to page."""
    database["calls"].delete_many({})
    calls = [
        call(
            number,
            MIDNIGHT + timedelta(seconds=after),
            language=("hindi", "english")[number % 3 == 0],
            lead_id=f"lead_{number % 2}",
        )
        for number, after in enumerate(seconds)
    ]
    write_calls(database, calls)
    there = [
        one
        for one in calls
        if filters.language in {None, one.language} and facets.lead_id in {None, one.lead_id}
    ]
    whole = sorted(there, key=lambda one: (MIDNIGHT - one.start_time, one.call_id))
    paged = [
        one.call_id
        for offset in range(0, len(whole) + page, page)
        for one in readable(
            find_documents(database, *PERIOD, filters=filters, facets=facets, limit=page, offset=offset)
        )
    ]
    assert paged == [one.call_id for one in whole]


def test_the_first_page_reads_no_more_calls_than_it_shows(
    client: TestClient, database: Database[Document]
) -> None:
    """A page costs what it shows, however many calls the period has."""
    write_calls(database, [call(number, MIDNIGHT + timedelta(seconds=number)) for number in range(500)])
    database.command("profile", 2)
    try:
        asked = {
            "start_date": "2024-10-24",
            "end_date": "2024-10-24",
            "limit": "20",
            "language": "hindi",
            "analytics": "false",
        }
        page = client.get(f"{ANALYTICS}/calls", params=asked).json()
    finally:
        database.command("profile", 0)
    assert (page["total"], len(page["calls"])) == (500, 20)
    finds = list(database["system.profile"].find({"op": "query", "ns": f"{database.name}.calls"}))
    assert finds
    assert sum(row["docsExamined"] for row in finds) <= 3 * 20
    assert all(row["command"]["maxTimeMS"] <= 10_000 for row in finds)


@pytest.mark.parametrize("offset", [0, 3])
def test_a_page_beyond_the_last_is_empty(database: Database[Document], offset: int) -> None:
    """Asking on past the end is no error."""
    assert find_documents(database, *PERIOD, offset=offset) == []


def test_a_list_says_how_many_calls_are_archived(client: TestClient, database: Database[Document]) -> None:
    """Figures count them: a list without a word would contradict."""
    first = datetime(2024, 10, 24, tzinfo=UTC)
    recorded_long_ago(database, [call(1, first), call(2, first)])
    write_calls(database, [call(3, first), call(4, first + timedelta(days=1))])
    refresh_rollups(database)
    archive_due(database)
    for last, total, archived in (("2024-10-24", 1, 2), ("2024-10-25", 2, 2)):
        span = {"start_date": "2024-10-24", "end_date": last}
        page = client.get(f"{ANALYTICS}/calls", params=span).json()
        counted = client.get(f"{ANALYTICS}/metrics/range", params=span).json()["total"]["total_calls"]
        assert (page["total"], page["archived"]) == (total, archived)
        assert page["total"] + page["archived"] == counted


def test_the_calls_of_one_lead_can_be_asked_for(client: TestClient, database: Database[Document]) -> None:
    """And of a lead without any there are none, not all."""
    leads = ["lead_1", "lead_2", "lead_1", None]
    write_calls(database, [call(number, MIDNIGHT, lead_id=lead) for number, lead in enumerate(leads)])
    for lead, expected in (("lead_1", ["call_0", "call_2"]), ("lead_2", ["call_1"]), ("lead_", [])):
        page = client.get(f"{ANALYTICS}/calls", params={"start_date": "2024-10-24", "lead_id": lead}).json()
        assert ([one["call_id"] for one in page["calls"]], page["total"]) == (expected, len(expected))
