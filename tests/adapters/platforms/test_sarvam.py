"""What Sarvam posts of a call."""

import pytest

from tests.adapters.cases import facts, read


def test_an_attempt_of_a_campaign_is_told() -> None:
    told = facts("sarvam", "completed")
    assert (told["status"], told["direction"], told["attempt"]) == ("completed", "outbound", 2)
    assert (told["campaign"], told["purpose"], told["lead_id"]) == ("camp-s", "sales", "L-81")
    assert (told["end_time"] - told["start_time"]).total_seconds() == 45.2
    assert (told["qualification"], told["qualification_completed"]) == ("public_secured", True)


def test_who_hung_up_is_not_made_up() -> None:
    assert "end_reason" not in facts("sarvam", "completed")


def test_a_call_that_came_in_is_told() -> None:
    told = facts("sarvam", "inbound")
    assert (told["direction"], told["talk_seconds"]) == ("inbound", 16)
    assert read("sarvam", "inbound").reports[0].call_id == "int-52"


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("busy", "busy", "no_answer"),
        ("failed", "carrier_failed", "failed"),
    ],
)
def test_an_attempt_that_did_not_connect(name: str, end_reason: str, status: str) -> None:
    told = facts("sarvam", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


@pytest.mark.parametrize(
    ("name", "status", "end_reason"),
    [
        ("instant_connected", "completed", None),
        ("instant_no_answer", "no_answer", "no_answer"),
        ("instant_failed", "failed", "carrier_failed"),
    ],
)
def test_an_instant_outbound_call_is_no_answered_call_that_came_in(
    name: str, status: str, end_reason: str | None
) -> None:
    delivery, told = read("sarvam", name), facts("sarvam", name)
    assert (told["direction"], told["status"], told.get("end_reason")) == ("outbound", status, end_reason)
    assert (delivery.reports[0].call_id, told["lead_id"]) == ("ours-61", "L-81")
    assert delivery.unknown == ()
