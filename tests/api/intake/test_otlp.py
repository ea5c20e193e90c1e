"""Spans over HTTP: what an exporter sends is a call in the store, and what is no OTLP is refused."""

import gzip
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from pymongo.database import Database

from core.api.intake.bodies import MOST_BYTES
from core.settings import get_settings
from core.storage.collections import CALLS, TURNS
from core.types import Document

RECORDED = (Path(__file__).parents[2] / "adapters" / "recorded" / "pipecat_spans.pb").read_bytes()
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
WRITES, READS, SENDS = "w" * 32, "r" * 32, "s" * 32


def pieces() -> list[bytes]:
    """The recorded spans one by one, each as a request of its own, the last first."""
    whole = ExportTraceServiceRequest.FromString(RECORDED)
    found = []
    for group in whole.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                one = ExportTraceServiceRequest()
                one.resource_spans.add().scope_spans.add().spans.append(span)
                found.append(one.SerializeToString())
    return found[::-1]


@pytest.mark.parametrize("packed", [False, True])
def test_an_export_is_a_call_with_its_turns(
    client: TestClient, database: Database[Document], packed: bool
) -> None:
    """Twice changes nothing."""
    body = gzip.compress(RECORDED) if packed else RECORDED
    headers = PROTOBUF | ({"Content-Encoding": "gzip"} if packed else {})
    for _ in range(2):
        answer = client.post("/v1/traces", content=body, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    (call,) = database[CALLS].find()
    assert (call["_id"], call["status"], call["lead_id"]) == ("call_interrupted", "completed", "lead_7")
    assert (call["state"], call["total_turns"]) == ("final", 3)
    turns = database[TURNS].find().sort("turn").to_list()
    assert [(turn["turn"], turn["interrupted"], turn["source"]) for turn in turns] == [
        (1, False, "otlp"),
        (2, True, "otlp"),
        (3, False, "otlp"),
    ]


def test_spans_in_pieces_make_the_same_call(client: TestClient, database: Database[Document]) -> None:
    for piece in pieces():
        assert client.post("/v1/traces", content=piece, headers=PROTOBUF).status_code == 200
    (call,) = database[CALLS].find()
    assert (call["status"], call["total_turns"], call["language"]) == ("completed", 3, "hindi")
    assert database[TURNS].count_documents({"e2e_ms": {"$ne": None}}) == 2


def test_spans_that_cannot_be_used_are_counted_and_the_others_taken(
    client: TestClient, database: Database[Document]
) -> None:
    good = {
        "traceId": "0c",
        "spanId": "0d",
        "name": "conversation",
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000060000000000",
        "attributes": [{"key": "conversation.id", "value": {"stringValue": "call_9"}}],
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [good, {"spanId": "0e"}]}]}]}
    answer = client.post("/v1/traces", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert [row["_id"] for row in database[CALLS].find()] == ["call_9"]


def test_a_fact_that_no_call_can_have_is_named_and_the_call_taken(
    client: TestClient, database: Database[Document]
) -> None:
    """In the answer and in the log, without its value: an exporter has nobody else to tell."""
    told = {"conversation.id": "call_9", "direction": "sideways", "campaign": "c" * 300, "lead_id": "lead_9"}
    span = {
        "traceId": "0c",
        "spanId": "0d",
        "name": "conversation",
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000060000000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = client.post("/v1/traces", content=json.dumps(body), headers=JSON)
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "0"
    assert "left out campaign: String should have at most 128 characters" in partial["errorMessage"]
    assert "left out direction: Input should be 'inbound' or 'outbound'" in partial["errorMessage"]
    assert "sideways" not in partial["errorMessage"]
    (call,) = database[CALLS].find()
    assert (call["_id"], call["lead_id"]) == ("call_9", "lead_9")


@pytest.mark.parametrize(
    ("body", "headers"), [(b"{}", JSON), (b'{"resourceSpans": null}', JSON), (b"", PROTOBUF)]
)
def test_an_export_of_nothing_is_taken(
    client: TestClient, database: Database[Document], body: bytes, headers: dict[str, str]
) -> None:
    """As OTLP allows it, and exporters send it."""
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert (answer.status_code, answer.content in {b"", b"{}"}) == (200, True)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x", {"Content-Type": "text/plain"}, 415),
        (b"x", PROTOBUF | {"Content-Encoding": "zstd"}, 415),
        (b"x", JSON, 400),
        (b"\xff\xff", PROTOBUF, 400),
        (b"x", JSON | {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}" * 1_000)[:-9], JSON | {"Content-Encoding": "gzip"}, 400),
        (b" " * (MOST_BYTES + 1), JSON, 413),
        (gzip.compress(b" " * (MOST_BYTES + 1)), JSON | {"Content-Encoding": "gzip"}, 413),
    ],
    ids=(
        "a text",
        "zstd",
        "no JSON",
        "no protobuf",
        "no gzip",
        "half a gzip",
        "too long",
        "too long unpacked",
    ),
)
def test_what_is_no_export_is_refused(
    client: TestClient, database: Database[Document], body: bytes, headers: dict[str, str], status: int
) -> None:
    """A small body that unpacks to a huge one too."""
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_a_key_that_may_send_sends_spans(
    client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEYS", READS)
    monkeypatch.setenv("API_WRITE_KEYS", WRITES)
    monkeypatch.setenv("API_INGEST_KEYS", SENDS)
    get_settings.cache_clear()
    asked = {
        key: client.post("/v1/traces", content=RECORDED, headers=PROTOBUF | {"X-API-Key": key}).status_code
        for key in ("", READS, WRITES, SENDS)
    }
    assert asked == {"": 401, READS: 403, WRITES: 200, SENDS: 200}
