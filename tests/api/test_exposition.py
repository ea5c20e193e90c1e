"""``GET /metrics``: who may scrape, and what a scrape gets."""

from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.api.app import create_app
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import told

READING, SENDING = "r" * 32, "s" * 32
OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5"


def test_a_scrape_has_what_was_taken_in(client: TestClient, database: Database[Document]) -> None:
    """Calls by label and the gauges, in the format that is asked for; nobody keeps it."""
    write_calls(database, [call(n, datetime(2024, 10, 24, 9, tzinfo=UTC)) for n in range(3)])
    told(database)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["cache-control"] == "no-store"
    line = 'voice_agent_calls_total{direction="outbound",language="hindi",status="completed"} 3.0'
    assert line in answer.text.splitlines()
    assert 'voice_agent_active_calls{direction="inbound"} 0.0' in answer.text.splitlines()
    strict = client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert strict.headers["content-type"].startswith("application/openmetrics-text")
    assert strict.text.endswith("# EOF\n")


def test_a_scrape_needs_a_key_that_reads(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other question; Prometheus sends it as Authorization: Bearer."""
    monkeypatch.setenv("API_KEYS", READING)
    monkeypatch.setenv("API_INGEST_KEYS", SENDING)
    get_settings.cache_clear()
    with TestClient(create_app()) as client:
        answers = [
            client.get("/metrics", headers={"Authorization": f"Bearer {key}"} if key else {}).status_code
            for key in ("", "x" * 32, SENDING, READING)
        ]
    assert answers == [401, 401, 403, 200]


def test_without_keys_only_this_machine_may_scrape(database: Database[Document]) -> None:
    """The loopback rule of the API holds here too."""
    with TestClient(create_app()) as client:
        assert client.get("/metrics").status_code == 403
