"""Whatever the models accept is stored, rolled up, answered, framed and exported, and counted once by all."""

import asyncio
import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from pymongo.database import Database

from core.aggregation import frames
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.search.call_detail import whole_call
from core.clock import local_today
from core.models.definitions import DIMENSIONS, DISTRIBUTIONS
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.collections import CALLS, ROLLUPS_15M
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_connections
from core.types import Document
from dashboard import formats
from dashboard.calls import call_list
from tests.api.conftest import from_this_machine
from tests.storage.edges import calls

ANALYTICS = "/api/v1/analytics"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
PHASES = [Phase.explicit, Phase.generate]
"""To make an example smaller takes minutes: it is shown as it is."""
WHOLE_DAYS = 4
"""Days of a set of which every frame is asked for: which of them is chance, and each takes long."""
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


async def record(made: Sequence[CallMetrics]) -> None:
    service = MetricsService()
    await asyncio.gather(*(service.record_call_metrics(call) for call in made))
    await close_connections()


def emptied(database: Database[Document]) -> None:
    for name in database.list_collection_names():
        database[name].delete_many({})


def rows_of(text: str) -> int:
    """Rows of a CSV below its head, as a spreadsheet reads them."""
    return len(list(csv.reader(io.StringIO(text, newline="")))) - 1


def check_store(database: Database[Document], made: Sequence[CallMetrics]) -> None:
    assert {row["_id"] for row in database[CALLS].find({}, {"_id": 1})} == {call.call_id for call in made}
    status = spool_status()
    assert (status.waiting, status.dead, status.lost) == (0, 0, 0)
    refresh_rollups(database)
    assert database[ROLLUPS_15M].count_documents({"set_apart": {"$exists": True}}) == 0
    assert sum(row["calls"] for row in database[ROLLUPS_15M].find()) == len(made)
    for call in made:
        found = whole_call(database, call.call_id)
        assert found is not None
        assert found.call == call


def by_day(made: Sequence[CallMetrics]) -> dict[date, list[CallMetrics]]:
    days: dict[date, list[CallMetrics]] = {}
    for call in made:
        days.setdefault(call.start_time.astimezone(get_settings().tz).date(), []).append(call)
    return days


def check_answers(client: TestClient, made: Sequence[CallMetrics]) -> None:
    for day, of_day in by_day(made).items():
        figures = client.get(f"{ANALYTICS}/metrics/daily/{day}")
        if day > local_today():
            assert figures.status_code == 422, figures.text  # a day to come has no figures yet
            continue
        assert (figures.status_code, figures.json()["total_calls"]) == (200, len(of_day)), figures.text
        listed = client.get(f"{ANALYTICS}/calls", params={"start_date": str(day), "end_date": str(day)})
        assert listed.status_code == 200, listed.text
        assert {row["call_id"] for row in listed.json()["calls"]} == {call.call_id for call in of_day}
    assert client.get(f"{ANALYTICS}/metrics").status_code == 200


def check_frames(database: Database[Document], made: Sequence[CallMetrics]) -> None:
    assert frames.series(*ALWAYS, "1MS")["total_calls"].sum() == len(made)
    for number, (day, of_day) in enumerate(by_day(made).items()):
        assert frames.series(str(day), day + timedelta(days=1))["total_calls"].sum() == len(of_day)
        if number < WHOLE_DAYS:
            check_frames_of(day, of_day)
    found = frames.calls(*ALWAYS)
    assert set(found.index) == {call.call_id for call in made}
    assert rows_of(formats.to_csv(found.reset_index())) == len(made)
    stored = database[CALLS].find().to_list()
    assert rows_of(call_list.to_csv(stored, get_settings().tz)) == len(made)


def check_frames_of(day: date, made: Sequence[CallMetrics]) -> None:
    period = day, day + timedelta(days=1)
    for dimension in DIMENSIONS:
        assert frames.breakdown(*period, dimension)["total_calls"].sum() == len(made)
    for field in DISTRIBUTIONS:
        known = sum(getattr(call, field) is not None for call in made)
        assert frames.percentiles(*period, field)["n"].sum() == known
    outbound = sum(call.direction == "outbound" for call in made)
    assert frames.funnel(*period)["dialled"].sum() == outbound


def check_everywhere(database: Database[Document], client: TestClient, made: Sequence[CallMetrics]) -> None:
    emptied(database)
    asyncio.run(record(made))
    check_store(database, made)
    check_answers(client, made)
    check_frames(database, made)


@pytest.fixture
def asked(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API, where recording waits for a busy machine: nothing is spooled for that."""
    monkeypatch.setenv("RECORD_WAIT_SECONDS", "30")
    get_settings.cache_clear()
    with from_this_machine() as client:
        yield client


@given(made=calls(most=6))
@settings(max_examples=2, deadline=None, suppress_health_check=CHECKS, phases=PHASES, derandomize=True)
def test_a_few_calls_at_the_edges_agree_everywhere(
    database: Database[Document], asked: TestClient, made: list[CallMetrics]
) -> None:
    """The same sets each time."""
    check_everywhere(database, asked, made)


@pytest.mark.full
@pytest.mark.timeout(900)
@given(made=calls(most=25))
@settings(max_examples=30, deadline=None, suppress_health_check=CHECKS, phases=PHASES)
def test_calls_at_the_edges_agree_everywhere(
    database: Database[Document], asked: TestClient, made: list[CallMetrics]
) -> None:
    """More of them."""
    check_everywhere(database, asked, made)
