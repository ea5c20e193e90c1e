"""One call over HTTP: its turns, what was said, and how it ended."""

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.access.audit import append
from core.models.calls.reports import CallReport
from core.settings import get_settings
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.api.test_routes import ANALYTICS
from tests.dashboard.calls.conversation import CALL, KEY, SPOKEN, START, record_conversation
from tests.dashboard.conftest import make_call


@pytest.fixture
def said(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    append.forget_reads()
    monkeypatch.setenv("ENCRYPTION_KEYS", KEY)
    get_settings.cache_clear()
    record_conversation(database)
    return database


def test_a_call_says_how_it_ended_and_what_was_said(said: Database[Document], client: TestClient) -> None:
    """Masked, whoever asks; and it is noted who did."""
    answer = client.get(f"{ANALYTICS}/calls/{CALL}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    detail = answer.json()
    assert detail["how_it_ended"] == "The lead hung up after 4.6 s of silence in turn 6"
    assert (detail["call"]["call_id"], detail["archived"], len(detail["turns"])) == (CALL, False, 6)
    assert detail["turns"][2]["transcript"] == (
        "Lead: Around eighty thousand. My number is [spoken …3210]\n"
        "Agent: Thank you. Salaried hain ya self-employed?"
    )
    assert SPOKEN not in answer.text
    assert "enc:1:" not in answer.text
    (noted,) = said["audit"].find({"action": "viewed_call"})
    assert noted["subject"] == CALL


def test_what_was_not_stored_or_cannot_be_opened_is_null(
    said: Database[Document], client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENCRYPTION_KEYS")
    get_settings.cache_clear()
    detail = client.get(f"{ANALYTICS}/calls/{CALL}").json()
    assert [turn["transcript"] for turn in detail["turns"]] == [None] * 6


def test_a_call_that_is_not_there_or_only_began_is_refused(
    database: Database[Document], client: TestClient
) -> None:
    """An id may hold what an address is made of."""
    price = {"call_id": "c-open", "source": "exotel", "role": "carrier", "facts": {"cost": {"telephony": 1}}}
    write(database, [Record.now(CallReport.model_validate(price))], fresh=True)
    odd = make_call(1, START).model_copy(update={"call_id": "a/b"})
    write(database, [Record.now(odd)], fresh=True)
    assert client.get(f"{ANALYTICS}/calls/nobody").status_code == 404
    assert client.get(f"{ANALYTICS}/calls/c-open").status_code == 409
    assert client.get(f"{ANALYTICS}/calls/a/b").json()["call"]["call_id"] == "a/b"
