"""Whoever asks the API for calls, or changes something, is in the audit log."""

import secrets
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.access.audit import append, lead_token
from core.access.tokens import digest_of
from core.api.app import create_app
from core.api.keys import keys_of
from core.clock import local_today, utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.operating.test_routes import API, ASHA, firing, post
from tests.api.test_routes import ANALYTICS
from tests.dashboard.conftest import make_call

__all__ = ["firing"]
READING, WRITING = (secrets.token_urlsafe(32) for _ in range(2))
TODAY = local_today().isoformat()


@pytest.fixture(autouse=True)
def nothing_read() -> Iterator[None]:
    append.forget_reads()
    yield
    append.forget_reads()


@pytest.fixture
def keyed(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("API_KEYS", READING)
    monkeypatch.setenv("API_WRITE_KEYS", WRITING)
    get_settings.cache_clear()
    write_calls(database, [make_call(n, utc_now(), lead_id=f"lead_{n}") for n in range(3)])
    with TestClient(create_app()) as client:
        yield client


def noted(database: Database[Document]) -> list[tuple[str, str, str]]:
    rows = database["audit"].find().sort("_id", 1)
    return [(row["actor"], row["action"], row["subject"]) for row in rows]


def name_of(secret: str) -> str:
    return next(f"key {key.id}" for key in keys_of(get_settings()) if key.digest == digest_of(secret))


def test_lists_and_files_are_noted_with_their_days(keyed: TestClient, database: Database[Document]) -> None:
    """A page more of the same list is not noted again; each file is; figures hold nobody's data."""
    asked = f"{ANALYTICS}/calls?start_date={TODAY}"
    headers = {"X-API-Key": READING}
    for _ in range(2):
        assert keyed.get(asked, headers=headers).status_code == 200
    for _ in range(2):
        assert keyed.get(asked, headers=headers | {"Accept": "text/csv"}).status_code == 200
    assert keyed.get(f"{asked}&lead_id=lead_1", headers=headers).status_code == 200
    assert keyed.get(f"{ANALYTICS}/metrics", headers=headers).status_code == 200
    assert keyed.get(f"{asked}&limit=nonsense", headers=headers).status_code == 422
    who = name_of(READING)
    assert noted(database) == [
        (who, "listed_calls", "calls"),
        (who, "exported", "calls"),
        (who, "exported", "calls"),
        (who, "listed_calls", lead_token("lead_1")),
    ]
    about = [row["about"] for row in database["audit"].find().sort("_id", 1)]
    assert about[0]["since"].startswith(("20", "19"))
    assert about[0]["since"] < about[0]["until"]
    assert (about[0]["form"], about[1]["form"]) == ("application/json", "text/csv")
    assert "lead_1" not in str(about)


def test_another_key_gets_an_entry_of_its_own(keyed: TestClient, database: Database[Document]) -> None:
    asked = f"{ANALYTICS}/calls?start_date={TODAY}"
    for secret in (READING, WRITING):
        assert keyed.get(asked, headers={"X-API-Key": secret}).status_code == 200
    assert [(who, role) for who, role, _ in noted(database)] == [
        (name_of(READING), "listed_calls"),
        (name_of(WRITING), "listed_calls"),
    ]


def test_a_list_is_answered_while_the_log_takes_nothing(
    keyed: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(append, "_newest", full)
    assert (
        keyed.get(f"{ANALYTICS}/calls?start_date={TODAY}", headers={"X-API-Key": READING}).status_code == 200
    )
    assert noted(database) == []


def test_what_operators_do_is_noted(client: TestClient, firing: object, database: Database[Document]) -> None:
    """Without keys it is a program of this machine; the name that it gives is told beside it."""
    assert post(client, "alerts/a1b2/acknowledge", **ASHA).status_code == 200
    assert post(client, "alerts/a1b2/withdraw", author="asha").status_code == 200
    assert post(client, "alerts/a1b2/close", **ASHA).status_code == 200
    made = post(client, "silences", **ASHA, matchers={"rule": ["x"]}).json()["id"]
    assert client.post(f"{API}/silences/{made}/end").status_code == 200
    assert post(client, "alerts/nothing/close", **ASHA).status_code == 404
    assert noted(database) == [
        ("this machine", "acknowledged", "a1b2c3d4e5f6"),
        ("this machine", "withdrew_acknowledgement", "a1b2c3d4e5f6"),
        ("this machine", "closed", "a1b2c3d4e5f6"),
        ("this machine", "silenced", made),
        ("this machine", "unsilenced", made),
    ]
