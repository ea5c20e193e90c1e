"""What whoever is on call does over HTTP is what the dashboard and the command line do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.alerting.board import history
from core.models.alerts import Alert, AlertState, Severity
from core.settings import get_settings
from core.types import Document
from tests.api.conftest import from_this_machine
from tests.api.test_problems import is_problem
from tests.api.test_routes import ANALYTICS

API = "/api/v1"
ASHA = {"author": "asha", "comment": "restarted the dialler"}


@pytest.fixture
def firing(database: Database[Document]) -> Alert:
    """An alert of a rule, of 15.2 % failed calls."""
    now = datetime.now(UTC)
    alert = Alert(
        id="a1b2c3d4e5f6",
        alert_type="call_failure_rate",
        name="Call failure rate",
        severity=Severity.CRITICAL,
        state=AlertState.FIRING,
        labels={"campaign": "festive"},
        message="15.2 % of the calls failed",
        current_value=15.2,
        worst_value=20.0,
        threshold_value=10.0,
        unit="%",
        started_at=now - timedelta(minutes=9),
        updated_at=now,
    )
    database["alerts"].insert_one(
        {"_id": alert.id, "origin": "rule", "revision": 1} | alert.model_dump(exclude={"id"})
    )
    return alert


def post(client: TestClient, path: str, **body: object) -> Any:
    return client.post(f"{API}/{path}", json=body)


def test_an_alert_that_fires_comes_with_shares(client: TestClient, firing: Alert) -> None:
    """Programs read rates from 0 to 1, wherever they ask."""
    for one in (
        client.get(f"{API}/alerts").json()["active"][0],
        client.get(f"{ANALYTICS}/alerts").json()["alerts"][0],
    ):
        assert (one["current_value"], one["worst_value"], one["threshold_value"]) == (0.152, 0.2, 0.1)
        assert one["unit"] == "share"
    live = client.get(f"{ANALYTICS}/metrics").json()["live"]
    assert (live["active_alerts"], live["alerts_by_severity"]) == (
        1,
        {"info": 0, "warning": 0, "critical": 1},
    )


def test_an_alert_is_acknowledged_and_taken_back(
    client: TestClient, firing: Alert, database: Database[Document]
) -> None:
    """By id, the beginning of it, or its rule; the history says who did it."""
    held = post(client, "alerts/a1b2/acknowledge", **ASHA, minutes=30).json()["acknowledged"]
    assert (held["author"], held["comment"]) == ("asha", "restarted the dialler")
    until, at = (datetime.fromisoformat(held[name]) for name in ("until", "at"))
    assert until - at == timedelta(minutes=30)
    assert post(client, f"alerts/{firing.id}/withdraw", author="asha").json()["acknowledged"] is None
    assert post(client, "alerts/call_failure_rate/close", **ASHA).json()["state"] == "resolved"
    lines = history(database, alert_id=firing.id)
    assert [(line.event, line.author) for line in lines] == [
        ("resolved", "asha"),
        ("acknowledgement withdrawn", "asha"),
        ("acknowledged", "asha"),
    ]
    standing = client.get(f"{API}/alerts").json()
    assert (standing["active"], [one["id"] for one in standing["resolved"]]) == ([], [firing.id])


def test_what_does_not_fire_cannot_be_acknowledged(client: TestClient, database: Database[Document]) -> None:
    """It is said, as where it was over a moment before."""
    for action in ("acknowledge", "withdraw", "close"):
        answer = post(client, f"alerts/none/{action}", author="asha")
        assert (answer.status_code, is_problem(answer)) == (404, True)
    assert client.post(f"{API}/silences/none/end").status_code == 404


def test_alerts_are_silenced_for_a_while_or_at_hours_of_the_week(
    client: TestClient, database: Database[Document]
) -> None:
    """And heard again once somebody ends it."""
    for_an_hour = post(client, "silences", **ASHA, matchers={"campaign": ["festive"]})
    assert for_an_hour.status_code == 201
    made = for_an_hour.json()
    start, end = (datetime.fromisoformat(made[name]) for name in ("start", "end"))
    assert (end - start, made["standing"]) == (timedelta(hours=1), "active")
    night = post(
        client,
        "silences",
        author="asha",
        comment="nights",
        matchers={"rule": ["*"]},
        recurs="mon-sun 22:00-24:00",
    ).json()
    assert (night["recurs"], night["end"]) == ("mon,tue,wed,thu,fri,sat,sun 22:00-24:00 Asia/Kolkata", None)
    later = post(
        client,
        "silences",
        **ASHA,
        matchers={"severity": ["info"]},
        start="2100-01-01T00:00:00Z",
        end="2100-01-02T00:00:00Z",
    ).json()
    assert later["standing"] == "to come"
    listed = client.get(f"{API}/silences").json()
    assert {one["id"] for one in listed["silences"]} == {made["id"], night["id"], later["id"]}
    left = client.post(f"{API}/silences/{made['id']}/end").json()
    assert {one["id"]: one["standing"] for one in left["silences"]}[made["id"]] == "over"
    assert client.post(f"{API}/silences/{made['id']}/end").status_code == 404


UNUSABLE: list[tuple[str, dict[str, Any], str]] = [
    ("silences", {**ASHA}, "matchers: is missing"),
    ("silences", {**ASHA, "matchers": {"colour": ["red"]}}, "'colour' is not a label"),
    ("silences", {**ASHA, "matchers": {}}, "matchers"),
    (
        "silences",
        {**ASHA, "matchers": {"rule": ["x"]}, "minutes": 5, "end": "2100-01-01T00:00:00Z"},
        "either end",
    ),
    (
        "silences",
        {**ASHA, "matchers": {"rule": ["x"]}, "end": "1999-01-01T00:00:00Z"},
        "must be after start",
    ),
    ("silences", {**ASHA, "matchers": {"rule": ["x"]}, "recurs": "sometimes"}, "neither days nor hours"),
    ("silences", {**ASHA, "matchers": {"rule": ["x"]}, "start": "9999-12-31T23:59:59Z"}, "outside the years"),
    ("alerts/x/acknowledge", {"comment": "who?"}, "author: is missing"),
    ("alerts/x/acknowledge", {"author": " "}, "author"),
    ("alerts/x/acknowledge", {"author": "asha", "minutes": 0}, "minutes"),
    ("alerts/x/acknowledge", {"author": "asha", "minutes": 30 * 1440 + 1}, "equal to 43200"),
    ("silences", {**ASHA, "matchers": {"rule": ["x"]}, "minutes": 366 * 1440 + 1}, "equal to 527040"),
    ("alerts/x/close", {"author": "asha", "force": True}, "force"),
]


def test_what_makes_no_action_is_named(client: TestClient, database: Database[Document]) -> None:
    """Nothing of it is done."""
    for path, body, reason in UNUSABLE:
        answer = post(client, path, **body)
        assert (answer.status_code, reason in answer.text) == (422, True), answer.text
        assert is_problem(answer)
    assert database["silences"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 422),
        (b"author=asha", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b"0" * 10_000_001, "application/json", 413),
    ],
)
def test_a_body_of_another_form_is_refused(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    """Within bounds, however large or deep it is."""
    answer = client.post(f"{API}/silences", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, is_problem(answer)) == (status, True)


def test_the_rules_in_force_are_listed(client: TestClient, database: Database[Document]) -> None:
    """With their thresholds as shares."""
    found = client.get(f"{API}/rules").json()
    assert found["count"] == len(found["rules"]) >= 3
    failing = next(rule for rule in found["rules"] if rule["metric"] == "call_failure_rate")
    assert all(0 < level["threshold"] < 1 for level in failing["levels"].values())


def test_only_a_key_that_may_write_changes_anything(
    monkeypatch: pytest.MonkeyPatch, firing: Alert, database: Database[Document]
) -> None:
    """Readers look."""
    reads, writes = "r" * 32, "w" * 32
    monkeypatch.setenv("API_KEYS", reads)
    monkeypatch.setenv("API_WRITE_KEYS", writes)
    get_settings.cache_clear()
    with from_this_machine() as client:
        for path in ("alerts", "silences", "rules"):
            assert client.get(f"{API}/{path}").status_code == 401
            assert client.get(f"{API}/{path}", headers={"X-API-Key": reads}).status_code == 200
        for key, status in ((reads, 403), (writes, 200)):
            answer = client.post(f"{API}/alerts/a1b2/acknowledge", json=ASHA, headers={"X-API-Key": key})
            assert answer.status_code == status
        silence = {**ASHA, "matchers": {"rule": ["x"]}}
        assert client.post(f"{API}/silences", json=silence, headers={"X-API-Key": reads}).status_code == 403
        assert client.post(f"{API}/silences/x/end", headers={"X-API-Key": reads}).status_code == 403
