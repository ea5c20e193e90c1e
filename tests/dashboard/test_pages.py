from collections.abc import Callable
from datetime import timedelta

import pytest
import streamlit as st
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.clock import day_bounds, local_today, utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.settings import get_settings
from core.storage.connection import Document
from dashboard import queries
from tests.dashboard.conftest import text_of

Start = Callable[..., AppTest]


def kpis(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_key_figures_are_those_of_the_same_days_everywhere_else(
    calls_of_today: Database[Document], start: Start
) -> None:
    today = local_today()
    yesterday = today - timedelta(days=1)
    app = start(period="custom", from_=yesterday.isoformat(), to=today.isoformat())
    first, last = day_bounds(yesterday)[0], day_bounds(today)[1]
    expected = summarise(load_cube(calls_of_today, first, last))
    assert kpis(app)["Calls"] == f"{expected.total_calls:,}"
    assert kpis(app)["Answer rate"] == f"{100 * (expected.answer_rate or 0):.1f} %"
    assert kpis(app)["ASR latency p95"] == f"{expected.asr_latency_ms.p95:,.0f} ms"


def test_a_link_filters_every_page(calls_of_today: Database[Document], start: Start) -> None:
    """Stored values work in a link as well as the labels that the page itself writes."""
    for link in (
        {"direction": "inbound", "status": "no_answer"},
        {"direction": "Inbound", "status": "No answer"},
    ):
        app = start(period="24h", **link)
        assert kpis(app)["Calls"] == "6", link
        app.switch_page("../pages/analytics.py").run()
        assert "6 calls · " in text_of(app)


def test_analytics_draws_every_chart(calls_of_today: Database[Document], start: Start) -> None:
    app = start("analytics")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 7


def test_an_empty_store_says_what_to_do_next(database: Database[Document], start: Start) -> None:
    for page in ("overview", "analytics"):
        said = text_of(start(page))
        assert "No calls yet" in said
        for way in ("record_call_metrics", "python -m core import", "make demo"):
            assert way in said


def test_an_empty_period_leads_to_the_data(calls_of_1999: Database[Document], start: Start) -> None:
    app = start()
    assert "No calls in the last 24 hours" in text_of(app)
    assert "The newest call is from 31 Jan 1999" in text_of(app)
    assert app.button(key="jump-to-data").label == "Show the 30 days up to 31 Jan 1999"
    assert kpis(start(period="custom", from_="1999-01-02", to="1999-01-31"))["Calls"] == "10"


def test_what_was_never_measured_is_said(calls_of_1999: Database[Document], start: Start) -> None:
    app = start("latency", period="custom", from_="1999-01-31", to="1999-01-31")
    assert "No ASR latency recorded on 31 Jan 1999" in text_of(app)
    assert "No End-to-end latency recorded" in text_of(app)
    assert len(app.get("plotly_chart")) == 0


def test_plain_streamlit_run_serves_this_machine_only(
    calls_of_today: Database[Document], start: Start
) -> None:
    for address in ("0.0.0.0", None):  # noqa: S104 (it must be refused); none means all addresses too
        st.config.set_option("server.address", address)
        app = start()
        assert "Start it with: python -m dashboard" in text_of(app)
        assert not app.metric


def test_alerts_show_as_text_whatever_they_hold(calls_of_today: Database[Document], start: Start) -> None:
    now = utc_now()
    alert = Alert(
        id="fingerprint",
        alert_type="custom",
        name="CRM sync",
        severity=Severity.CRITICAL,
        state=AlertState.FIRING,
        message="Late **again** [see](http://evil.example)",
        current_value=12.5,
        threshold_value=10.0,
        unit="%",
        started_at=now,
        updated_at=now,
    )
    row = alert.model_dump(mode="json") | {"_id": alert.id, "started_at": now, "updated_at": now}
    calls_of_today["alerts"].insert_one(row)
    (table,) = start().table
    (shown,) = table.value.to_dict("records")
    assert shown["Severity"] == ":red-badge[:material/error: Critical]"
    assert r"\*\*again\*\*" in shown["Alert"]
    assert "](http" not in shown["Alert"]
    assert (shown["Value"], shown["Threshold"]) == ("12.5 %", "10.0 %")


def test_a_silent_scheduler_is_told(calls_of_today: Database[Document], start: Start) -> None:
    calls_of_today["heartbeats"].insert_one(
        {"_id": "scheduler", "at": utc_now() - timedelta(minutes=11), "interval_seconds": 300}
    )
    assert "Scheduler silent: last sign 11 min ago" in text_of(start())


def test_a_database_that_is_away_is_told_and_comes_back(
    calls_of_today: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    app = start()
    assert not app.exception
    assert "The database is away" in text_of(app)
    assert "MongoDB at 127.0.0.1:1" in text_of(app).replace("\\", "")
    monkeypatch.delenv("MONGODB_URI")
    get_settings.cache_clear()
    queries.forget_failure()
    assert kpis(app.run())["Calls"] == "120"


def test_figures_seen_before_stay_while_the_database_is_away(
    calls_of_today: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start()
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    queries.figures.clear()
    queries.pulse.clear()
    app.run()
    assert "The database is away: these are the figures of" in text_of(app)
    assert kpis(app)["Calls"] == "120"
    queries.forget_failure()


def test_an_empty_store_says_what_to_do_and_nothing_else(database: Database[Document], start: Start) -> None:
    """Streamlit writes a bare expression onto the page unless it is told not to."""
    said = text_of(start("analytics"))
    assert "No calls yet" in said
    assert "None" not in said.split()
