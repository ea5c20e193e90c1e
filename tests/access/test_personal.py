"""What stands in the place of a lead's data for who may not see it."""

from datetime import UTC, datetime

from pymongo.database import Database

from core.access.personal import hidden, hidden_row, lead_names
from core.models.metrics import CallMetrics
from core.types import Document

PHONE = "+919812345678"
CALL = CallMetrics(
    call_id="call_1",
    lead_id=PHONE,
    start_time=datetime(2026, 11, 29, tzinfo=UTC),
    duration_seconds=60,
    status="completed",
    direction="outbound",
    metadata={"name": "Asha Rao", "phone": PHONE},
    links={"recording": "https://calls.example/asha-rao.wav"},
    compliance={"consent_id": "consent-asha-rao", "opt_out": True},
)


def test_nothing_personal_is_left_and_all_else_is(database: Database[Document]) -> None:
    name = lead_names(database)
    seen = hidden(CALL, name)
    assert not any(text in seen.model_dump_json().lower() for text in ("9812345678", "asha", "rao"))
    assert seen.compliance
    assert seen.compliance.opt_out is True
    same = {"lead_id", "metadata", "links", "compliance"}
    assert seen.model_dump(exclude=same) == CALL.model_dump(exclude=same)
    row = {"_id": "call_1", **CALL.model_dump(exclude={"call_id"})}
    assert hidden_row(row, name)["lead_id"] == seen.lead_id
    assert not any(text in str(hidden_row(row, name)).lower() for text in ("9812345678", "asha", "rao"))


def test_the_same_lead_has_the_same_name_in_this_store_alone(database: Database[Document]) -> None:
    """Whoever tries all phone numbers finds none: the key is in the store."""
    first, again = lead_names(database)(PHONE), lead_names(database)(PHONE)
    assert first == again
    assert first.startswith("lead-")
    assert lead_names(database)("+919812345679") != first
    database["installation"].delete_one({"_id": "lead_names"})
    assert lead_names(database)(PHONE) != first


def test_a_phone_has_one_name_however_it_is_written(database: Database[Document]) -> None:
    """The attempts to reach a lead are told to be of one lead."""
    name = lead_names(database)
    assert {name(text) for text in ("09812345678", "98123 45678", "+91-98123-45678")} == {name(PHONE)}
