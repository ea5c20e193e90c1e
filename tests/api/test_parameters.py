"""Parameters that the API does not understand are said, never passed over."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call

SPAN = "start_date=2024-10-24&end_date=2024-10-24"
FILTERS = {"direction", "status", "language", "campaign"}
PATHS = {
    "metrics": ("", FILTERS),
    "metrics/daily/2024-10-24": ("", FILTERS),
    "metrics/range": (SPAN, FILTERS | {"start_date", "end_date"}),
    "calls": (SPAN, FILTERS | {"start_date", "end_date", "lead_id", "limit", "offset"}),
    "alerts": ("", set()),
}
SLIPS = st.one_of(
    st.sampled_from(sorted(FILTERS)).flatmap(
        lambda name: st.sampled_from(
            [f"{name}s", name[:-1], f"{name}[$ne]", f"{name}[]", f" {name}", f"{name}.x"]
        )
    ),
    st.sampled_from(["direktion", "Status", "LANGUAGE", "lead", "hours", "page", "$where", "_", "end date"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slip=SLIPS)
def test_a_misspelt_parameter_is_named(client: TestClient, path: str, slip: str) -> None:
    """No answer looks filtered and is not."""
    usual, known = PATHS[path]
    if slip in known:
        return
    answer = client.get(f"{ANALYTICS}/{path}?{usual}&{quote(slip, safe='')}=x")
    assert answer.status_code == 422
    assert "is no parameter of this path" in answer.text
    assert all(name in answer.text for name in known)


@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_without_a_value_or_given_twice_is_named(client: TestClient, path: str) -> None:
    """An empty filter does not mean all, and of two values none is picked."""
    usual, known = PATHS[path]
    values = {"direction": "inbound", "status": "failed", "language": "hindi", "campaign": "x"}
    for name in sorted(known & set(values)):
        for value, reason in (
            ("", "is empty"),
            (" ", "is empty"),
            (f"{values[name]}&{name}=x", "more than once"),
        ):
            answer = client.get(f"{ANALYTICS}/{path}?{usual}&{name}={value}")
            assert (answer.status_code, reason in answer.text) == (422, True), answer.text
            assert name in answer.text


def test_days_given_twice_or_empty_are_named(client: TestClient) -> None:
    """Days are no exception."""
    for query in (f"{SPAN}&start_date=2024-10-25", "start_date=2024-10-24&end_date=", f"{SPAN}&limit="):
        assert client.get(f"{ANALYTICS}/calls?{query}").status_code == 422


def test_a_change_takes_no_unknown_parameter_either(client: TestClient) -> None:
    """Computing a day anew has no parameters."""
    answer = client.post(f"{ANALYTICS}/metrics/aggregate/2024-10-24?dry_run=1")
    assert (answer.status_code, "dry_run" in answer.text) == (422, True)


@pytest.mark.parametrize("spelt", ["hi", "HI-in", "hi_IN", "\u0939\u093f\u0928\u094d\u0926\u0940", " Hindi "])
def test_a_language_is_found_however_it_is_spelt(
    client: TestClient, database: Database[Document], spelt: str
) -> None:
    """What finds nothing would look like a language that nobody speaks."""
    write_calls(database, [call(1, datetime(2024, 10, 24, 6, tzinfo=UTC), language="hi-IN")])
    for path, name in (("metrics/daily/2024-10-24?", "total_calls"), (f"calls?{SPAN}", "total")):
        found = client.get(f"{ANALYTICS}/{path}&language={quote(spelt)}")
        assert (found.status_code, found.json()[name]) == (200, 1)
