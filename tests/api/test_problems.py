"""Whatever is refused or fails is said in one form, and the document of the API knows it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.clock import local_today
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call
from tests.storage.archive.test_mover import recorded_long_ago

ODD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
PATHS = st.sampled_from(
    ["metrics", "metrics/daily/{}", "metrics/range", "calls", "alerts", "{}", "metrics/{}/x"]
)
AGGREGATE = f"{ANALYTICS}/metrics/aggregate"


def is_problem(answer: Any) -> bool:
    """Whether an answer is what RFC 9457 asks for."""
    problem = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and isinstance(problem["detail"], str)
        and problem["status"] == answer.status_code
        and {"type", "title"} <= set(problem)
        and "ctx" not in answer.text
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=PATHS,
    part=ODD,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    query=st.dictionaries(
        st.sampled_from(["start_date", "end_date", "limit", "status", "x"]), ODD, max_size=3
    ),
)
def test_every_refusal_has_the_same_form(
    client: TestClient, path: str, part: str, method: str, query: dict[str, str]
) -> None:
    """Clients read one form of error, whatever they did wrong."""
    answer = client.request(method, f"{ANALYTICS}/{path.format(quote(part, safe=''))}", params=query)
    assert answer.status_code < 500
    assert answer.status_code < 400 or is_problem(answer)


def test_a_wrong_parameter_is_named_in_words_and_by_place(client: TestClient) -> None:
    """People read the text, programs the list."""
    answer = client.get(f"{ANALYTICS}/metrics/range?start_date=2024-10-24&status=lost&language={'x' * 99}")
    problem = answer.json()
    assert [error["loc"] for error in problem["errors"]] == [["query", "status"], ["query", "language"]]
    assert "status: " in problem["detail"]
    assert "language: " in problem["detail"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("metrics/range?start_date=2200-12-31", ["query", "start_date"]),
        ("metrics/range?start_date=2024-10-24&end_date=2024-10-23", ["query", "end_date"]),
        ("metrics/range?start_date=1971-01-01", ["query", "start_date"]),
        ("metrics/daily/2200-12-31", ["path", "day"]),
        ("calls?start_date=2024-10-24&min_cost=5&max_cost=1", ["query", "min_cost"]),
        ("calls?start_date=2024-10-24&limit=1001", ["query", "limit"]),
    ],
)
def test_a_parameter_that_is_wrong_only_beside_others_is_named_too(
    client: TestClient, path: str, named: list[str]
) -> None:
    """Days to come, ranges the wrong way round and what is too much: as any other mistake."""
    answer = client.get(f"{ANALYTICS}/{path}")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [named]
    assert answer.json()["detail"].startswith(f"{named[1]}: ")


@pytest.mark.parametrize("content", [b"x", b"{}", b"[" * 100_000, b"0" * 5_000_000])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_where_none_belongs_is_refused(
    client: TestClient, database: Database[Document], method: str, content: bytes
) -> None:
    """It is neither read to its end nor passed over."""
    day = "metrics/aggregate/2024-10-24" if method == "POST" else "metrics/daily/2024-10-24"
    answer = client.request(method, f"{ANALYTICS}/{day}", content=content)
    assert (answer.status_code, is_problem(answer)) == (400, True)
    assert database["daily_metrics"].count_documents({}) == 0


@pytest.mark.parametrize("content", [None, b"{}"], ids=["without a body", "with a body"])
def test_a_method_that_a_path_does_not_take_is_405(client: TestClient, content: bytes | None) -> None:
    """With a body too: the method is what has to be put right."""
    for path in ("/api/v1/calls", "/v1/traces", "/hooks/vapi", f"{ANALYTICS}/alerts"):
        answer = client.request("TRACE", path, content=content)
        assert (answer.status_code, is_problem(answer)) == (405, True), path
        assert answer.headers["allow"]


def test_only_days_that_can_have_calls_are_aggregated(
    client: TestClient, database: Database[Document]
) -> None:
    """From the first call, archived or not, to today; others leave no row of zeros."""
    today = local_today()
    assert client.post(f"{AGGREGATE}/{today}").status_code == 422
    first = datetime(2024, 10, 24, tzinfo=UTC)
    recorded_long_ago(database, [call(1, first)])
    write_calls(database, [call(2, first + timedelta(days=3))])
    refresh_rollups(database)
    database["daily_metrics"].delete_many({})
    for _ in range(2):
        for day in ("1970-01-01", "2024-10-23", today + timedelta(days=1), "2200-12-31"):
            answer = client.post(f"{AGGREGATE}/{day}")
            assert (answer.status_code, is_problem(answer)) == (422, True), day
        assert database["daily_metrics"].count_documents({}) == 0
        archive_due(database)
        database["daily_metrics"].delete_many({})
    for day in ("2024-10-24", "2024-10-26", str(today)):
        assert client.post(f"{AGGREGATE}/{day}").status_code == 200
    assert database["daily_metrics"].count_documents({}) == 3


def test_the_document_names_what_can_be_answered(client: TestClient) -> None:
    """Generated clients know keys and errors."""
    document = client.get("/openapi.json").json()
    assert document["servers"]
    assert {one["type"] for one in document["components"]["securitySchemes"].values()} == {"apiKey", "http"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/api/"):
                assert {"401", "403", "422", "503"} <= set(operation["responses"])
                assert operation["security"]
                assert not [one for one in operation.get("parameters", ()) if one["in"] == "header"]
            for status, answer in operation["responses"].items():
                own = status in {"200", "201", "202"} or (path, status) == ("/readyz", "503")
                kind = "text/plain" if path == "/metrics" else "application/json"
                assert (kind if own else "application/problem+json") in answer["content"]
