"""The API with keys and one source that is on."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pymongo.database import Database

from core.adapters.delivery import Delivery, RefusedDeliveryError, Source
from core.adapters.payload import Payload
from core.api.app import create_app
from core.models.reports import CallFacts, CallReport, Role
from core.settings import get_settings
from core.types import Document

READING, SENDING, WRITING = (secrets.token_urlsafe(32) for _ in range(3))
SECRET = secrets.token_urlsafe(32)
SIGNING = secrets.token_urlsafe(32)
PUBLIC = "https://calls.example.com/voice"


def call(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    """A call as JSON has it."""
    usual = {"start_time": "2026-11-20T10:00:00Z", "duration_seconds": 60, "status": "completed"}
    return {"call_id": call_id, "direction": "outbound", **usual, **fields}


def read_example(content: Mapping[str, Any]) -> Delivery:
    """A platform of these tests: ``id``, ``event``, ``times``; its own ids, and a field that nobody reads."""
    payload = Payload(content)
    call_id = payload.text("id")
    event = payload.text("event") or ""
    if event == "ping":
        return Delivery(event)
    if event == "crash":
        raise KeyError("a field that the adapter thought was there")
    if call_id is None:
        raise RefusedDeliveryError("id is missing: it says which call this is about")
    facts = {
        "start_time": payload.moment("start"),
        "end_time": payload.moment("end"),
        "status": payload.text("status"),
        "end_reason": payload.text("ending"),
        "lead_id": payload.text("phone"),
        "provider_call_id": call_id if payload.flag("own_id") else None,
        "cost": {"platform": payload.number("usd"), "currency": "USD"} if payload.get("usd") else None,
    }
    report = CallReport(
        call_id=call_id,
        source="example",
        role=Role.PLATFORM,
        stage=50 if event == "ended" else 10,
        known_call=not payload.flag("own_id"),
        facts=CallFacts.model_validate({name: value for name, value in facts.items() if value is not None}),
    )
    live = "ended" if event == "ended" else "started"
    payload.known("token", "deep")
    return Delivery(event, (report,), live=live, unknown=payload.unknown(), refused=payload.refused)


EXAMPLE = Source("example", "Example", Role.PLATFORM, read_example, secrets=frozenset({"ApiKey"}))


@pytest.fixture
def keyed(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API with a key of each sort, an unsigned source and a signed one."""
    monkeypatch.setattr("core.hooks.secrets.SOURCES", SOURCES)
    monkeypatch.setattr("core.api.intake.hooks.SOURCES", SOURCES)
    monkeypatch.setattr("core.hooks.replay.SOURCES", SOURCES)
    for name, value in (
        ("API_KEYS", READING),
        ("API_INGEST_KEYS", SENDING),
        ("API_WRITE_KEYS", WRITING),
        ("HOOK_SECRETS", f"example={SECRET},plivo={SIGNING}"),
        ("API_PUBLIC_URL", PUBLIC),
    ):
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with TestClient(create_app()) as client:
        yield client


def sources() -> dict[str, Source]:
    """The sources that there are, and that of these tests."""
    from core.adapters.sources import SOURCES as REAL

    return {**REAL, "example": EXAMPLE}


SOURCES = sources()


def send(client: TestClient, path: str, content: object, **headers: str) -> Response:
    """Post to the API with the key that may send."""
    return client.post(f"/api/v1/{path}", json=content, headers={"X-API-Key": SENDING, **headers})


def post(
    client: TestClient, content: object, path: str = f"/hooks/example/{SECRET}", **more: Any
) -> Response:
    """Post a webhook of the unsigned source."""
    return client.post(path, json=content, **more)


def signed(form: Mapping[str, str], path: str, secret: str = SIGNING) -> dict[str, str]:
    """The headers that Plivo signs a form with."""
    nonce = "12345"
    text = (
        PUBLIC + path + "." + "".join(f"{name}{value}" for name, value in sorted(form.items())) + "." + nonce
    )
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return {
        "X-Plivo-Signature-V3": base64.b64encode(made).decode(),
        "X-Plivo-Signature-V3-Nonce": nonce,
        "Content-Type": "application/x-www-form-urlencoded",
    }


def form_of(fields: Mapping[str, str]) -> bytes:
    """A form as it is posted."""
    return urlencode(fields).encode()
