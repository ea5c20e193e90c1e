"""The API with keys and one source that is on."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pymongo.database import Database

from core.adapters import sources
from core.api.app import create_app
from core.settings import get_settings
from core.types import Document
from tests.api.intake.receiver import Receiver
from tests.hooks.example import EXAMPLE, IDLE, SIGNER, signature

READING, SENDING, WRITING = (secrets.token_urlsafe(32) for _ in range(3))
SECRET = secrets.token_urlsafe(32)
SIGNING = secrets.token_urlsafe(32)
PUBLIC = "https://calls.example.com/voice"


def call(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    """A call as JSON has it."""
    usual = {"start_time": "2026-11-20T10:00:00Z", "duration_seconds": 60, "status": "completed"}
    return {"call_id": call_id, "direction": "outbound", **usual, **fields}


@pytest.fixture
def keyed(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API with a key of each sort, an unsigned source and one that signs."""
    monkeypatch.setattr(sources, "SOURCES", {"example": EXAMPLE, "signer": SIGNER, "idle": IDLE})
    for name, value in (
        ("API_KEYS", READING),
        ("API_INGEST_KEYS", SENDING),
        ("API_WRITE_KEYS", WRITING),
        ("HOOK_SECRETS", f"example={SECRET},signer={SIGNING}"),
        ("API_PUBLIC_URL", PUBLIC),
    ):
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with TestClient(create_app()) as client:
        yield client


def send(client: TestClient, path: str, content: object, **headers: str) -> Response:
    """Post to the API with the key that may send."""
    return client.post(f"/api/v1/{path}", json=content, headers={"X-API-Key": SENDING, **headers})


def post(
    client: TestClient, content: object, path: str = f"/hooks/example/{SECRET}", **more: Any
) -> Response:
    """Post a webhook of the unsigned source."""
    return client.post(path, json=content, **more)


def signed(form: Mapping[str, str], path: str, secret: str = SIGNING) -> dict[str, str]:
    """The headers that a form is signed with."""
    made = signature(PUBLIC + path, form, secret)
    return {"X-Signature": made, "Content-Type": "application/x-www-form-urlencoded"}


def form_of(fields: Mapping[str, str]) -> bytes:
    """A form as it is posted."""
    return urlencode(fields).encode()


@pytest.fixture
def receiver(database: Database[Document]) -> Iterator[Receiver]:
    """An API with a key that may send, and two sources that are on."""
    secrets_ = f"example={SECRET},bolna={SECRET}"
    running = Receiver(HOOK_SECRETS=secrets_, API_INGEST_KEYS=SENDING)
    yield running
    running.end()
