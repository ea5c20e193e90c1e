"""What holds for every vendor: payloads are read whole, nothing personal is kept, and nothing breaks it."""

import copy
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest

from core.adapters.delivery import Delivery, RefusedDeliveryError
from core.adapters.sources import SOURCES
from core.models.calls.endings import ENDINGS
from core.models.calls.reports import Role
from core.storage.recording.merging import document_of, merge
from tests.adapters.cases import PERSONAL, case, cases, facts_of, read, text_of

SAYS_NOTHING = {
    ("vapi", "speech"),
    ("retell", "chat"),
    ("bolna", "queued"),
    ("elevenlabs", "audio"),
    ("telnyx", "speak"),
    ("knowlarity", "dtmf"),
}
HOSTILE: tuple[Any, ...] = (
    None,
    "",
    "x" * 5_000,
    -1,
    1e308,
    10**400,
    9_840_117_362,  # seconds that end after the year 2200
    True,
    [],
    {},
    [[]],
    "2026-13-45",
    "\x00é{",
)


def test_the_sources_are_those_that_are_promised() -> None:
    platforms = {"vapi", "retell", "bolna", "elevenlabs", "sarvam", "dograh"}
    carriers = {"exotel", "plivo", "twilio", "telnyx", "ozonetel", "knowlarity", "tata"}
    assert {name for name, source in SOURCES.items() if source.role == Role.PLATFORM} == platforms
    assert {name for name, source in SOURCES.items() if source.role == Role.CARRIER} == carriers
    assert {name for name, source in SOURCES.items() if source.signed} == {
        *("vapi", "retell", "elevenlabs", "plivo", "twilio", "telnyx")
    }


@pytest.mark.parametrize("source", SOURCES)
def test_payloads_become_reports_of_their_source(source: str) -> None:
    for name in cases(source):
        delivery = read(source, name)
        assert bool(delivery.reports) != ((source, name) in SAYS_NOTHING), name
        assert all(turn.source == source for turn in delivery.turns), name
        for report in delivery.reports:
            assert (report.source, report.role) == (source, SOURCES[source].role), name
            facts = facts_of(report)
            assert facts.get("end_reason") in {None, *ENDINGS}, name
            if report.role == Role.CARRIER and report.stage >= 10:
                assert facts["provider_call_id"], name


@pytest.mark.parametrize("source", SOURCES)
def test_every_field_of_the_schema_is_known(source: str) -> None:
    """So that a field that turns up as unknown is one that the vendor added."""
    names = [name for name in cases(source) if name != "as_in_their_example"]
    assert {name: read(source, name).unknown for name in names} == dict.fromkeys(names, ())


@pytest.mark.parametrize("source", SOURCES)
def test_a_field_that_the_vendor_adds_is_named(source: str) -> None:
    payload = case(source, "completed") | {"brand_new_field": {"of": 2027}}
    if source == "ozonetel":
        payload = case(source, "as_json") | {"brand_new_field": {"of": 2027}}
    assert SOURCES[source].read(payload).unknown == ("brand_new_field.of",)


@pytest.mark.parametrize("source", SOURCES)
def test_no_number_name_transcript_or_key_is_kept(source: str) -> None:
    for name in cases(source):
        kept = repr(read(source, name))
        assert [word for word in PERSONAL if word in kept] == [], name


def test_there_is_something_personal_to_be_found() -> None:
    """Otherwise the test above would show nothing."""
    for source in SOURCES:
        assert sum(word in text_of(source) for word in PERSONAL) >= 2, source


@pytest.mark.parametrize("source", SOURCES)
def test_reading_is_pure(source: str) -> None:
    for name, payload in cases(source).items():
        before = copy.deepcopy(payload)
        first, again = SOURCES[source].read(payload), SOURCES[source].read(payload)
        assert payload == before, name
        assert [report.facts for report in first.reports] == [report.facts for report in again.reports], name


@pytest.mark.parametrize("source", SOURCES)
def test_a_payload_that_names_no_call_is_refused_with_the_field(source: str) -> None:
    with pytest.raises(RefusedDeliveryError, match="is missing"):
        SOURCES[source].read({})
    with pytest.raises(RefusedDeliveryError, match=r"is missing|is no text"):
        SOURCES[source].read({"message": 5, "data": [], "call": "x", "Call": None, "event": {}, "type": 1.5j})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))


def changed(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = dict(payload) if isinstance(payload, dict) else list(payload)
    copied[path[0]] = changed(payload[path[0]], path[1:], value)
    return copied


def tried(source: str, values: int) -> int:
    """Read a payload with each field in turn made something that it should not be; count what is taken."""
    payload = cases(source)["as_json" if source == "ozonetel" else "completed"]
    taken = 0
    for number, path in enumerate(list(leaves(payload))[1:]):
        for value in range(values):
            wrong = HOSTILE[(number + value) % len(HOSTILE)]
            try:
                delivery = SOURCES[source].read(changed(payload, path, wrong))
            except RefusedDeliveryError:
                continue
            assert isinstance(delivery, Delivery)
            taken += 1
    return taken


@pytest.mark.parametrize("source", SOURCES)
def test_a_wrong_value_anywhere_breaks_nothing(source: str) -> None:
    assert tried(source, 2) > 20


@pytest.mark.full
@pytest.mark.parametrize("source", SOURCES)
def test_any_wrong_value_anywhere_breaks_nothing(source: str) -> None:
    assert tried(source, len(HOSTILE)) > 100


@pytest.mark.parametrize("source", SOURCES)
def test_a_payload_that_is_nested_without_end_breaks_nothing(source: str) -> None:
    deep: Any = {}
    for _ in range(3_000):
        deep = {"metadata": deep, "data": [deep]}
    for payload in (
        case(source, "completed") | {"extra": deep},
        {"data": deep, "message": deep, "call": deep},
    ):
        try:
            assert isinstance(SOURCES[source].read(payload), Delivery)
        except RefusedDeliveryError as error:
            assert "missing" in str(error)  # noqa: PT017 (either is right)


CALLS = {
    "vapi": ("ringing", "in_progress", "completed"),
    "retell": ("started", "completed", "analyzed"),
    "bolna": ("in_progress", "disconnected", "completed"),
    "exotel": ("answered", "completed"),
    "plivo": ("ringing", "answered", "completed"),
    "twilio": ("initiated", "ringing", "answered", "completed"),
    "telnyx": ("initiated", "answered", "completed", "cost"),
}


@pytest.mark.parametrize("source", CALLS)
def test_the_events_of_a_call_make_the_same_call_in_whichever_order(source: str) -> None:
    reports = [report for name in CALLS[source] for report in read(source, name).reports]
    made = []
    for order in list(permutations(reports))[:120]:
        document = document_of(order[0])
        for report in order[1:]:
            document = merge(document, document_of(report))
        made.append(document)
    assert all(document == made[0] for document in made)
    assert made[0]["state"] == "final"
    assert made[0]["status"] == "completed"
    assert made[0]["start_time"] < made[0]["end_time"]


def test_a_call_of_twilio_begins_when_it_was_dialled_where_that_was_reported() -> None:
    """The last callback alone gives a call too, which then begins with the answer."""
    last = read("twilio", "completed").reports
    alone = merge(document_of(last[0]), document_of(last[1]))
    whole = merge(alone, document_of(read("twilio", "initiated").reports[0]))
    assert alone["start_time"] == alone["answered_at"]
    assert (whole["answered_at"] - whole["start_time"]).total_seconds() == 12
    assert whole["ring_seconds"] == 12
