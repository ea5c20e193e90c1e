"""An agent in any language reports over HTTP."""

from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.api.intake.bodies import MOST_BYTES
from core.api.intake.items import MOST_ITEMS
from core.storage.recording.active_calls import list_active
from core.storage.recording.service_minutes import writer
from core.types import Document
from tests.api.intake.conftest import READING, SENDING, WRITING, call, send
from tests.api.test_routes import ANALYTICS

PATHS = ("calls", "turns", "service-calls", "active-calls")


def test_a_call_that_is_answered_202_is_stored(keyed: TestClient, database: Database[Document]) -> None:
    """One or many; a time without a zone is taken in TIMEZONE, as the models do."""
    naive = call("call_2", start_time="2026-11-20 15:30:00")
    assert send(keyed, "calls", call()).json() == {"accepted": 1, "refused": []}
    answer = send(keyed, "calls", [naive, call("call_3", usage=[{"kind": "llm", "provider": "openai"}])])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    stored = {row["_id"]: row for row in database["calls"].find()}
    assert set(stored) == {"call_1", "call_2", "call_3"}
    assert stored["call_2"]["start_time"].isoformat() == "2026-11-20T10:00:00+00:00"


def test_the_same_again_changes_nothing_and_more_of_it_replaces(
    keyed: TestClient, database: Database[Document]
) -> None:
    for score in (None, None, 0.5):
        assert send(keyed, "calls", call(sentiment_score=score)).status_code == 202
    (stored,) = database["calls"].find()
    assert stored["sentiment_score"] == 0.5
    twice = [call("twice", total_turns=1), call("twice", total_turns=2)]
    assert send(keyed, "calls", twice).json()["accepted"] == 2
    assert database["calls"].find_one({"_id": "twice"}, {"total_turns": 1}) == {
        "_id": "twice",
        "total_turns": 2,
    }


def test_a_report_fills_in_what_its_source_knows(keyed: TestClient, database: Database[Document]) -> None:
    """By the carrier's own id too, whichever comes first."""
    facts = {"ring_seconds": 7, "hangup_by": "customer", "cost": {"telephony": 0.8}}
    report = {"call_id": "ex-9", "source": "exotel", "role": "carrier", "known_call": False, "facts": facts}
    assert send(keyed, "calls", call(provider_call_id="ex-9")).status_code == 202
    assert send(keyed, "calls", [report]).json()["accepted"] == 1
    (stored,) = database["calls"].find()
    assert (stored["_id"], stored["ring_seconds"], stored["cost"]["telephony"]) == ("call_1", 7, 0.8)


def test_a_report_from_a_wrong_clock_does_not_outlive_the_later_ones(
    keyed: TestClient, database: Database[Document]
) -> None:
    """A year ahead, it would be the last word for a year; it is taken for the time when it came, and told."""
    report = {"call_id": "call_1", "source": "exotel", "role": "carrier", "stage": 60}
    wrong = report | {"at": "2035-01-01T00:00:00Z", "facts": {"cost": {"telephony": 9}}}
    (changed,) = send(keyed, "calls", [call(), wrong]).json()["changed"]
    assert (changed["index"], changed["field"]) == (1, "at")
    assert "ahead of the clock" in changed["reason"]
    for price in (0.8, 0.9):
        assert (
            "changed" not in send(keyed, "calls", report | {"facts": {"cost": {"telephony": price}}}).json()
        )
    (stored,) = database["calls"].find()
    assert stored["cost"] == {"telephony": 0.9}


def test_an_unknown_field_is_named_with_the_nearest_that_there_is(keyed: TestClient) -> None:
    """At any depth, of a call, a report or a turn; and an empty array is no success."""
    for path, item, field, near in (
        ("calls", call(durations_seconds=3), "durations_seconds", "duration_seconds"),
        ("calls", call(cost={"telephone": 1}), "cost.telephone", "telephony"),
        ("turns", {"call_id": "c", "turn": 1, "llm_tft_ms": 3}, "llm_tft_ms", "llm_ttft_ms"),
    ):
        (refused,) = send(keyed, path, item).json()["refused"]
        assert refused["field"] == field
        assert refused["reason"] == f"is not a known field; did you mean {near}?"
    (far,) = send(keyed, "calls", call(zzz=1)).json()["refused"]
    assert far["reason"] == "is not a known field"
    nothing = send(keyed, "calls", [])
    assert (nothing.status_code, "the array is empty" in nothing.text) == (422, True)


