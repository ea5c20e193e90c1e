"""Days that clocks cut short, lengthen, repeat or leave out: the figures are still those of the calls."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.daily import refresh_days
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call

NEVER_WAS, BEGINS_LATE = ("Pacific/Apia", date(2011, 12, 30)), ("America/Sao_Paulo", date(2018, 11, 4))
OTHERS = [
    ("Pacific/Kwajalein", date(1993, 8, 21)),  # never was
    ("America/Sao_Paulo", date(2018, 2, 17)),  # has 23:00 twice
    ("Asia/Beirut", date(2022, 3, 27)),  # begins at 01:00
    ("Africa/Cairo", date(2023, 10, 26)),  # has 23:00 twice
    ("America/Havana", date(2022, 11, 6)),  # has midnight twice
    ("Australia/Lord_Howe", date(2022, 10, 2)),  # leaves out half an hour
    ("Asia/Kathmandu", date(1985, 12, 31)),  # the zone moved by a quarter of an hour
]


@pytest.mark.parametrize(
    ("zone", "day"), [NEVER_WAS, BEGINS_LATE, *(pytest.param(*one, marks=pytest.mark.full) for one in OTHERS)]
)
def test_figures_of_days_that_clocks_change_are_those_of_the_calls(
    client: TestClient,
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    day: date,
) -> None:
    """Each call counts on the day local clocks showed when it began, for all questions alike."""
    monkeypatch.setenv("TIMEZONE", zone)
    get_settings.cache_clear()
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    starts = [noon + timedelta(minutes=50 * number) for number in range(-50, 50)]
    write_calls(database, [call(number, start) for number, start in enumerate(starts)])
    expected = Counter(start.astimezone(ZoneInfo(zone)).date() for start in starts)
    days = [day - timedelta(days=1), day, day + timedelta(days=1)]
    for _ in range(2):
        _holds(client, days, expected)
        _holds(client, [day], expected)
        refresh_days(database)  # then the same from roll-ups
    alone = client.get(f"{ANALYTICS}/metrics/daily/{day}")
    again = client.post(f"{ANALYTICS}/metrics/aggregate/{day}")
    assert (alone.status_code, again.status_code) == (200, 200)
    assert (alone.json()["total_calls"], again.json()["total_calls"]) == (expected[day], expected[day])


def _holds(client: TestClient, days: list[date], expected: Counter[date]) -> None:
    span, total = {"start_date": str(days[0]), "end_date": str(days[-1])}, sum(expected[one] for one in days)
    ranged = client.get(f"{ANALYTICS}/metrics/range", params=span).json()
    assert [(one["date"], one["total_calls"]) for one in ranged["days"]] == [
        (str(one), expected[one]) for one in days
    ]
    assert ranged["total"]["total_calls"] == total
    listed = client.get(f"{ANALYTICS}/calls", params={**span, "limit": 1000}).json()
    assert (listed["total"], len(listed["calls"])) == (total, total)
    assert sum(one["total_calls"] for one in listed["analytics"]["by_hour"]) == total
    assert client.get(f"{ANALYTICS}/compliance", params=span).json()["calls"] == total
