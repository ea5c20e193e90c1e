"""The REST API over a real store, through its ASGI application."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bson import ObjectId
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.access.api_keys import NoKeysNote
from core.api.app import create_app
from core.api.security import refuse_open_door
from core.clock import local_today
from core.errors import UserError
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.conftest import from_this_machine

ANALYTICS = "/api/v1/analytics"


def call(number: int, start: datetime, **fields: object) -> CallMetrics:
    """A completed outbound call of a minute; ``fields`` override."""
    usual = {"call_id": f"call_{number}", "start_time": start, "duration_seconds": 60}
    return CallMetrics.model_validate(
        {**usual, "status": "completed", "direction": "outbound", "language": "hindi", **fields}
    )


@pytest.fixture
def two_days(database: Database[Document]) -> Database[Document]:
    """Three calls on 24 October in India, the last at 23:59, and one on the 25th at 00:00."""
    midnight = datetime(2024, 10, 24, 18, 30, tzinfo=UTC)
    write_calls(
        database,
        [
            call(1, midnight - timedelta(hours=9), qualification_completed=True, handoff_triggered=True),
            call(2, midnight - timedelta(hours=8), status="failed", errors=["asr_timeout"]),
            call(3, midnight - timedelta(minutes=1), language="english", asr_latency_ms=400),
            call(4, midnight, status="no_answer"),
        ],
    )
    return database


def test_daily_metrics_cut_the_day_at_midnight_in_india(
    client: TestClient, two_days: Database[Document]
) -> None:
    day = client.get(f"{ANALYTICS}/metrics/daily/2024-10-24").json()
    assert (day["total_calls"], day["completed_calls"], day["failed_calls"]) == (3, 2, 1)
    assert day["qualification_rate"] == 0.5
    assert day["error_rate"] == pytest.approx(1 / 3)
    assert day["timezone"] == "Asia/Kolkata"
    assert day["asr_latency_ms"]["p95"] == 400
    assert day["languages"] == {"hindi": 2, "english": 1}


def test_a_range_is_its_days_and_their_sum(client: TestClient, two_days: Database[Document]) -> None:
    answer = client.get(
        f"{ANALYTICS}/metrics/range", params={"start_date": "2024-10-23", "end_date": "2024-10-25"}
    ).json()
    assert [day["total_calls"] for day in answer["days"]] == [0, 3, 1]
    assert answer["days"][0]["failure_rate"] is None
    assert answer["total"]["total_calls"] == 4
    hindi = client.get(
        f"{ANALYTICS}/metrics/range",
        params={"start_date": "2024-10-24", "end_date": "2024-10-25", "language": "Hindi"},
    ).json()
    assert hindi["total"]["total_calls"] == 3


def test_calls_come_newest_first_in_pages(client: TestClient, two_days: Database[Document]) -> None:
    span = {"start_date": "2024-10-24", "end_date": "2024-10-25"}
    page = client.get(f"{ANALYTICS}/calls", params={**span, "limit": "2", "offset": "1"}).json()
    assert page["total"] == 4
    assert [item["call_id"] for item in page["calls"]] == ["call_3", "call_2"]
    assert page["calls"][0]["start_time"] == "2024-10-24T18:29:00Z"


def test_aggregating_stores_the_day_that_the_api_shows(
    client: TestClient, two_days: Database[Document]
) -> None:
    posted = client.post(f"{ANALYTICS}/metrics/aggregate/2024-10-24").json()
    shown = client.get(f"{ANALYTICS}/metrics/daily/2024-10-24").json()
    stored = two_days["daily_metrics"].find_one({"_id": "Asia/Kolkata:2024-10-24"})
    assert {**posted, "computed_at": None} == {**shown, "computed_at": None}
    assert stored is not None
    assert stored["total_calls"] == 3


def test_current_metrics_hold_the_last_24_hours_and_the_live_figures(
    client: TestClient, database: Database[Document]
) -> None:
    now = datetime.now(UTC)
    write_calls(database, [call(n, now - timedelta(hours=hours)) for n, hours in enumerate((0.1, 23, 25))])
    answer = client.get(f"{ANALYTICS}/metrics").json()
    assert answer["total_calls"] == 2
    assert answer["live"]["calls_last_15_minutes"] == 1
    assert answer["live"]["active_alerts"] == 0
    assert client.get(f"{ANALYTICS}/alerts").json() == {"count": 0, "alerts": []}


def test_every_call_that_the_model_takes_can_be_served(
    client: TestClient, database: Database[Document]
) -> None:
    odd = {
        "bytes": b"\xff",
        "set": {1},
        "key": {2: ObjectId()},
        "exact": Decimal("1.10"),
        "id": uuid.UUID(int=1),
    }
    start = datetime(2024, 10, 24, tzinfo=UTC)
    write_calls(
        database, [call(1, start, metadata=odd, language="İ" * 8), call(2, start, language=" Hindi ")]
    )
    page = client.get(f"{ANALYTICS}/calls", params={"start_date": "2024-10-24", "end_date": "2024-10-24"})
    first, second = page.json()["calls"]
    assert first["metadata"]["exact"] == "1.10"
    assert first["metadata"]["bytes"] == "\\xff"
    assert second["language"] == "hindi"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("metrics/daily/24-10-2024", "'24-10-2024' is not a date; write YYYY-MM-DD"),
        ("metrics/daily/2024-02-30", "'2024-02-30' is not a date"),
        ("metrics/daily/1729728000", "is not a date"),
        ("metrics/range?start_date=yesterday", "'yesterday' is not a date"),
        ("metrics/range", "Field required"),
        ("metrics/range?start_date=2024-10-25&end_date=2024-10-24", "2024-10-24 is before start_date"),
        ("metrics/range?start_date=1971-01-01", "at most 1100 days"),
        ("metrics/daily/9999-12-31", "not a date of the years 1970 to 2200"),
        ("calls?start_date=0001-01-01", "not a date of the years 1970 to 2200"),
        ("metrics/daily/20240101xx", "'20240101xx' is not a date"),
        ("metrics/daily/2024-W01-1", "'2024-W01-1' is not a date"),
        ("calls?start_date=2024-10-24&limit=0", "greater than or equal to 1"),
        ("calls?start_date=2024-10-24&status=lost", "'completed', 'failed' or 'no_answer'"),
    ],
)
def test_bad_input_is_422_with_the_reason(client: TestClient, path: str, reason: str) -> None:
    answer = client.get(f"{ANALYTICS}/{path}")
    assert answer.status_code == 422
    assert reason in answer.text


def test_days_to_come_are_refused_and_not_answered_with_zeros(
    client: TestClient, database: Database[Document]
) -> None:
    """In days, ranges and lists; today is there."""
    today = local_today()
    tomorrow = today + timedelta(days=1)
    for path, name in (
        (f"metrics/daily/{tomorrow}", "day"),
        (f"metrics/range?start_date={tomorrow}", "start_date"),
        (f"metrics/range?start_date={today}&end_date={tomorrow}", "end_date"),
        (f"calls?start_date={today}&end_date={tomorrow}", "end_date"),
        (f"calls?start_date={tomorrow}&end_date={tomorrow}", "start_date"),
    ):
        answer = client.get(f"{ANALYTICS}/{path}")
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            f"{name}: {tomorrow} is yet to come; in Asia/Kolkata it is {today}",
        )
    assert client.get(f"{ANALYTICS}/metrics/daily/{today}").status_code == 200
    assert client.get(f"{ANALYTICS}/metrics/range?start_date={today}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "["},
        {"Host": "127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"},
        {"Host": "127.0.0.1:8000", "Sec-Fetch-Site": "same-site"},
        {"Host": "127.0.0.1:8000", "Sec-Fetch-Site": "anything"},
        {"Host": "127.0.0.1:8000", "Origin": "http://shop.example"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:5050"},
        {"Host": "127.0.0.1:8000", "Origin": "null"},
        {"Host": "127.0.0.1:8000", "Origin": ""},
    ],
)
def test_without_keys_a_page_of_another_site_is_turned_away(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.post(f"{ANALYTICS}/metrics/aggregate/2024-10-24", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
        {"Host": "localhost:8000", "Sec-Fetch-Site": "none", "Origin": "null"},
        {"Host": "localhost:8000", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_without_keys_our_own_pages_and_a_typed_address_pass(
    client: TestClient, headers: dict[str, str]
) -> None:
    """A browser that shows the API itself is no other site."""
    assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", f"{ANALYTICS}/alerts", "/nothing"])
@pytest.mark.parametrize("peer", [("203.0.113.24", 5), ("127.0.0.1", 5), ("::1", 5)])
@pytest.mark.usefixtures("database")
def test_behind_another_server_nobody_passes_without_keys(path: str, peer: tuple[str, int]) -> None:
    """The application does not know where a server that is not ours listens, nor who stands before it."""
    answer = TestClient(create_app(), base_url="http://localhost", client=peer).get(path)
    assert answer.status_code == 403
    assert "set API_KEYS" in answer.text


@pytest.mark.parametrize(
    ("server", "peer"),
    [
        ("http://127.0.0.1", ("203.0.113.24", 5)),
        ("http://127.0.0.1", ("2001:db8::1", 5)),
        ("http://192.0.2.7", ("127.0.0.1", 5)),
        ("http://127.0.0.1", ("proxy", 5)),
    ],
)
@pytest.mark.usefixtures("database")
def test_a_proxy_on_this_machine_lets_nobody_from_elsewhere_in(server: str, peer: tuple[str, int]) -> None:
    """Both ends of the connection have to be this machine, whatever Host says."""
    with from_this_machine(server, peer) as client:
        assert client.get("/healthz", headers={"Host": "localhost"}).status_code == 403


@pytest.mark.usefixtures("database")
def test_beyond_this_machine_it_wants_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")  # noqa: S104 (that it is refused is the point)
    get_settings.cache_clear()
    with pytest.raises(UserError, match=r"API_HOST=0\.0\.0\.0 opens the API .* set API_KEYS"):
        refuse_open_door(get_settings())


@pytest.mark.full
def test_a_store_that_is_away_is_503_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:geheim@127.0.0.1:1")
    get_settings.cache_clear()
    NoKeysNote().keep(none=True)
    with from_this_machine() as client:
        answer = client.get(f"{ANALYTICS}/metrics/daily/2024-10-24")
        assert answer.status_code == 503
        assert "MongoDB at 127.0.0.1:1 does not answer" in answer.json()["detail"]
        assert "geheim" not in answer.text
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json()["status"] == "ok"