def test_turns_requests_and_signs_of_life_arrive(keyed: TestClient, database: Database[Document]) -> None:
    turn = {"call_id": "call_1", "turn": 1, "e2e_ms": 950}
    sample = {"service": "deepgram", "operation": "listen", "duration_ms": 120, "error": "timeout"}
    begin = {"event": "started", "call_id": "call_1", "direction": "inbound", "campaign": "festive"}
    assert send(keyed, "turns", [turn, turn]).json()["accepted"] == 2
    assert database["turns"].count_documents({}) == 1
    assert send(keyed, "service-calls", [sample] * 3).json()["accepted"] == 3
    (minute,) = database["service_minutes"].find()
    assert (minute["count"], minute["errors"]) == (3, {"timeout": 3})
    assert send(keyed, "active-calls", begin).status_code == 202
    assert send(keyed, "active-calls", {"event": "heartbeat", "call_id": "call_1"}).status_code == 202
    assert [one.campaign for one in list_active(database)] == ["festive"]
    assert send(keyed, "active-calls", {"event": "ended", "call_id": "call_1"}).status_code == 202
    assert list_active(database) == []
    writer.flush()


def test_the_good_items_of_a_batch_are_stored_and_the_others_named(
    keyed: TestClient, database: Database[Document]
) -> None:
    """With index, field and reason; a batch without a good one is 422."""
    bad = [call("b", status="gone"), {"call_id": "c"}, 7, call("d", cost={"asr": -1})]
    answer = send(keyed, "calls", [call("a"), *bad])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    named = {(one["index"], one["field"]) for one in answer.json()["refused"]}
    assert named == {
        (1, "status"),
        (2, "start_time"),
        (2, "status"),
        (2, "direction"),
        (3, ""),
        (4, "cost.asr"),
    }
    assert all(one["reason"] for one in answer.json()["refused"])
    assert database["calls"].distinct("_id") == ["a"]
    none = send(keyed, "calls", bad)
    assert (none.status_code, none.headers["content-type"]) == (422, "application/problem+json")
    assert {one["index"] for one in none.json()["refused"]} == {0, 1, 2, 3}


def test_half_a_character_or_no_number_costs_no_other_item(
    keyed: TestClient, database: Database[Document]
) -> None:
    """JavaScript cuts texts within an emoji, and Python writes NaN; neither may refuse a whole batch."""
    items = [call("a"), call("cut", purpose="sale CUT"), call("b", purpose="NaN"), call("c", purpose=0)]
    body = orjson.dumps([*items, call("d", cost={"asr": 0})])
    for plain, odd in (
        (b"sale CUT", rb"sale \ud83d\\ud83d\ud83d\ude00"),
        (b'"purpose":0', b'"purpose":NaN'),
        (b'"asr":0', b'"asr":1e999'),
    ):
        body = body.replace(plain, odd)
    headers = {"X-API-Key": SENDING, "Content-Type": "application/json"}
    answer = keyed.post("/api/v1/calls", content=body, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert [tuple(one.values()) for one in answer.json()["refused"]] == [
        (3, "purpose", "is no number that JSON has"),
        (4, "cost.asr", "is no number that JSON has"),
    ]
    stored = {row["_id"]: row.get("purpose") for row in database["calls"].find()}
    assert stored == {"a": None, "cut": "sale \ufffd\\ud83d\N{GRINNING FACE}", "b": "NaN"}


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("calls", "qualification_completed", 1),
        ("calls", "talk_seconds", "95"),
        ("calls", "total_turns", True),
        ("calls", "start_time", 1_732_000_000),
        ("calls", "start_time", "1732000000"),
        ("calls", "compliance", {"opt_out": 0}),
        ("calls", "end_time", "0093-10-04T22:32:31Z"),
        ("service-calls", "at", 0),
    ],
)
def test_a_value_of_another_type_is_refused(keyed: TestClient, path: str, field: str, value: object) -> None:
    """A flag of 1 or a time of seconds might be meant otherwise; the document says what is taken."""
    whole = call() if path == "calls" else {"service": "api", "operation": "GET /", "duration_ms": 5}
    answer = send(keyed, path, whole | {field: value})
    assert answer.status_code == 422
    assert answer.json()["refused"][0]["field"].startswith(field)


