"""HTTP as clients, monitors and proxies expect it."""

import gzip
import socket
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.api.app import create_app
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call

RANGE = f"{ANALYTICS}/metrics/range?start_date=2024-10-01&end_date=2024-10-31"
READ = ["/healthz", "/readyz", "/openapi.json", RANGE, f"{ANALYTICS}/alerts", f"{ANALYTICS}/metrics"]
KEY = "k" * 32


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    """Monitors of uptime ask so."""
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    if path == RANGE:
        assert head.headers["etag"] == get.headers["etag"]


def test_options_names_the_methods(client: TestClient) -> None:
    """And changes nothing."""
    for path, allowed in (
        (READ[0], "GET, HEAD, OPTIONS"),
        (f"{ANALYTICS}/metrics/aggregate/2024-10-24", "POST, OPTIONS"),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed)
        assert "access-control-allow-origin" not in answer.headers
    assert client.options("/nothing").status_code == 404


def test_calls_are_kept_by_nobody_and_nothing_is_taken_for_a_page(client: TestClient) -> None:
    """Personal data stays out of caches, and an answer is what it says it is."""
    for path in (f"{ANALYTICS}/calls?start_date=2024-10-24", f"{ANALYTICS}/alerts", f"{ANALYTICS}/calls"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "no-store"
    for path in [*READ, "/nothing"]:
        assert client.get(path).headers["x-content-type-options"] == "nosniff"


def test_unchanged_figures_are_not_sent_again(client: TestClient, database: Database[Document]) -> None:
    """Nor where they were computed at another time; changed ones are."""
    first = client.get(RANGE)
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = client.get(RANGE, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    write_calls(database, [call(1, datetime(2024, 10, 24, tzinfo=UTC))])
    changed = client.get(RANGE, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_long_answers_are_packed_for_who_takes_it(client: TestClient) -> None:
    """A month of figures crosses the network in a fraction."""
    with client.stream("GET", RANGE, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    with client.stream("GET", RANGE, headers={"Accept-Encoding": "identity"}) as answer:
        plain = b"".join(answer.iter_raw())
    assert len(gzip.decompress(packed)) == len(plain)
    assert len(packed) < len(plain) / 5


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_redirect_stays_where_it_is(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Whatever Host a request names."""
    monkeypatch.setenv("API_KEYS", KEY)
    get_settings.cache_clear()
    with TestClient(create_app(), follow_redirects=False) as client:
        for path in (f"{ANALYTICS}/metrics/?a=1", "/healthz/"):
            answer = client.get(path, headers={"Host": host, "X-API-Key": KEY})
            place = urlsplit(answer.headers["location"])
            assert (answer.status_code, place.netloc, place.scheme) == (307, "", "")
            assert place.path == urlsplit(path).path.rstrip("/")


def test_without_a_key_nothing_is_told_of_this_machine(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where the data lie, nor what the API has."""
    monkeypatch.setenv("API_KEYS", KEY)
    get_settings.cache_clear()
    with TestClient(create_app()) as client:
        assert client.get("/openapi.json").status_code == 401
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (200, "embedded MongoDB")
        holder = client.get("/readyz", headers={"X-API-Key": KEY})
        assert str(get_settings().data_dir) in holder.json()["store"]


def test_a_request_has_an_id(client: TestClient) -> None:
    """The caller's own, where it is one."""
    assert client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "", "<b>"):
        made = client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert made.isalnum()


@pytest.mark.full
def test_half_a_request_is_waited_for_no_longer_than_some_seconds(served: str) -> None:
    """Connections that never say what they want are closed, also after a request that was answered."""
    port = urlsplit(served).port
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), 30) as silent,
        socket.create_connection(("127.0.0.1", port), 30) as half,
        socket.create_connection(("127.0.0.1", port), 30) as second,
    ):
        half.sendall(whole[:20])
        second.sendall(whole)
        answer = second.recv(4_096)
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += second.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 200")
        second.sendall(whole[:20])
        started = time.monotonic()
        for one in (silent, half, second):
            assert one.recv(4_096) == b""
        assert time.monotonic() - started < 20
