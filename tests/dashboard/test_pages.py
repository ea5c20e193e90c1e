import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import streamlit as st
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.call_frames import CallFilters
from core.clock import day_bounds, local_today, utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.recording import active_calls
from core.types import Document
from dashboard import formats
from dashboard.filters import BEFORE, EARLIEST, Selection, Window
from dashboard.panels.boards import fitting_bucket
from dashboard.queries import call_queries, system_queries
from tests.dashboard.conftest import forget_failure, make_call, scrolled, tables_of, text_of

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
    assert kpis(app)["ASR p95"] == f"{expected.asr_latency_ms.p95:,.0f} ms"


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
    app = scrolled(start("analytics"))
    assert not app.exception
    assert len(app.get("plotly_chart")) == 8


def test_an_empty_store_says_what_to_do_next(database: Database[Document], start: Start) -> None:
    for page in ("overview", "analytics", "conversion", "latency"):
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
    ((shown,),) = tables_of(start())
    assert shown["Severity"] == ":red-badge[:material/error: Critical]"
    assert r"\*\*again\*\*" in shown["Alert"]
    assert "](http" not in shown["Alert"]
    assert shown["Alert"].startswith("[**CRM sync**](calls?since=")
    values = [shown[name].replace("\\", "") for name in ("Value", "Threshold")]  # as Markdown shows them
    assert values == ["12.5 %", "10 %"]


def test_a_time_in_a_table_makes_no_emoji_of_foreign_words() -> None:
    def app() -> None:
        import pandas as pd

        from dashboard.formats import plain
        from dashboard.panels.panel import page_table

        page_table(pd.DataFrame({"At": ["18:32:05"], "Type": [plain("tool:fire:retry")]}))

    (shown,) = AppTest.from_function(app).run().markdown
    # By this Streamlit decides whether a text has emoji.
    assert not re.search(r":(?!material/|streamlit:)[\w+-]+:", shown.value)


def test_calls_in_progress_are_counted_on_overview(calls_of_today: Database[Document], start: Start) -> None:
    for number in range(3):
        calls_of_today["active_calls"].update_one(*active_calls.started(f"live_{number}"), True)
    calls_of_today["active_calls"].update_one(*active_calls.ended("live_0"), True)
    app = start()
    # With the number in its label the list would shut with each call that begins or ends.
    assert [part for part in app.get("popover") if part.proto.popover.label == "List them"]
    assert "2 calls in progress" in text_of(app)


def test_a_silent_scheduler_is_told(calls_of_today: Database[Document], start: Start) -> None:
    calls_of_today["heartbeats"].insert_one(
        {"_id": "scheduler", "at": utc_now() - timedelta(minutes=11), "interval_seconds": 300}
    )
    assert "Scheduler silent: last heard 11 min ago" in text_of(start()).replace("\\", "")