GARBAGE = (
    (b"", 400, "not JSON"),
    (b"{", 400, "not JSON"),
    (b'{"call_id": NaN}', 422, "call_id: is no number that JSON has"),
    (b"\xff\xfe", 400, "not JSON"),
    (b'"text"', 422, "neither an object nor an array"),
    (b"[" * 10_000 + b"]" * 10_000, 422, "nested"),
    (b'{"metadata":' + b"[" * 500 + b"]" * 500 + b"}", 422, "nested"),
    (b"[" + b",".join([b"{}"] * (MOST_ITEMS + 1)) + b"]", 422, "1,001 items"),
    (b"[" + b"[]," * 300_000 + b"[]]", 422, "values"),
    (b" " * (MOST_BYTES + 1), 413, "10 MB"),
)


def test_garbage_is_refused_with_the_reason(keyed: TestClient) -> None:
    """Whatever it is: cut, too deep, too many, too much."""
    for body, status, says in GARBAGE:
        for path in PATHS[:2] if len(body) < 1_000_000 else PATHS[:1]:
            answer = keyed.post(f"/api/v1/{path}", content=body, headers={"X-API-Key": SENDING})
            assert (answer.status_code, answer.headers["content-type"]) == (
                status,
                "application/problem+json",
            )
            assert says in answer.json()["detail"]


def test_only_json_is_taken_and_not_packed(keyed: TestClient) -> None:
    for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Encoding": "gzip"}):
        sent = {"X-API-Key": SENDING, **headers}
        assert keyed.post("/api/v1/calls", content=orjson.dumps(call()), headers=sent).status_code == 415


def test_a_key_that_sends_reads_nothing_and_one_that_reads_sends_nothing(
    keyed: TestClient, database: Database[Document]
) -> None:
    def status(key: str | None) -> tuple[int, int, int]:
        headers = {"X-API-Key": key} if key else {}
        return (
            keyed.post("/api/v1/calls", json=call(), headers=headers).status_code,
            keyed.get(f"{ANALYTICS}/alerts", headers=headers).status_code,
            keyed.get("/openapi.json", headers=headers).status_code,
        )

    assert status(READING) == (403, 200, 200)
    assert database["calls"].count_documents({}) == 0
    assert status(SENDING) == (202, 403, 403)
    assert status(WRITING) == (202, 200, 200)
    assert status(None) == (401, 401, 401)
    assert keyed.get("/readyz", headers={"X-API-Key": SENDING}).json()["store"].count("/") == 0


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/call", "there is no such path"),
        ("/v1/metrics", "there is no such path"),
        ("/api/v1/calls/", "did you mean /api/v1/calls?"),
        ("/v1/traces/", "did you mean /v1/traces?"),
    ],
)
def test_a_misspelt_path_is_not_said_to_take_no_body(keyed: TestClient, path: str, says: str) -> None:
    answer = keyed.post(path, json=call(), headers={"X-API-Key": SENDING})
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert says in answer.json()["detail"]


def test_a_misspelt_parameter_is_refused(keyed: TestClient) -> None:
    assert send(keyed, "calls?dry_run=1", call()).status_code == 422


def test_the_document_describes_what_is_taken(keyed: TestClient) -> None:
    """Every reference leads somewhere, one object or an array of them."""
    document = keyed.get("/openapi.json", headers={"X-API-Key": READING}).json()
    schemas = document["components"]["schemas"]
    text = orjson.dumps(document).decode()
    refs = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert refs - set(schemas) == set()

    def item_of(path: str) -> Any:
        body = document["paths"][f"/api/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]
        one, many = body["schema"]["anyOf"]
        assert (many["items"], many["maxItems"]) == (one, MOST_ITEMS)
        return one

    assert len(item_of("calls")["anyOf"]) == 2
    assert set(schemas["CallMetricsInput"]["required"]) == {"call_id", "start_time", "status", "direction"}
    for path in PATHS:
        assert item_of(path)
        assert {"202", "400", "401", "403", "413", "415", "422", "503"} <= set(
            document["paths"][f"/api/v1/{path}"]["post"]["responses"]
        )
    assert "/hooks/{source}" in document["paths"]
