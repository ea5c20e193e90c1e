"""A period that begins within a bucket: the API's figures, a pale first bar, links that keep to it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.aggregation.rollups.buckets import buckets
from core.aggregation.rollups.call_frames import CallFilters
from core.api.app import create_app
from core.api.security import this_machine
from core.clock import utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard.filters import Selection
from dashboard.panels.view import View
from dashboard.queries import call_queries
from dashboard.theme import palette_of
from tests.api.test_routes import ANALYTICS, call

LAST_DAY = Selection("24h", datetime(2024, 10, 24), datetime(2024, 10, 25), CallFilters())  # noqa: DTZ001 (local)


@pytest.fixture
def api() -> Iterator[TestClient]:
    """The API as it is served on the loopback address."""
    with TestClient(
        create_app(this_machine), base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)
    ) as client:
        yield client


def view_at(period: str, now: datetime) -> View:
    selection = replace(LAST_DAY, period=period)
    window = selection.window(now, get_settings().tz)
    return View(window, selection, palette_of("light"), is_filling=False)


def test_the_last_24_hours_are_those_of_the_api(database: Database[Document], api: TestClient) -> None:
    """Whatever the minute: of calls that began about 24 hours ago, both count the same."""
    oldest = utc_now() - timedelta(hours=25, minutes=30)
    write_calls(database, [call(number, oldest + timedelta(seconds=45 * number)) for number in range(240)])
    for _ in range(3):
        now = utc_now()
        shown = call_queries.course(view_at("24h", now).window, CallFilters()).total
        asked = api.get(f"{ANALYTICS}/metrics").json()["total_calls"]
        if utc_now().minute == now.minute:
            break
    assert 0 < asked < 240
    assert shown == asked


@pytest.mark.parametrize(
    ("period", "minute", "partial"),
    [("24h", 47, [0, -1]), ("24h", 30, []), ("7d", 47, [0, -1]), ("30d", 47, [-1]), ("90d", 47, [-1])],
)
def test_a_bar_that_the_period_has_a_part_of_is_pale(period: str, minute: int, partial: list[int]) -> None:
    """In India hours begin at 30 minutes past those of UTC; periods of days begin at a midnight."""
    view = view_at(period, datetime(2024, 10, 24, 6, minute, tzinfo=UTC))
    assert view.partial_bars == partial
    assert replace(view, is_filling=True).partial_bars == [*partial, *([-1] if not partial else [])]


@pytest.mark.parametrize(
    ("days", "bars", "partial"),
    [
        # To the end of today, as the times that are offered first: not the last hour is in progress.
        (1, 24, [18]),
        (6, 48, [46]),
        (30, 30, [-1]),
    ],
)
def test_the_bar_in_progress_is_pale_wherever_it_is(
    days: int, bars: int, partial: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 18:20 in India, hours of today are still to come."""
    now = datetime(2024, 10, 24, 12, 50, tzinfo=UTC)
    monkeypatch.setattr("dashboard.panels.view.utc_now", lambda: now)
    end = datetime(2024, 10, 25)  # noqa: DTZ001 (local)
    selection = replace(LAST_DAY, period="custom", start=end - timedelta(days=days), end=end)
    view = View(selection.window(now, get_settings().tz), selection, palette_of("light"), is_filling=True)
    window = view.window
    assert len(buckets(window.start, window.end, window.bucket, get_settings().tz)) == bars
    assert view.partial_bars == partial


def test_the_link_of_a_bar_leads_to_no_call_before_the_period() -> None:
    """It counts the calls that the bar does."""
    view = view_at("24h", datetime(2024, 10, 24, 6, 47, tzinfo=UTC))
    zone = get_settings().tz
    index = pd.date_range("2024-10-23 12:00", "2024-10-24 12:00", freq="1h", tz=zone)
    target = view.drilldown(index)
    first, second = (
        target({"x": f"2024-10-23T{hour}:00", "curve_number": 0, "point_index": place})
        for place, hour in enumerate((12, 13))
    )
    assert first is not None
    assert second is not None
    assert (f"{first.start:%H:%M}", f"{first.end:%H:%M}") == ("12:17", "13:00")
    assert (f"{second.start:%H:%M}", f"{second.end:%H:%M}") == ("13:00", "14:00")
