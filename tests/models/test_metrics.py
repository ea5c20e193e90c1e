"""What a call has to be: refused before it is recorded, in words that name the field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.models.metrics import CallMetrics

START = datetime(2024, 10, 24, 10, tzinfo=UTC)
CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE


def call(**fields: object) -> CallMetrics:
    usual = {"call_id": "call_1", "start_time": START, "status": "completed", "direction": "outbound"}
    return CallMetrics.model_validate({**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "lost"}, "status"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"end_time": START - timedelta(seconds=1)}, "end_time is before start_time"),
        ({"end_time": START + timedelta(days=8)}, "end_time is more than 7 days after start_time"),
        (
            {"answered_at": START + timedelta(seconds=20), "duration_seconds": 7 * 86_400},
            "end_time is more than 7 days after start_time",
        ),
        ({"start_time": datetime(9999, 12, 31, 20, tzinfo=UTC)}, "outside the years 1970 to 2200"),
        ({"start_time": datetime(1, 1, 1)}, "outside the years 1970 to 2200"),  # noqa: DTZ001 (naive)
        ({"language": " "}, "language"),
        ({"cost": {"llm": -0.1}}, "cost.llm"),
        ({"cost": {"asr_cost": 1}}, "cost.asr_cost"),
        ({"errors": [{"type": ""}]}, "errors.0.type"),
        ({"errors": [{"type": "asr_timeout", "fault": "weather"}]}, "errors.0.fault"),
        ({"fault": "weather"}, "fault"),
        ({"qualification_seconds": -1}, "qualification_seconds"),
        ({"e2e_latency_ms": float("nan")}, "e2e_latency_ms"),
        ({"user_turns": -1}, "user_turns"),
        ({"language": "İ" * 32}, "language"),
        ({"asr_latency_ms": float("nan")}, "asr_latency_ms"),
        ({"metadata": CYCLE}, "cannot be written as JSON"),
        ({"metadata": {"text": "\ud800"}}, "cannot be written as JSON"),
        ({"metadata": {"n": 2**70}}, "cannot be written as JSON"),
        ({"sentiment": 0.5}, "sentiment"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        call(**fields)


def test_end_and_duration_follow_from_each_other() -> None:
    assert call(duration_seconds=90).end_time == START + timedelta(seconds=90)
    assert call(end_time=START + timedelta(seconds=90)).duration_seconds == 90


SECONDS = st.none() | st.sampled_from([0.0, 1.5, 604_800.0]) | st.floats(0, 604_800)


@given(SECONDS, SECONDS, SECONDS)
def test_a_call_that_is_taken_can_be_read_again(
    ringing: float | None, lasted: float | None, ended: float | None
) -> None:
    """Whatever is given of its times: one that is counted, but cannot be read, would be on no list."""

    def after(seconds: float | None) -> datetime | None:
        return None if seconds is None else START + timedelta(seconds=seconds)

    try:
        taken = call(answered_at=after(ringing), duration_seconds=lasted, end_time=after(ended))
    except ValidationError:
        return
    assert CallMetrics.model_validate(taken.model_dump()) == taken


def test_a_cost_of_which_nothing_is_known_is_none() -> None:
    assert [call(cost=cost).cost for cost in (None, {}, {"asr": None})] == [None, None, None]
    assert call(cost={"asr": 0.0}).model_dump(include={"cost"}, exclude_none=True) == {"cost": {"asr": 0.0}}


def test_metadata_nested_too_deep_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(60):
        nested = {"in": nested}
    with pytest.raises(ValidationError, match="more than 50 levels"):
        call(metadata=nested)


def test_an_error_may_be_named_by_its_type_alone_and_a_call_stored_by_version_1_is_read() -> None:
    by_type = call(errors=["asr_timeout", {"type": "llm_5xx", "fault": "provider"}])
    assert [(error.type, error.fault) for error in by_type.errors] == [
        ("asr_timeout", None),
        ("llm_5xx", "provider"),
    ]
    assert call(error_types=["asr_timeout"]).errors == call(errors=["asr_timeout"]).errors


@pytest.mark.parametrize(
    ("seconds", "duration"), [(42, 42_000), (42, 0.7), (3_600, 1), (100, 60), (0, 5), (60, 0), (7, 9.5)]
)
def test_a_duration_that_contradicts_start_and_end_is_refused(seconds: float, duration: float) -> None:
    """Milliseconds, minutes, or hours taken for seconds would be in every figure."""
    with pytest.raises(ValidationError, match=r"duration_seconds is .* s apart"):
        call(end_time=START + timedelta(seconds=seconds), duration_seconds=duration)


@pytest.mark.parametrize(
    ("seconds", "duration"), [(42.4, 42), (42.4, 43), (3_600, 3_590), (0, 0.4), (1, 2.9)]
)
def test_a_duration_that_was_rounded_or_measured_apart_is_taken(seconds: float, duration: float) -> None:
    """Another clock than that of start and end may have measured it."""
    made = call(end_time=START + timedelta(seconds=seconds), duration_seconds=duration)
    assert made.duration_seconds == duration


def test_metadata_that_mongodb_does_not_take_as_it_is_can_be_stored() -> None:
    """Integers beyond 64 bits, as ids of some platforms are, and NUL in names; all else is left as it is."""
    given = {"id": 2**64 - 1, "a\0b": [{"\0": -(2**63)}], "$x": {"a.b": 2**63 - 1}, "n": "\0", "": None}
    assert call(metadata=given).metadata == {
        "id": "18446744073709551615",
        "a\N{SYMBOL FOR NULL}b": [{"\N{SYMBOL FOR NULL}": -(2**63)}],
        "$x": {"a.b": 2**63 - 1},
        "n": "\0",
        "": None,
    }


@pytest.mark.parametrize("field", ["call_id", "lead_id", "language", "campaign", "end_reason", "metadata"])
def test_half_a_character_is_refused_when_the_call_is_made(field: str) -> None:
    """No database, file or answer could hold it: the call would be lost."""
    value: object = {"a": "\ud800"} if field == "metadata" else "\ud800"
    with pytest.raises(ValidationError, match=field):
        call(**{field: value})
