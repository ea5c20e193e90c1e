"""What each key may ask and change: every endpoint, for every role."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.access.api_keys import add_api_key, remove_api_key
from core.access.permissions import Permission, allowed, may
from core.access.roles import Role
from core.aggregation.search.call_conditions import CallConditions
from core.api.app import create_app
from core.api.keys import RENEWED_SECONDS, Key
from core.api.reading.calls import _refuse_beyond
from core.api.reading.forms import Form
from core.api.security import Require, refuse_open_door, require_sending_key
from core.models.alerts import Alert
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.operating.test_routes import firing
from tests.dashboard.conftest import make_call

__all__ = ["firing"]
V1 = "/api/v1"
SENDING = "sending"
ENDPOINTS: dict[tuple[str, str], Permission | str | None] = {
    ("GET", "/readyz"): None,
    ("GET", "/healthz"): None,
    ("GET", "/docs"): None,
    ("GET", "/docs/{part}"): None,
    ("GET", "/openapi.json"): Permission.READ,
    ("GET", "/metrics"): Permission.READ,
    ("GET", f"{V1}/analytics/metrics"): Permission.READ,
    ("GET", f"{V1}/analytics/metrics/daily/{{day}}"): Permission.READ,
    ("GET", f"{V1}/analytics/metrics/range"): Permission.READ,
    ("GET", f"{V1}/analytics/calls"): Permission.READ,
    ("GET", f"{V1}/analytics/calls/{{call_id:path}}"): Permission.READ,
    ("GET", f"{V1}/analytics/alerts"): Permission.READ,
    ("GET", f"{V1}/analytics/compliance"): Permission.READ,
    ("POST", f"{V1}/analytics/metrics/aggregate/{{day}}"): Permission.RECOMPUTE,
    ("GET", f"{V1}/alerts"): Permission.READ,
    ("GET", f"{V1}/silences"): Permission.READ,
    ("GET", f"{V1}/rules"): Permission.READ,
    ("POST", f"{V1}/alerts/{{alert}}/acknowledge"): Permission.ACKNOWLEDGE,
    ("POST", f"{V1}/alerts/{{alert}}/withdraw"): Permission.ACKNOWLEDGE,
    ("POST", f"{V1}/alerts/{{alert}}/close"): Permission.CLOSE,
    ("POST", f"{V1}/silences"): Permission.SILENCE,
    ("POST", f"{V1}/silences/{{silence}}/end"): Permission.SILENCE,
    ("POST", f"{V1}/calls"): SENDING,
    ("POST", f"{V1}/turns"): SENDING,
    ("POST", f"{V1}/service-calls"): SENDING,
    ("POST", f"{V1}/active-calls"): SENDING,
    ("POST", "/v1/traces"): SENDING,
    # A secret or a signature of their own.
    ("POST", "/hooks/{source}"): None,
    ("GET", "/acknowledge"): None,
    ("POST", "/acknowledge"): None,
}
BARE = re.compile("aggregate|/end$")
"""What takes no body."""
FILLED = {
    "call_id": "nobody",
    "day": "2024-10-24",
    "alert": "none",
    "silence": "none",
    "source": "none",
    "part": "docs.js",
}


@pytest.fixture
def client(database: Database[Document]) -> Iterator[TestClient]:
    with TestClient(create_app()) as client:
        yield client


def routes(client: TestClient) -> Iterator[APIRoute]:
    for route in client.app.routes:  # type: ignore[attr-defined] # of FastAPI
        # Routers stay whole in the application.
        of_it = [route] if isinstance(route, APIRoute) else route.original_router.routes
        for one in of_it:
            assert isinstance(one, APIRoute), one
            yield one


def asked_of(route: APIRoute) -> Permission | str | None:
    """The strictest that the application asks of who uses a route."""
    calls = [one.call for one in route.dependant.dependencies]
    actions = [one.permission for one in calls if isinstance(one, Require)]
    if require_sending_key in calls:
        assert not actions
        return SENDING
    return actions[-1] if actions else None


def test_every_endpoint_asks_what_the_table_says(client: TestClient) -> None:
    """An endpoint that is added, or that asks nothing any more, has to be thought of here."""
    found = {
        (method, route.path): asked_of(route) for route in routes(client) for method in route.methods or ()
    }
    assert found == ENDPOINTS


def test_every_endpoint_lets_those_in_who_may(client: TestClient, database: Database[Document]) -> None:
    """401 without a key, 403 with one that may not, anything else with one that may."""
    keys = {role: add_api_key(database, role.label, role) for role in Role}
    sender = add_api_key(database, "sender", None, sends=True)
    wrong = []
    for (method, path), asked in ENDPOINTS.items():
        address = path.replace(":path", "").format(**FILLED)
        body = {"author": "asha"} if method == "POST" and not BARE.search(path) else None
        statuses = {
            role: client.request(method, address, headers={"X-API-Key": key}, json=body).status_code
            for role, key in keys.items()
        }
        sent = client.request(method, address, headers={"X-API-Key": sender}, json=body).status_code
        without = client.request(method, address, json=body).status_code
        if asked is None:
            expected = dict.fromkeys(Role, True)
            refused = {without, sent} & {401, 403}
        else:
            expected = {role: isinstance(asked, Permission) and may(role, asked) for role in Role}
            refused = set() if (without, sent == 403) == (401, asked != SENDING) else {without, sent}
        if {role: status != 403 for role, status in statuses.items()} != expected or refused:
            wrong.append((method, path, statuses, sent, without))
    assert wrong == []


def test_a_viewers_key_sees_no_lead_and_asks_for_none(
    client: TestClient, database: Database[Document]
) -> None:
    """Neither in a list nor by a parameter; keys of the settings see what they always saw."""
    now = datetime.now(UTC)
    personal = {"lead_id": "+919812345678", "metadata": {"note": "Asha Rao"}}
    write_calls(database, [make_call(1, now - timedelta(minutes=5), **personal)])
    days = {"start_date": f"{now - timedelta(days=1):%Y-%m-%d}"}

    def ask(role: Role, accept: str = "application/json", **more: str) -> tuple[int, str]:
        key = keys[role]
        headers = {"X-API-Key": key, "Accept": accept}
        answer = client.get(f"{V1}/analytics/calls", params={**days, **more}, headers=headers)
        return answer.status_code, answer.text

    keys = {role: add_api_key(database, role.label, role) for role in Role}
    for role in Role:
        sees = may(role, Permission.SEE_PERSONAL)
        status, text = ask(role)
        assert status == 200
        assert ("9812345678" in text, "Asha Rao" in text, '"lead-' in text) == (sees, sees, not sees)
        assert ask(role, lead_id="+919812345678")[0] == (200 if sees else 403)
        for accept in ("text/csv", "application/vnd.apache.parquet"):
            assert ask(role, accept)[0] == (200 if may(role, Permission.EXPORT_CALLS) else 403), (
                role,
                accept,
            )


def test_a_viewers_key_finds_nobody_by_a_phone_that_has_an_index() -> None:
    """There the condition is no longer of the lead's id."""
    viewer = Key("v", "", allowed(Role.VIEWER))
    with pytest.raises(HTTPException, match="may not see lead ids"):
        _refuse_beyond(viewer, Form.JSON, CallConditions(found={"lead_id": {"$in": ["lead_1"]}}))


