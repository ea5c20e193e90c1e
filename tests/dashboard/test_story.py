"""Overview says first what happened; every page says what fires, and as of when."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.story import Reason, Story
from core.alerting.rules.target_store import save_target, targets_in_force
from core.alerting.rules.targets import Target
from core.clock import utc_now
from core.models.alerts import Alert, AlertState, Severity
from core.models.definitions import LATENCIES
from core.storage.calls import write_calls
from core.types import Document
from dashboard import header
from dashboard.filters import Selection, Window
from dashboard.overview import story
from tests.dashboard.conftest import make_call, text_of

Start = Callable[..., AppTest]
NOW = utc_now().replace(hour=12, minute=0, second=0, microsecond=0)
WINDOW = Window(NOW - timedelta(days=1), NOW, NOW - timedelta(days=8), NOW - timedelta(days=7), "1h")
SELECTION = Selection("24h", NOW, NOW, CallFilters())


def _alert(severity: Severity) -> Alert:
    return Alert(
        id=severity,
        alert_type="x",
        name="x",
        severity=severity,
        state=AlertState.FIRING,
        message="x",
        started_at=NOW,
        updated_at=NOW,
    )


def test_nothing_is_called_normal_while_an_alert_fires() -> None:
    """The sentence and the badge beside it agree."""
    normal = Story(normal=True, headline="Everything is normal")
    assert story.headline(normal, SELECTION) == "Everything is normal"
    said = story.headline(normal, SELECTION, firing=2)
    assert said == "Nothing is worse than the same weekdays before, but 2 alerts are firing"


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (True, "Everything is normal"),
        (False, "Nothing is worse than the same weekdays before, but alerts are not checked"),
    ],
)
def test_nothing_is_called_normal_while_no_scheduler_checks_alerts(
    database: Database[Document], start: Start, *, runs: bool, said: str
) -> None:
    week, now = timedelta(days=7), utc_now()
    times = [now - timedelta(minutes=3 * n + 1) for n in range(400)]
    write_calls(database, [make_call(n, at) for n, at in enumerate(times)])
    write_calls(database, [make_call(1_000 + n, at - week) for n, at in enumerate(times)])
    if runs:
        database["heartbeats"].insert_one({"_id": "scheduler", "at": now, "interval_seconds": 60})
    assert f": {said}" in text_of(start())


def test_a_reason_leads_to_its_calls() -> None:
    """The bad ones of the spell, of the value that explains it."""
    told = Story(
        normal=False,
        headline="",
        since=NOW - timedelta(hours=3),
        measure="failure_rate",
        filters={"language": "hinglish"},
        calls=41,
    )
    version = Reason("agent_version", "2.3.1", 0.9, 40, "")
    assert story.target(told, WINDOW, version).parameters.keys() >= {"since", "until"}
    assert story.target(told, WINDOW, version).facets == {"agent_version": "2.3.1"}
    assert story.target(told, WINDOW, version).filters == {"status": "failed"}
    assert story.target(told, WINDOW).filters == {"status": "failed", "language": "hinglish"}
    slow = Story(normal=False, headline="", measure=LATENCIES[0], limit_ms=1234.5, calls=3)
    assert story.target(slow, WINDOW).facets["low"] == "1234.5"


def test_a_story_about_one_day_of_a_week_leads_to_that_day() -> None:
    """Told by the day it says neither the hour nor the cost; the page of that day does."""
    midnight = NOW.replace(hour=0)
    day = Story(normal=False, headline="", since=midnight, until=midnight + timedelta(hours=24, seconds=-1))
    assert story.day_of(day) == midnight.date()
    hours = Story(normal=False, headline="", since=midnight, until=midnight + timedelta(hours=3))
    days = Story(normal=False, headline="", since=midnight, until=midnight + timedelta(days=2))
    lasting = Story(normal=False, headline="", since=midnight)
    assert [story.day_of(one) for one in (hours, days, lasting)] == [None] * 3


def test_the_title_of_the_tab_says_what_fires() -> None:
    """Also where the page is one of twenty tabs."""
    firing = [_alert(Severity.WARNING), _alert(Severity.CRITICAL), _alert(Severity.WARNING)]
    assert header.title("Calls", firing) == "1 critical, 2 warning · Calls · Ringside"
    assert header.title("Calls", []) == "Calls · Ringside"


def test_overview_begins_with_what_happened(database: Database[Document], start: Start) -> None:
    """A language that fails since two hours, in a sentence; what it cost; tiles about it first."""
    now, week = utc_now(), timedelta(days=7)
    calls = []
    for number in range(400):
        at = now - timedelta(minutes=3 * number + 1)
        fails = at > now - timedelta(hours=2)
        fields = {"language": "hindi", "cost": {"llm": 2.0}, "qualification_completed": True}
        status = "failed" if fails else "completed"
        calls.append(make_call(number, at, status=status, **fields))
        calls.append(make_call(10_000 + number, at - week, status="completed", **fields))
    write_calls(database, calls)
    save_target(database, Target(metric="failure_rate", target=0.02), "asha")
    save_target(database, Target(metric="cost", part="per_qualified_lead", target=1.5), "asha")
    app = start("overview", period="24h")
    assert not app.exception
    said = text_of(app).replace("\\", "")
    assert "Calls have been failing since " in said
    assert "lost against last " in said
    assert app.metric[0].label == "Call failure rate"
    assert "Misses 2.0 %" in said
    assert "as of " in said


def test_a_target_is_set_and_removed_on_the_screen(database: Database[Document], start: Start) -> None:
    """By whoever may change rules; in per cent, as it is shown."""
    app = start("alerts", view="Rules")
    app.selectbox(key="target-figure").select("answer_rate").run()
    app.number_input(key="target-value-answer_rate").set_value(60.0)
    app.text_input(key="target-who").set_value("Asha").run()
    app.button(key="save-target").click().run()
    assert not app.exception
    assert targets_in_force(database).targets["answer_rate"].target == 0.6
    app.button(key="remove-target").click().run()
    assert targets_in_force(database).targets == {}
