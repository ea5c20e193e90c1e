"""A key that asks without pause is told when to come again; others, and calls that are sent, are not."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.settings import get_settings
from core.types import Document
from tests.api.conftest import from_this_machine
from tests.api.test_problems import is_problem
from tests.api.test_routes import ANALYTICS

FIRST, SECOND, SENDS = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch, database: Database[Document]) -> Iterator[TestClient]:
    """An API whose keys may ask three times a minute."""
    monkeypatch.setenv("API_KEYS", f"{FIRST},{SECOND}")
    monkeypatch.setenv("API_INGEST_KEYS", SENDS)
    monkeypatch.setenv("API_REQUESTS_PER_MINUTE", "3")
    get_settings.cache_clear()
    with from_this_machine() as client:
        yield client


def test_a_key_that_asks_too_often_waits_and_no_other(keyed: TestClient) -> None:
    """Whichever header it comes in, and whatever it asks."""
    shown = [{"X-API-Key": FIRST}, {"Authorization": f"Bearer {FIRST}"}, {"X-API-Key": FIRST}]
    assert [keyed.get(f"{ANALYTICS}/alerts", headers=one).status_code for one in shown] == [200] * 3
    for path in ("alerts", "metrics", "calls?nonsense"):
        answer = keyed.get(f"{ANALYTICS}/{path}", headers=shown[1])
        assert (answer.status_code, is_problem(answer)) == (429, True)
        assert 1 <= int(answer.headers["retry-after"]) <= 20
        assert "3 times a minute" in answer.json()["detail"]
    assert keyed.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": SECOND}).status_code == 200
    assert keyed.get("/healthz", headers=shown[0]).status_code == 200


def test_calls_that_are_sent_are_not_counted(keyed: TestClient) -> None:
    """An agent at its busiest loses none."""
    sign = {"event": "heartbeat", "call_id": "call_1"}
    answers = [
        keyed.post("/api/v1/active-calls", json=sign, headers={"X-API-Key": SENDS}).status_code
        for _ in range(8)
    ]
    assert answers == [202] * 8
