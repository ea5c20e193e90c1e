"""The page that shows the API works where no other host can be reached, and gives nothing away."""

import re
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from pymongo.database import Database

from core.api.app import create_app
from core.ports import answers
from core.settings import get_settings
from core.types import Document
from tests.ports import free_port

KEY = "k" * 32


def test_the_page_names_no_other_host_and_runs_none(client: TestClient) -> None:
    """All that it loads is here, with the right type."""
    page = client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert parts == ["docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/docs.js"]
    for part in parts:
        answer = client.get(f"/{part}")
        assert (answer.status_code, len(answer.content) > 500) == (200, True)
        assert ("css" if part.endswith("css") else "javascript") in answer.headers["content-type"]
    assert client.get("/docs/../docs_page.py").status_code == 404
    assert client.get("/docs/other.js").status_code == 404


@pytest.fixture
def address(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API with a key."""
    monkeypatch.setenv("API_KEYS", KEY)
    get_settings.cache_clear()
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not answers(f"http://127.0.0.1:{port}/healthz"):
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.mark.full
def test_a_browser_shows_every_operation_once_the_key_is_given(address: str, browser: Browser) -> None:
    """And asks no other host for anything."""
    page, asked, troubles = browser.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{address}/docs")
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("send one of API_KEYS")
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Open").click()
    expect(page.locator('[data-path="/api/v1/analytics/calls"]')).to_be_visible()
    expect(page.locator("#key")).to_be_hidden()
    page.close()
    assert troubles == []
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {address.split("/")[2]}
