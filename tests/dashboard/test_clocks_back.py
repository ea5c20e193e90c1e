"""The hour that clocks show twice, when they go back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.alerting.channels.message import dashboard_link
from core.models.alerts import Alert, AlertState, Severity
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard import drilldown
from dashboard.filters import Window
from tests.dashboard.conftest import calls_listed, make_call

Start = Callable[..., AppTest]

MIDNIGHT = datetime(2026, 10, 24, 22, tzinfo=UTC)
"""In Berlin, of the day on which summer time ends: 25 hours, two of them from 02:00 to 03:00."""
HOUR = timedelta(hours=1)
DAY = Window(MIDNIGHT, MIDNIGHT + 25 * HOUR, MIDNIGHT, MIDNIGHT, "1h")


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    get_settings.cache_clear()


@pytest.fixture
def calls(database: Database[Document]) -> Database[Document]:
    """In the first 02:00 hour five, in the second seven, and one in each other."""
    for hour in range(25):
        count = {2: 5, 3: 7}.get(hour, 1)
        starts = [MIDNIGHT + hour * HOUR + timedelta(minutes=n + 1) for n in range(count)]
        write_calls(database, [make_call(100 * hour + n, at) for n, at in enumerate(starts)])
    return database


def clicked(hour: int) -> dict[str, str]:
    """The address that a click on the bar of so many hours after midnight leads to."""
    index = pd.date_range(MIDNIGHT, periods=25, freq="h").tz_convert("Europe/Berlin")
    point = {"x": str(index[hour].tz_localize(None)), "point_index": hour, "curve_number": 0}
    target = drilldown.buckets(index, DAY)(point)
    assert target is not None
    return target.parameters


@pytest.mark.parametrize(
    ("hour", "since", "until", "count"),
    [
        (1, "2026-10-25T01:00", "2026-10-25T02:00+02:00", 1),
        (2, "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", 5),
        (3, "2026-10-25T02:00+01:00", "2026-10-25T03:00", 7),
        (4, "2026-10-25T03:00", "2026-10-25T04:00", 1),
    ],
)
def test_a_click_on_an_hour_lists_its_calls(
    calls: Database[Document], start: Start, hour: int, since: str, until: str, count: int
) -> None:
    shown = clicked(hour)
    assert shown == {"since": since, "until": until}
    app = start("calls", period="custom", from_="2026-10-25", to="2026-10-25", **shown)
    assert not app.exception
    assert len(calls_listed(app)) == count


def test_a_chip_says_which_of_the_two_hours_is_shown(calls: Database[Document], start: Start) -> None:
    app = start("calls", period="custom", from_="2026-10-25", to="2026-10-25", **clicked(2))
    assert "Sun 25 Oct 02:00 CEST to 02:00 CET" in [button.label for button in app.button]


def test_the_link_of_an_alert_shows_its_quarter_of_an_hour(calls: Database[Document], start: Start) -> None:
    """From 02:55 to 02:10, a quarter of an hour later; also when the page is loaded again."""
    at = MIDNIGHT + 3 * HOUR + timedelta(minutes=10)
    alert = Alert(
        id="a", alert_type="fails", name="Calls fail", severity=Severity.CRITICAL, state=AlertState.FIRING,
        message="50 %", started_at=at, updated_at=at, looks_from=at - timedelta(minutes=15),
    )  # fmt: skip
    link = dict(parse_qsl(urlsplit(dashboard_link(alert)).query))
    assert (link["from"], link["to"]) == ("2026-10-25T02:55+02:00", "2026-10-25T02:10+01:00")
    app = start("overview", period="custom", from_=link["from"], to=link["to"])
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Calls"] == "7"
    kept = {name: app.query_params[name] for name in ("from", "to", "again")}
    assert kept == {"from": "2026-10-25T02:55", "to": "2026-10-25T02:10", "again": "to"}
    later = start("calls", period="custom", from_=kept["from"], to=kept["to"], again=kept["again"])
    assert len(calls_listed(later)) == 7


def test_a_period_chosen_in_place_of_it_forgets_which_hour_it_was(
    calls: Database[Document], start: Start
) -> None:
    """A preset, and times that a chart was asked for."""
    app = start("overview", period="custom", from_="2026-10-25T02:10+01:00", to="2026-10-25T03:00")
    assert app.query_params["again"] == "from"
    app.button_group(key="period").set_value(["24h"]).run()
    assert "again" not in app.query_params
