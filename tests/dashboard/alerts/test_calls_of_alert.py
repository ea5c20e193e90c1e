"""The calls that an alert's link shows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.alerting.channels.message import dashboard_link
from core.alerting.state.alert_store import active_alerts
from core.clock import utc_now
from core.models.alerts import Alert
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard import drilldown
from tests.alerting.state.test_alert_store import NOON, check, record
from tests.dashboard.conftest import make_call, text_of

MINUTE = timedelta(minutes=1)


def local(moment: datetime) -> str:
    return f"{moment.astimezone(get_settings().tz):%Y-%m-%dT%H:%M}"


def fired(database: Database[Document], window: str) -> Alert:
    """A rule's alert whose bad calls are the oldest in its window."""
    fields = {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.2}}
    rule = AlertRule.model_validate(fields | {"window": window})
    record(database, NOON - timedelta(minutes=rule.window_minutes - 5), total=40, failed=20)
    check(NOON, rules=(rule,))
    (alert,) = active_alerts(database)
    return alert


@pytest.mark.parametrize("window", ["15m", "3h", "1d"])
def test_the_page_shows_the_calls_that_the_message_shows(database: Database[Document], window: str) -> None:
    """Those of the rule's window, with the ending that the rule is about."""
    alert = fired(database, window)
    told = {name: one for name, (one,) in parse_qs(urlsplit(dashboard_link(alert)).query).items()}
    shown = drilldown.calls_of_alert(alert).parameters
    assert (shown["since"], shown["of_status"]) == (told["from"], told["status"])
    assert alert.looks_from is not None
    assert told["from"] == local(alert.looks_from)


def test_the_charts_of_an_alert_cover_its_window_and_all_endings(database: Database[Document]) -> None:
    """To see what else was unusual."""
    alert = fired(database, "3h")
    target = drilldown.time_of_alert(alert)
    assert target.parameters["since"] == local(NOON - 180 * MINUTE)
    assert target.filters == {}


def test_an_alert_about_calls_without_a_campaign_leads_to_those_alone(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    """Not to the failed calls of all campaigns; a campaign chosen on the page does not hide them."""
    now = utc_now()
    write_calls(
        database,
        [
            make_call(number, now - timedelta(minutes=4), status="failed", campaign=campaign)
            for number, campaign in enumerate([None] * 20 + ["", "diwali", "diwali"])
        ],
    )
    levels = {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.2}}
    rule = AlertRule.model_validate(levels | {"window": "15m", "group_by": ["campaign"], "min_samples": 5})
    check(now, rules=(rule,))
    (alert,) = active_alerts(database)
    assert alert.labels == {"campaign": ""}
    for chosen in ({}, {"campaign": "diwali"}):
        app = start("calls", **drilldown.calls_of_alert(alert).parameters, **chosen)
        assert "21 calls" in text_of(app)
        assert "without campaign" in [button.label for button in app.button]