def test_keys_of_the_settings_do_what_they_always_did(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read lead ids and files; beside them, and not in their place, are those of the store."""
    monkeypatch.setenv("API_KEYS", "k" * 30)
    get_settings.cache_clear()
    now = datetime.now(UTC)
    write_calls(database, [make_call(1, now - timedelta(minutes=5), lead_id="+919812345678")])
    stored = add_api_key(database, "grafana", Role.VIEWER)
    with TestClient(create_app()) as client:
        path = f"{V1}/analytics/calls?start_date={now - timedelta(days=1):%Y-%m-%d}&lead_id=%2B919812345678"
        for accept in ("application/json", "text/csv"):
            answer = client.get(path, headers={"X-API-Key": "k" * 30, "Accept": accept})
            assert "9812345678" in answer.text
        assert client.get(f"{V1}/rules", headers={"X-API-Key": stored}).status_code == 200
        assert client.get(f"{V1}/rules", headers={"X-API-Key": "x" * 30}).status_code == 401


def test_a_key_that_has_expired_is_told_so_and_is_no_guess(
    client: TestClient, database: Database[Document]
) -> None:
    past = datetime.now(UTC) - timedelta(days=31)
    key = add_api_key(database, "grafana", Role.ADMIN, days=30, now=past)
    for _ in range(12):
        answer = client.get(f"{V1}/rules", headers={"X-API-Key": key})
        assert answer.status_code == 401
        assert "the key grafana expired on" in answer.json()["detail"]
    assert client.get("/readyz", headers={"X-API-Key": key}).json()["store"] == "embedded MongoDB"


def test_a_key_that_is_taken_away_is_refused_within_seconds(
    client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an API that runs on."""
    key, other = (add_api_key(database, name, Role.VIEWER) for name in ("grafana", "other"))
    headers = {"X-API-Key": key}
    assert client.get(f"{V1}/rules", headers=headers).status_code == 200
    remove_api_key(database, "grafana")
    stored = client.app.state.stored_keys  # type: ignore[attr-defined] # of FastAPI
    ahead = stored._clock() + RENEWED_SECONDS
    monkeypatch.setattr(stored, "_clock", lambda: ahead)
    client.get(f"{V1}/rules", headers=headers)  # has it look, and waits for nothing
    assert not [key for key in stored.keys if key.name == "grafana"] or _renewed(client, headers)
    assert client.get(f"{V1}/rules", headers={"X-API-Key": other}).status_code == 200


def _renewed(client: TestClient, headers: dict[str, str]) -> bool:
    return any(client.get(f"{V1}/rules", headers=headers).status_code == 401 for _ in range(100))


def test_the_history_says_by_which_key_somebody_did_it(
    client: TestClient, database: Database[Document], firing: Alert
) -> None:
    key = add_api_key(database, "slack-bot", Role.OPERATOR)
    path = f"{V1}/alerts/{firing.id}/acknowledge"
    held = client.post(path, json={"author": "asha " * 25}, headers={"X-API-Key": key}).json()["acknowledged"]
    assert held["author"].startswith("asha asha")
    assert held["author"].endswith(" (key slack-bot)")
    assert len(held["author"]) <= 128


def test_with_keys_of_the_store_the_api_may_open_to_the_network(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")  # noqa: S104 (whether it may is the point)
    get_settings.cache_clear()
    add_api_key(database, "grafana", Role.VIEWER)
    refuse_open_door(get_settings())
