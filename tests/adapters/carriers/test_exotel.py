"""What Exotel posts of a call."""

import pytest

from core.adapters.carriers import exotel
from tests.adapters.cases import case, facts, facts_of, read


def test_a_call_is_told_with_its_times_in_india() -> None:
    told = facts("exotel", "completed")
    assert told["start_time"].isoformat() == "2026-11-02T05:30:02+00:00"
    assert (told["status"], told["talk_seconds"], told["provider_call_id"]) == ("completed", 118, "ex-71")
    assert told["links"]["recording"].startswith("https://")


@pytest.mark.parametrize(("name", "call_id"), [("completed", "ours-7"), ("completed_json", "ours-8")])
def test_our_own_id_comes_back_in_the_custom_field(name: str, call_id: str) -> None:
    """As it is, or in a JSON object, which has room for the lead and the campaign."""
    report = read("exotel", name).reports[0]
    assert (report.call_id, report.known_call) == (call_id, True)


def test_a_phone_number_in_the_custom_field_is_no_id() -> None:
    delivery = read("exotel", "phone_as_custom_field")
    assert (delivery.reports[0].call_id, delivery.reports[0].known_call) == ("ex-77", False)
    assert delivery.refused == {"CustomField": "holds a phone number"}


@pytest.mark.parametrize(
    ("name", "end_reason", "status"),
    [
        ("no_answer", "no_answer", "no_answer"),
        ("busy", "busy", "no_answer"),
        ("failed", "carrier_failed", "failed"),
        ("unanswered_but_completed", "no_answer", "no_answer"),
    ],
)
def test_calls_without_a_conversation(name: str, end_reason: str, status: str) -> None:
    told = facts("exotel", name)
    assert (told["end_reason"], told["status"]) == (end_reason, status)


def test_the_end_that_a_passthru_always_gives_is_none() -> None:
    delivery = read("exotel", "passthru")
    told = facts_of(delivery.reports[0])
    assert (delivery.live, delivery.refused) == ("started", {})
    assert (told["talk_seconds"], "end_time" in told, "status" in told) == (42, False, False)


def test_details_that_come_later_add_the_price_in_rupees() -> None:
    report = read("exotel", "details").reports[0]
    assert (report.stage, facts_of(report)["cost"]) == (70, {"telephony": 1.2})


def test_the_plain_callback_ends_a_call_though_it_has_no_start() -> None:
    plain = {
        "CallSid": "ex-1",
        "Status": "completed",
        "DateUpdated": "2026-11-02 11:00:00",
        "RecordingUrl": "",
    }
    told = facts_of(exotel.read(plain).reports[0])
    assert told["status"] == "completed"
    assert not {"start_time", "end_time", "end_reason"} & told.keys()


def test_a_call_in_a_queue_is_none_yet() -> None:
    assert exotel.read(case("exotel", "completed") | {"Status": "queued", "EventType": ""}).reports == ()


@pytest.mark.parametrize("number", ["9812345678", "+919812345678", "09812345678", "+91 98123 45678"])
def test_a_phone_number_is_never_our_own_id(number: str) -> None:
    """Whoever has no id at hand sends the lead's number, whether the payload names it elsewhere or not."""
    payload = {**case("exotel", "completed"), "CustomField": number, "From": "0804", "To": "0805"}
    (*_, told) = exotel.read(payload).reports
    assert told.call_id == payload["CallSid"]
    assert not told.known_call
    assert number[-10:].replace(" ", "") not in told.model_dump_json().replace(" ", "")


def test_a_call_of_a_campaign_is_told() -> None:
    told = facts("exotel", "campaign")
    assert (told["direction"], told["status"], told["campaign"]) == ("outbound", "no_answer", "camp-x")
    assert (told["provider_call_id"], told["start_time"].isoformat()) == (
        "EX-71",
        "2026-11-02T05:30:00+00:00",
    )
