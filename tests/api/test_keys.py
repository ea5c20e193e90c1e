"""Keys: who may ask, who may change, and what is noted of both."""

import secrets
import time
from collections.abc import Iterator

import orjson
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from core.access.api_keys import NoKeysNote, add_api_key, remove_api_key
from core.access.guesses import MOST_CLIENTS, MOST_WRONG, WINDOW_SECONDS, Guesses
from core.access.roles import Role
from core.access.tokens import digest_of
from core.api import keys
from core.api.app import create_app
from core.api.keys import keys_of
from core.api.security import refuse_open_door
from core.errors import UserError
from core.logging_config import flush
from core.settings import get_settings
from core.types import Document
from tests.api.conftest import from_this_machine
from tests.api.test_routes import ANALYTICS

FIRST, SECOND, WRITING = (secrets.token_urlsafe(32) for _ in range(3))
AGGREGATE = f"{ANALYTICS}/metrics/aggregate/2024-10-24"


@pytest.fixture
def keyed(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API with two keys that read and one that writes."""
    monkeypatch.setenv("API_KEYS", f"{FIRST},{SECOND}")
    monkeypatch.setenv("API_WRITE_KEYS", WRITING)
    get_settings.cache_clear()
    with TestClient(create_app()) as client:
        yield client


def test_keys_are_asked_for_and_compared_whole(keyed: TestClient) -> None:
    """A part of a key, or another, opens nothing; any header with a right one does."""
    assert keyed.get("/healthz").status_code == 200
    refused = keyed.get(f"{ANALYTICS}/alerts")
    assert refused.status_code == 401
    assert "X-API-Key" in refused.json()["detail"]
    wrong = ({"X-API-Key": FIRST[:-1]}, {"Authorization": "Bearer nope"}, {"X-API-Key": ""})
    for headers in (*wrong, {"Authorization": f"Basic {FIRST}"}, {"X-API-Key": "schl\xfcssel"}):
        encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        assert keyed.get(f"{ANALYTICS}/alerts", headers=encoded).status_code == 401
    right = ({"X-API-Key": SECOND}, {"Authorization": f"bearer {FIRST}"}, {"X-API-Key": WRITING})
    for headers in (*right, {"X-API-Key": "wrong", "Authorization": f"Bearer {FIRST}"}):
        assert keyed.get(f"{ANALYTICS}/alerts", headers=headers).status_code == 200


def test_a_key_that_reads_changes_nothing(keyed: TestClient, database: Database[Document]) -> None:
    """Computing a day anew stores it: that takes a key of API_WRITE_KEYS."""
    assert keyed.post(AGGREGATE, headers={"X-API-Key": FIRST}).status_code == 403
    assert keyed.post(AGGREGATE).status_code == 401
    assert database["daily_metrics"].count_documents({}) == 0
    assert keyed.post(AGGREGATE, headers={"X-API-Key": WRITING}).status_code != 403


@pytest.mark.full
def test_keys_that_could_not_be_read_are_not_none(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the database away a program without a key is let in only where there were none before."""
    rules, call = f"{ANALYTICS}/metrics/daily/2024-10-24", {"call_id": "call_1"}
    with from_this_machine() as client:
        assert client.get(rules).status_code == 200
    assert NoKeysNote().is_there
    add_api_key(database, "grafana", Role.VIEWER)
    assert not NoKeysNote().is_there
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")
    get_settings.cache_clear()
    monkeypatch.setattr(keys, "FIRST_READ_SECONDS", 0.05)
    with from_this_machine() as client:
        for answer in (
            client.get(rules),
            client.post("/api/v1/calls", json=call),
            client.get(rules, headers={"X-API-Key": FIRST}),
        ):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "keys of the API cannot be read" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200
        assert "127.0.0.1" not in client.get("/readyz").text
    NoKeysNote().keep(none=True)
    with from_this_machine() as client:
        assert client.post("/api/v1/calls", json=call).status_code == 422


@pytest.mark.parametrize("name", ["API_KEYS", "API_WRITE_KEYS"])
@pytest.mark.parametrize("key", ["a", "geheim", "k" * 21, "schlüssel-der-lang-genug-ist", "k" * 30 + "\t1"])
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused_at_start(
    name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start, and says how to make a key, not which."""
    monkeypatch.setenv("API_HOST", "0.0.0.0")  # noqa: S104 (that it is refused is the point)
    monkeypatch.setenv(name, f"{FIRST},{key}")
    get_settings.cache_clear()
    for start in (create_app, lambda: refuse_open_door(get_settings())):
        with pytest.raises(UserError, match="22 ASCII") as refused:
            start()
        assert key not in str(refused.value) or len(key) == 1


def test_guesses_are_slowed(keyed: TestClient) -> None:
    """After ten wrong keys an address waits a minute, with a right one too: else guessing went on."""
    assert keyed.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": SECOND}).status_code == 200
    guesses = [secrets.token_urlsafe(32) for _ in range(MOST_WRONG)]
    answers = [keyed.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": key}) for key in [*guesses, SECOND]]
    assert [answer.status_code for answer in answers] == [401] * MOST_WRONG + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= WINDOW_SECONDS


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60))
def test_only_who_guesses_waits_and_never_for_longer_than_a_minute(tries: list[tuple[str, int]]) -> None:
    """Ten wrong keys of one address within a minute of the first, whatever the others do."""
    now = 0.0
    guesses = Guesses(lambda: now)
    mine: dict[str, list[float]] = {}
    for client, after in tries:
        now += after
        times = mine.setdefault(client, [])
        if times and now - times[0] >= WINDOW_SECONDS:
            times.clear()
        assert (guesses.wait_seconds(client) > 0) is (len(times) >= MOST_WRONG)
        guesses.add(client)
        times.append(now)
    now += WINDOW_SECONDS
    assert not any(guesses.wait_seconds(client) for client in mine)


def test_a_network_of_ipv6_is_one_client_and_memory_is_bounded() -> None:
    """Nobody escapes by taking another of their own addresses, or fills the memory with them."""
    guesses = Guesses(lambda: 0.0)
    for number in range(MOST_WRONG):
        guesses.add(f"2001:db8:0:7::{number:x}")
    assert guesses.wait_seconds("2001:db8:0:7:ffff::1") > 0
    assert guesses.wait_seconds("2001:db8:0:8::1") == 0
    for number in range(MOST_CLIENTS + 5):
        guesses.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(guesses._wrong) == MOST_CLIENTS


def test_an_id_tells_keys_apart_and_shows_nothing_of_them(
    keyed: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is logged leads to the key that was used, for whoever has the settings."""
    capfd.readouterr()
    query = {"start_date": "2024-10-24", "campaign": "festive"}
    for headers in ({"X-API-Key": SECOND}, {"X-API-Key": "wrong-key-of-somebody"}, {}):
        keyed.get(f"{ANALYTICS}/calls", params=query, headers=headers)
    flush()
    written = "".join(capfd.readouterr())  # on stderr where tests run in several processes
    lines = [orjson.loads(line) for line in written.splitlines() if '"event":"api_' in line]
    assert [line["event"] for line in lines] == ["api_access", "api_key_refused", "api_key_missing"]
    [id_] = [key.id for key in keys_of(get_settings()) if key.digest == digest_of(SECOND)]
    assert lines[0]["key_id"] == id_
    assert all(line["client"] == "testclient" and "festive" in line["query"] for line in lines)
    assert not any(secret in written for secret in (SECOND, SECOND[:8], "wrong-key", FIRST))


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have keys count as old, so that each request reads them and the next knows."""
    monkeypatch.setattr(keys, "RENEWED_SECONDS", 0.0)


def until(client: TestClient, key: str, status: int) -> bool:
    """Ask until the answer is this; False if it is not within a few seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if client.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": key}).status_code == status:
            return True
        time.sleep(0.05)
    return False


ODD_KEYS: list[Document] = [
    {"role": "auditor"},
    {"role": 5},
    {"digest": 7},
    {"digest": "schlüssel"},
    {"expires_at": "never"},
    {"sends": "no"},
]


@pytest.mark.parametrize("odd", ODD_KEYS, ids=str)
def test_a_key_that_cannot_be_read_keeps_no_removed_one_alive(
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    odd: Document,
) -> None:
    """As a newer version may have stored it: it opens nothing, is named, and all others are read anew."""
    later(monkeypatch)
    leaked = add_api_key(database, "leaked", Role.VIEWER)
    with TestClient(create_app()) as client:
        assert until(client, leaked, 200)
        mine = add_api_key(database, "mine", Role.VIEWER)
        row = database["api_keys"].find_one({"_id": "mine"})
        assert row is not None
        database["api_keys"].insert_one(row | {"_id": f"odd {odd}", "digest": digest_of(FIRST)} | odd)
        remove_api_key(database, "leaked")
        assert until(client, mine, 200)
        assert until(client, leaked, 401)
        assert client.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": FIRST}).status_code == 401
    assert f"odd {odd}" in [line.__dict__.get("id") for line in caplog.records]


def test_keys_none_of_which_can_be_read_leave_the_door_closed(database: Database[Document]) -> None:
    """There are keys, so a program of this machine needs one too."""
    database["api_keys"].insert_one({"_id": "odd one alone", "role": "auditor"})
    with from_this_machine() as client:
        assert client.get(f"{ANALYTICS}/alerts").status_code == 401
        assert client.get(f"{ANALYTICS}/alerts", headers={"X-API-Key": FIRST}).status_code == 401
    assert not NoKeysNote().is_there