def test_a_database_that_is_away_is_told_and_comes_back(
    calls_of_today: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    app = start()
    assert not app.exception
    assert "The database is not reachable" in text_of(app)
    assert "MongoDB at 127.0.0.1:1" in text_of(app).replace("\\", "")
    monkeypatch.delenv("MONGODB_URI")
    get_settings.cache_clear()
    forget_failure()
    assert kpis(app.run())["Calls"] == "120"


def test_figures_seen_before_stay_while_the_database_is_away(
    calls_of_today: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start()
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    call_queries.forget_figures()
    system_queries.pulse.clear()
    app.run()
    assert "The database is not reachable. Showing figures from" in text_of(app)
    assert kpis(app)["Calls"] == "120"
    forget_failure()


def test_an_empty_store_says_what_to_do_and_nothing_else(database: Database[Document], start: Start) -> None:
    """Streamlit writes a bare expression onto the page unless it is told not to."""
    said = text_of(start("analytics"))
    assert "No calls yet" in said
    assert "None" not in said.split()


@pytest.mark.parametrize(
    "page", ["overview", "analytics", "conversion", "latency", "compliance", "system", "alerts"]
)
def test_a_link_edited_by_hand_still_shows_the_page(
    calls_of_today: Database[Document], start: Start, page: str
) -> None:
    """Nonsense in the address is as good as nothing."""
    nonsense = "<script>alert(1)</script>"
    app = start(
        page,
        **dict.fromkeys(
            ("period", "direction", "language", "status", "compare", "stage", "by", "view", "rule"), nonsense
        ),
        bucket="-1",
    )
    assert not app.exception
    assert app.get("plotly_chart") or app.metric or "No alerts firing" in text_of(app)
    assert "script" not in text_of(app)


@pytest.mark.parametrize("page", ["overview", "analytics", "conversion", "latency", "compliance", "system"])
def test_every_page_opens_while_the_database_is_down(
    database: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    get_settings.cache_clear()
    forget_failure()
    app = start(page)
    assert not app.exception
    assert text_of(app).count("The database is not reachable") == 1
    forget_failure()


def test_markup_in_names_is_shown_as_it_is(database: Database[Document], start: Start) -> None:
    names = ("<b>gold</b>", "**silver** [x](http://evil.example)")
    now = utc_now()
    write_calls(
        database,
        [
            make_call(number, now - timedelta(minutes=number), campaign=names[number % 2], attempt=1)
            for number in range(40)
        ],
    )
    app = scrolled(start("conversion"))
    assert not app.exception
    said = text_of(app)
    assert "](http" not in said
    assert "<b>" not in said
    specs = "".join(chart.proto.spec for chart in app.get("plotly_chart")).replace("\\u003c", "<")
    assert "gold" in specs
    assert "<b>gold" not in specs


def test_a_rate_of_few_calls_comes_with_its_interval(
    calls_of_today: Database[Document], start: Start
) -> None:
    """24 of 120 calls were not answered: Wilson's interval of 80 % is 72 to 86 %."""
    shown = {metric.label: metric.proto for metric in start().metric}
    assert shown["Answer rate"].delta_description == "95 %: 72 to 86 % · n 120"


def test_the_same_weekdays_are_whole_weeks_earlier_by_the_clock() -> None:
    zone = ZoneInfo("Europe/Berlin")  # winter time began on 25 October 2026
    now = datetime(2026, 10, 28, 11, tzinfo=UTC)
    chosen = Selection("24h", EARLIEST, EARLIEST, CallFilters())
    window = chosen.window(now, zone)
    assert window.before.astimezone(zone).strftime("%a %d %H:%M") == "Tue 20 12:00"
    assert window.before_end.astimezone(zone).strftime("%a %d %H:%M") == "Wed 21 12:00"
    month = replace(chosen, period="30d").window(now, zone)
    assert month.start - month.before >= timedelta(days=35)
    earlier = replace(chosen, compare=BEFORE).window(now, zone)
    assert earlier.before_end == earlier.start


def test_a_chart_has_never_more_points_than_a_screen_shows() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    window = Window(now - timedelta(days=90), now, now, now, "1D")
    assert fitting_bucket(window, "15min") == "1D"
    assert fitting_bucket(window, "1W") == "1W"


def test_system_shows_the_processes_and_since_when_one_is_silent(
    calls_of_today: Database[Document], start: Start
) -> None:
    now = utc_now()
    row = {"host": "vm-1", "pid": 7, "records_waiting": 3, "spooled": 20, "dead": 1, "lost": 0}
    row |= {"log_waiting": 4, "log_dropped": 1_234}
    calls_of_today["processes"].insert_many(
        [
            row | {"component": "agent", "seen_at": now},
            row | {"component": "<b>importer</b>", "pid": 8, "seen_at": now - timedelta(hours=2)},
        ]
    )
    app = start("system")
    assert not app.exception
    assert "Processes: 2 · 1 silent" in text_of(app)
    ((alive, silent),) = [rows for rows in tables_of(app) if "Last heard" in rows[0]]
    assert alive["Process"] == "agent on vm\\-1, 7"
    assert (alive["Record queue"], alive["Spool"]) == ("3", "20 · 1 set aside")
    assert (alive["Log queue"], alive["Log drops"]) == ("4", "1,234")
    assert "silent since" in silent["Last heard"]
    assert "<b>" not in silent["Process"]


def test_conversion_says_what_a_call_and_a_qualified_lead_cost_in_each_language(
    database: Database[Document], start: Start
) -> None:
    """Hindi: 100 calls of 2 rupees, 40 qualified. English: 100 of 3 rupees, 20 qualified."""
    now = utc_now()
    calls = [
        make_call(
            n,
            now - timedelta(minutes=n + 1),
            language="hindi" if n < 100 else "english",
            qualification_completed=n < 40 or 100 <= n < 120,
            cost={"llm": 2 if n < 100 else 3},
        )
        for n in range(200)
    ]
    write_calls(database, calls)
    app = start("conversion")
    assert not app.exception
    said = text_of(app)
    assert "Cost per call by language" in said
    assert "Mean ₹2.50 per call, ₹8.33 per qualified lead (from Hindi ₹5.00 to English ₹15.00)" in said


def test_a_filter_that_does_nothing_is_not_shown(calls_of_today: Database[Document], start: Start) -> None:
    """One call and the alerts as they stand have no filters; the history of alerts has its period."""

    def hidden(app: AppTest) -> str:
        return "".join(element.proto.body for element in app.get("html"))

    assert ".st-key-filters { display: none !important; }" in hidden(start("alerts"))
    assert ".st-key-language { display: none !important; }" not in hidden(start("analytics"))
    history = hidden(start("alerts", view="History"))
    assert ".st-key-filters { display: none !important; }" not in history
    assert ".st-key-language" in history
    assert ".st-key-filters { display: none !important; }" in hidden(start("calls", call_id="call_1"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("language", "klingon", "No language klingon: showing all"),
        ("campaign", "gold", "No campaign gold: showing all"),
        ("period", "5d", "No period 5d: showing the last 24 hours"),
    ],
)
def test_an_unknown_value_in_a_link_is_told(
    calls_of_today: Database[Document], start: Start, name: str, value: str, told: str
) -> None:
    """A link to a language that no call has shows all of them, and says so."""
    write_calls(calls_of_today, [make_call(1, utc_now() - timedelta(minutes=5), campaign="home-loan")])
    app = start("overview", **{name: value})
    assert not app.exception
    assert told in "".join(element.value for element in app.toast)


@pytest.mark.parametrize("spelling", ["hi", "hi-IN", "HINDI", "Hindi", "hindi"])
def test_a_link_may_name_a_language_as_calls_do(
    calls_of_today: Database[Document], start: Start, spelling: str
) -> None:
    """By a code or in another case: the filter of all pages, and that of one list of calls."""
    app = start("calls", language=spelling)
    assert not app.exception
    assert (app.selectbox(key="language").value, [*app.toast]) == ("hindi", [])
    app = start("calls", of_language=spelling)
    assert not app.exception
    hindi = calls_of_today["calls"].count_documents({"language": "hindi"})
    assert hindi
    assert f"{hindi} calls" in text_of(app)


def test_a_time_in_a_link_that_cannot_be_read_is_told(
    calls_of_today: Database[Document], start: Start
) -> None:
    """The other time of the link holds; that the last week is shown is said."""
    app = start("overview", period="custom", from_="2026-99-99", to=str(local_today()))
    assert not app.exception
    said = "".join(element.value for element in app.toast)
    first = formats.day(local_today() - timedelta(days=6))
    assert f"Cannot read the time 2026\\-99\\-99: showing from {first}" in said
    assert "showing to" not in said
    app = start("overview", period="custom", from_="2026-11-01", to="soon")
    said = "".join(element.value for element in app.toast)
    assert f"Cannot read the time soon: showing to {formats.day(local_today())}" in said


def test_the_link_of_a_message_opens_its_runbook(database: Database[Document], start: Start) -> None:
    """With a link to each of the others; a name that there is not is said."""
    app = start("runbooks", name="speech_latency")
    assert not app.exception
    assert "## Speech latency" in text_of(app)
    assert "(runbooks?name=call_failure_rate)" in text_of(app)
    assert "Runbook not found" in text_of(start("runbooks", name="../alerting"))
