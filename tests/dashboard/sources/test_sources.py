"""Sources: who posts webhooks, and what became of them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.adapters import sources
from core.aggregation.rollups.refresh import archive_due
from core.clock import utc_now
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.hook_deliveries import HookDelivery
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.storage.restrictions import Restriction, restrict
from core.types import Document
from tests.dashboard.conftest import tables_of, text_of
from tests.hooks.example import EXAMPLE
from tests.storage.archive.test_mover import recorded_long_ago

WORDS = ["stored", "stored", "ignored", "refused", "spooled"]
Start = Callable[..., AppTest]


def note(minutes: float, **fields: object) -> HookDelivery:
    """What was noted of a delivery so many minutes ago."""
    usual = {"source": "example", "outcome": "stored", "received_at": utc_now() - timedelta(minutes=minutes)}
    return HookDelivery.model_validate({**usual, **fields})


@pytest.fixture
def deliveries(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    """A source with good and bad deliveries, one that is on and silent, and one that is off by now."""
    monkeypatch.setattr(sources, "SOURCES", {**sources.SOURCES, "example": EXAMPLE})
    monkeypatch.setenv("HOOK_SECRETS", f"example={'k' * 30},plivo={'p' * 30}")
    get_settings.cache_clear()
    odd = "its times are 24.0 h ahead of the clock here: is a zone or a clock wrong?"
    notes = [
        note(1, event="ended", call_id="p|1:smile:", ending="busy", unknown=("new.field",), remark=odd),
        note(2, event="ended", call_id="p-2", ending="unknown", unknown=("new.field",)),
        note(3, outcome="ignored", event="ping"),
        note(4, outcome="refused", reason="id is missing: it says which call this is about"),
        note(5, outcome="spooled", event="ended", call_id="p-3", left_out=("usd is no number",)),
        note(3_000, source="gone", event="old"),
    ]
    write(database, [Record.now(one) for one in notes])
    return database


def test_each_source_shows_what_became_of_a_day(deliveries: Database[Document], start: Start) -> None:
    """Silent ones, unknown endings and fields that nobody reads stand out."""
    app = start("sources")
    assert not app.exception
    listed, fields, latest = tables_of(app)
    rows = {row["Source"]: row for row in listed}
    assert set(rows) == {"Example", "Plivo", "gone (off)"}
    one = rows["Example"]
    became = one["In 24 h"].replace(":red[:material/error:] ", "")
    assert became == "2 stored · 1 spooled · 1 ignored · 1 refused"
    assert one["Last delivery"].startswith("1 min") or one["Last delivery"].endswith("s ago")
    assert "50.0 %" in one["Unknown end reasons"]
    assert "none within 7 days" in rows["Plivo"]["Last delivery"]
    assert rows["gone (off)"]["Last delivery"] == "2 days ago"
    assert fields == [{"Source": "Example", "Field": "new.field", "Deliveries": "2"}]
    assert "1 silent for a day" in text_of(app)
    assert len(latest) == 6
    assert [row["Outcome"].split()[-1] for row in latest[:5]] == WORDS
    why = [row["Notes"] for row in latest]
    assert "24.0 h ahead" in why[0]
    assert "id is missing" in why[3]
    assert "usd is no number" in why[4]
    assert "calls?call_id=p-2" in latest[1]["Call"]


def test_without_any_source_the_page_says_how_to_set_one_up(
    database: Database[Document], start: Start
) -> None:
    said = text_of(start("sources"))
    for words in ("HOOK_SECRETS=", "/hooks/", "token_urlsafe", "Plivo"):
        assert words in said


def test_secrets_that_cannot_be_used_are_said(
    database: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way out, without the secret."""
    monkeypatch.setenv("HOOK_SECRETS", "plivo=short-secret")
    get_settings.cache_clear()
    said = text_of(start("sources"))
    assert "needs 22 ASCII" in said.replace("\N{WORD JOINER}", "")
    assert "short-secret" not in said


def test_a_delivery_names_no_call_of_a_hidden_lead(deliveries: Database[Document], start: Start) -> None:
    """Neither in the list nor in its CSV."""
    now = utc_now()
    write_calls(
        deliveries,
        [
            CallMetrics(call_id=name, lead_id=lead, start_time=now, status="failed", direction="inbound")
            for name, lead in (("p-2", "lead_hidden"), ("p-3", "lead_other"))
        ],
    )
    until = utc_now() + timedelta(days=9)
    restrict(deliveries, Restriction(lead_id="lead_hidden", until=until, reason="r", by="asha"))
    app = start("sources")
    latest = tables_of(app)[-1]
    assert [row["Call"] for row in latest if "p-2" in row["Call"]] == []
    assert "calls?call_id=p-3" in latest[4]["Call"]


@pytest.mark.parametrize("where", ["archived", "by the source's id", "in progress"])
def test_a_delivery_names_no_call_of_a_hidden_lead_wherever_it_is(
    deliveries: Database[Document], start: Start, where: str
) -> None:
    """In the archive, stored under the agent's id, or not over yet."""
    if where == "in progress":
        active = {"_id": "p-2", "lead_id": "lead_hidden", "seen_at": utc_now()}
        deliveries["active_calls"].insert_one(active)
    else:
        by_source = where == "by the source's id"
        ids = {"call_id": "agents-own", "provider_call_id": "p-2"} if by_source else {"call_id": "p-2"}
        whose = {"lead_id": "lead_hidden", "status": "failed", "direction": "inbound"}
        then = utc_now() - timedelta(days=200)
        recorded_long_ago(deliveries, [CallMetrics.model_validate({**ids, **whose, "start_time": then})])
    if where == "archived":
        archive_due(deliveries)
        assert deliveries["calls"].count_documents({}) == 0
    until = utc_now() + timedelta(days=9)
    restrict(deliveries, Restriction(lead_id="lead_hidden", until=until, reason="r", by="asha"))
    latest = tables_of(start("sources"))[-1]
    assert [row["Call"] for row in latest if "p-2" in row["Call"]] == []
    assert "calls?call_id=p-3" in latest[4]["Call"], "of a call that nobody has heard of"
