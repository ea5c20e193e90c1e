"""What Telnyx posts of a call."""

import base64

import pytest

from core.adapters.carriers import telnyx
from core.storage.recording.merging import document_of, merge
from tests.adapters.cases import case, dollars, facts, facts_of, read


def test_a_call_is_told_from_its_hangup() -> None:
    told = facts("telnyx", "completed")
    assert (told["status"], told["end_reason"]) == ("completed", "customer_hung_up")
    assert (told["end_time"] - told["start_time"]).total_seconds() == 72


def test_our_own_id_comes_back_in_the_client_state() -> None:
    report = read("telnyx", "completed").reports[0]
    assert (report.call_id, facts_of(report)["lead_id"]) == ("ours-12", "L-85")


@pytest.mark.parametrize("state", ["aGF2ZSBhIG5pY2UgZGF5ID1d", "%%", "W10=", 5, "e" * 9_000])
def test_a_client_state_of_the_users_own_is_left_alone(state: object) -> None:
    payload = case("telnyx", "completed")
    payload["data"]["payload"]["client_state"] = state
    report = telnyx.read(payload).reports[0]
    assert (report.call_id, report.known_call) == ("v3:tx-101", False)


def test_a_number_hidden_in_the_client_state_is_not_kept() -> None:
    payload = case("telnyx", "completed")
    state = base64.b64encode(b'{"call_id": "ours-1", "lead_id": "+919812345678"}').decode()
    payload["data"]["payload"]["client_state"] = state
    delivery = telnyx.read(payload)
    assert "lead_id" not in facts_of(delivery.reports[0])
    assert delivery.refused == {"data.payload.client_state.lead_id": "holds a phone number"}


def test_a_machine_that_was_noticed_outweighs_a_normal_hangup() -> None:
    machine, hangup = (document_of(read("telnyx", name).reports[0]) for name in ("machine", "completed"))
    for call in (merge(machine, hangup), merge(hangup, machine)):
        assert (call["end_reason"], call["status"]) == ("voicemail", "no_answer")


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("declined", "declined", "no_answer"),
        ("failed", "carrier_failed", "failed"),
    ],
)
def test_other_ends(name: str, end_reason: str, status: str) -> None:
    told = facts("telnyx", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_recording_and_cost_come_later() -> None:
    assert facts("telnyx", "recording")["links"] == {"recording": "https://rec.telnyx.example/101.mp3"}
    assert dollars(facts("telnyx", "cost")["cost"]) == {"telephony": 0.0102}
