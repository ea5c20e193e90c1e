"""Compliance over HTTP: findings as JSON, evidence as CSV."""

import csv
import io
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.compliance import read
from core.clock import day_bounds, local_today
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document

PATH = "/api/v1/analytics/compliance"


def test_findings_and_evidence_name_the_same_violations(
    client: TestClient, database: Database[Document]
) -> None:
    """The evidence is harmless to a spreadsheet."""
    day = local_today() - timedelta(days=1)
    begin = day_bounds(day)[0]
    usual = {"status": "completed", "direction": "outbound", "duration_seconds": 60}
    write_calls(
        database,
        [
            CallMetrics.model_validate(
                {**usual, "call_id": name, "lead_id": lead, "start_time": begin + timedelta(hours=hour)}
            )
            for name, lead, hour in (("night", "=cmd", 2), ("noon", None, 12))
        ],
    )
    span = {"start_date": str(day), "end_date": str(day)}
    found = client.get(PATH, params=span).json()
    assert (found["calls"], found["calls_in_violation"], found["more"]) == (2, 1, 0)
    (violation,) = found["violations"]
    assert violation["violation"] == "calling_hours"
    assert violation["call_id"] == "night"
    assert violation["started_at"] == f"{day}T02:00:00+05:30"
    rules = {rule["violation"]: rule for rule in found["rules"]}
    assert rules["calling_hours"]["violations"] == 1
    assert rules["disclosure"]["told"] == 0
    answer = client.get(PATH, params=span, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert line["call_id"] == "night"
    assert line["lead_id"] == "'=cmd"
    assert line["time_zone"] == "Asia/Kolkata"


def test_more_calls_than_are_judged_at_once_are_refused_with_a_reason(
    client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that attempts are counted from count too."""
    day = local_today() - timedelta(days=1)
    usual = {"status": "completed", "direction": "outbound", "duration_seconds": 60, "lead_id": "lead_1"}
    starts = [day_bounds(day)[0] + timedelta(hours=hour) for hour in (1, 12)]
    for n, start in enumerate(starts):
        fields = {**usual, "call_id": f"call_{n}", "start_time": start, "campaign": f"c{n}"}
        write_calls(database, [CallMetrics.model_validate(fields)])
    monkeypatch.setattr(read, "MOST_JUDGED", 1)
    span = {"start_date": str(day), "end_date": str(day)}
    answer = client.get(PATH, params=span)
    assert answer.status_code == 422
    assert "more than 1 calls" in answer.json()["detail"]
    assert client.get(PATH, params={**span, "campaign": "c1"}).status_code == 200
    monkeypatch.setenv("ATTEMPTS_PER_DAY", "1")
    get_settings.cache_clear()
    assert client.get(PATH, params={**span, "campaign": "c1"}).status_code == 422


def test_parquet_is_not_to_be_had(client: TestClient) -> None:
    day = str(local_today())
    span = {"start_date": day, "end_date": day}
    answer = client.get(PATH, params=span, headers={"Accept": "application/vnd.apache.parquet"})
    assert answer.status_code == 406
