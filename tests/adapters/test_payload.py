"""Foreign values are read as what they are, and what cannot be used is named and left out."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.adapters.payload import MOST_UNKNOWN, Payload, began, ended, unwrapped

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-02T12:00:00Z",
        "2026-11-02T17:30:00+05:30",
        "2026-11-02 12:00:00",
        "Mon, 02 Nov 2026 12:00:00 +0000",
        1793620800,
        1793620800000,
        "1793620800000",
        1793620800000000,
    ],
)
def test_a_moment_is_understood_however_it_is_written(value: object) -> None:
    assert Payload({"at": value}).moment("at") == NOON


def test_a_time_without_a_zone_is_taken_in_that_of_the_vendor() -> None:
    payload = Payload({"at": "2026-11-02 17:30:00", "named": "2026-11-02 12:00:00+00:00"})
    india = ZoneInfo("Asia/Kolkata")
    assert (payload.moment("at", india), payload.moment("named", india)) == (NOON, NOON)


@pytest.mark.parametrize(
    "value", ["yesterday", "0001-01-01T00:00:00Z", 12, "1e400", {}, [1], "9999-99-99", "Mon, 99"], ids=str
)
def test_what_is_no_moment_is_left_out_and_named(value: object) -> None:
    payload = Payload({"call": {"at": value}})
    assert payload.part("call").moment("at") is None
    assert payload.refused == {"call.at": "is no moment"}


def test_a_number_of_thousands_of_digits_is_nothing() -> None:
    payload = Payload({"at": 10**5_000})
    assert (payload.moment("at"), payload.text("at"), payload.number("at")) == (None, None, None)


@pytest.mark.parametrize(
    ("reader", "value", "reason"),
    [
        ("number", -1, "is negative"),
        ("number", "many", "is no number"),
        ("number", 1e400, "is not finite"),
        ("number", int("9" * 400), "is no number"),
        ("number", [1], "is no number"),
        ("count", 1.5, "is no whole number"),
        ("flag", "perhaps", "is neither true nor false"),
        ("text", {"a": 1}, "is no text"),
        ("identifier", "x" * 257, "is longer than 256 characters"),
        ("link", "javascript:alert(1)", "is no web address, or too long a one"),
        ("link", "https://" + "x" * 2_000, "is no web address, or too long a one"),
        ("milliseconds", 3_600_001, "is more than an hour"),
        ("seconds", "1:2:3", "is no number"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_path(reader: str, value: object, reason: str) -> None:
    payload = Payload({"field": value})
    assert getattr(payload, reader)("field") is None
    assert payload.refused == {"field": reason}


@pytest.mark.parametrize("value", [None, "", "null", "N/A", "  ", True])
def test_a_word_for_nothing_is_nothing(value: object) -> None:
    payload = Payload({"field": value})
    assert (payload.text("field"), payload.number("field"), payload.refused) == (None, None, {})


def test_money_that_is_charged_may_be_written_below_nothing() -> None:
    assert Payload({"price": "-0.0140"}).amount("price") == 0.014
    assert Payload({"cents": 31.5}).amount("cents", 0.01) == 0.315


def test_a_span_is_seconds_or_hours_minutes_and_seconds() -> None:
    payload = Payload({"a": "00:01:40", "b": "100", "c": 100.5, "d": "01:00:00.5"})
    assert [payload.seconds(path) for path in "abcd"] == [100, 100, 100.5, 3600.5]


def test_no_text_id_or_link_keeps_a_number_that_is_withheld() -> None:
    """Wherever the lead's number turns up again, and with the country or without."""
    payload = Payload(
        {
            "to": "+91 98123 45678",
            "custom": "lead-9812345678",
            "link": "https://rec.example/919812345678.wav",
            "reason": "could not reach +919812345678",
            "other": "L-77",
        }
    )
    payload.withhold("to")
    assert payload.identifier("custom") is None
    assert payload.link("link") is None
    assert payload.refused == dict.fromkeys(("custom", "link"), "holds a phone number")
    assert "9812345678" not in (payload.reason("reason") or "")
    assert payload.text("other") == "L-77"


def test_fields_that_nobody_asked_for_are_named() -> None:
    payload = Payload(
        {"id": 1, "call": {"a": 1, "b": 2, "list": [{"c": 3, "d": 4}]}, "meta": {"x": {"y": 1}}}
    )
    payload.known("meta")
    payload.get("id")
    payload.part("call").get("a")
    assert [part.get("c") for part in payload.part("call").parts("list")] == [3]
    assert payload.unknown() == ("call.b", "call.list[].d")


def test_a_field_that_is_named_by_a_phone_number_is_not_named() -> None:
    payload = Payload({"to": "+919812345678", "calls": {"9812345678": 1, "other": 2}})
    payload.withhold("to")
    assert payload.unknown() == ("(a field named by a phone number)", "calls.other")


def test_unknown_fields_are_named_up_to_a_limit_however_many_and_deep() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    assert len(Payload({f"k{n}": n for n in range(10_000)}).unknown()) == MOST_UNKNOWN
    assert [len(path) < 60 for path in Payload({"deep": deep}).unknown()] == [True]


def test_an_object_in_json_text_is_read_as_one() -> None:
    payload = Payload({"data": '{"id": "a1"}', "broken": "{", "deep": "{" * 5_000})
    assert payload.part("data").text("id") == "a1"
    assert payload.part("broken").text("id") is payload.part("deep").text("id") is None
    assert unwrapped({"data": '{"id": 1}'}, "data") == {"id": 1}
    assert unwrapped({"id": 1}, "data") == {"id": 1}


def test_results_with_a_name_each_are_read_by_it() -> None:
    payload = Payload({"results": {"u1": {"name": "qualification", "value": "yes"}, "u2": {"no": 1}}})
    assert payload.named("results", "name", "value").text("qualification") == "yes"


def test_a_call_without_a_start_or_a_length_has_no_end() -> None:
    assert ended(NOON, 60) == datetime(2026, 11, 2, 12, 1, tzinfo=UTC)
    assert began(NOON, 60) == datetime(2026, 11, 2, 11, 59, tzinfo=UTC)
    assert [ended(None, 1), ended(NOON, None), began(NOON, 1e300)] == [None, None, None]
    assert [ended(NOON, 9_840_117_362), began(NOON, 9_840_117_362)] == [None, None]  # no call is then
