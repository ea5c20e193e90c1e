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

from core.adapters.sources import SOURCES
from core.api.app import create_app
from core.settings import get_settings
from core.types import Document
from tests.hooks.example import EXAMPLE

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
    """The API with a key of each sort, an unsigned source and a signed one."""
    monkeypatch.setitem(SOURCES, "example", EXAMPLE)
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
