"""How the system does, beside the figures of calls."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.clock import utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard.filters import DEFAULT_PERIOD, Selection
from tests.api.test_routes import ANALYTICS, call


def test_services_are_told_apart_by_name_with_latency_and_errors(
    client: TestClient, database: Database[Document]
) -> None:
    """The agent's own API stands by itself."""
    requests = [
        *({"service": "deepgram", "operation": "listen", "duration_ms": ms} for ms in (100, 200, 300)),
        {"service": "deepgram", "operation": "speak", "duration_ms": 4000, "error": "timeout"},
        {"service": "crm", "operation": "push", "duration_ms": 50},
        {"service": "api", "operation": "POST /leads", "duration_ms": 20, "error": "5xx"},
    ]
    assert client.post("/api/v1/service-calls", json=requests).status_code == 202
    for number in (1, 2):
        begins = {"event": "started", "call_id": f"call_{number}", "direction": "inbound"}
        assert client.post("/api/v1/active-calls", json=begins).status_code == 202
    found = client.get(f"{ANALYTICS}/metrics").json()
    assert found["live"]["active_calls"] == 2
    own, (deepgram, crm) = found["system"]["api"], found["system"]["services"]
    assert (own["requests"], own["error_rate"], own["errors_by_kind"]["5xx"]) == (1, 1.0, 1)
    assert (deepgram["service"], deepgram["requests"], deepgram["errors"]) == ("deepgram", 4, 1)
    assert (deepgram["error_rate"], deepgram["errors_by_kind"]["timeout"]) == (0.25, 1)
    assert deepgram["latency_ms"]["max"] == 4000
    assert deepgram["latency_ms"]["p50"] == pytest.approx(200, rel=0.01)
    assert (crm["service"], crm["latency_ms"]["mean"]) == ("crm", 50)


def test_without_a_request_there_are_no_services(client: TestClient, database: Database[Document]) -> None:
    """And no made-up zeros."""
    assert client.get(f"{ANALYTICS}/metrics").json()["system"] == {"api": None, "services": []}


def test_the_last_24_hours_are_the_same_moment_and_calls_as_on_the_dashboard(
    client: TestClient, database: Database[Document]
) -> None:
    """Nobody compares two figures of different minutes."""
    now = utc_now()
    write_calls(database, [call(n, now - timedelta(hours=hours)) for n, hours in enumerate((1, 23, 24, 25))])
    before = utc_now()
    found = client.get(f"{ANALYTICS}/metrics").json()
    nothing = Selection(DEFAULT_PERIOD, now, now, CallFilters())
    windows = [nothing.window(at, get_settings().tz) for at in (before, utc_now())]
    periods = [(one.start.isoformat(), one.end.isoformat()) for one in windows]
    shown = tuple(found[name].replace("Z", "+00:00") for name in ("period_start", "period_end"))
    assert shown in periods
    window = windows[periods.index(shown)]
    inside = database["calls"].count_documents({"start_time": {"$gte": window.start, "$lt": window.end}})
    assert found["total_calls"] == inside
