"""Overview says one thing at a time: figures of one moment, what is wrong first, and what was wrong then."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.clock import utc_now
from core.models.metrics import CallSummary, Percentiles
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import ALERT_EVENTS
from core.types import Document
from dashboard import formats
from dashboard.overview.active_alerts import MOST_SHOWN
from dashboard.panels.boards import most_telling
from tests.dashboard.alerts.test_alerts import keep
from tests.dashboard.conftest import make_call, tables_of, text_of

Start = Callable[..., AppTest]
LATENCIES = ("e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "tts_latency_ms")


def _summary(**p95: float) -> CallSummary:
    spreads: dict[str, Any] = {name: Percentiles(n=0, coverage=None) for name in LATENCIES}
    spreads |= {name: Percentiles(n=100, coverage=1, p95=value) for name, value in p95.items()}
    return CallSummary.model_construct(None, **spreads)


def test_cards_and_charts_count_the_same_calls_as_of_one_moment(
    calls_of_today: Database[Document], start: Start
) -> None:
    """A call that comes in between shows in neither; the page names the moment."""
    app = start("overview", period="24h")
    write_calls(calls_of_today, [make_call(1_000, utc_now() - timedelta(minutes=1))])
    app.run()
    said, (cards,) = text_of(app), {metric.value for metric in app.metric if metric.label == "Calls"}
    (caption,) = re.findall(r"([\d,]+) calls · .* · as of \d\d:\d\d:\d\d", said)
    (chart,) = re.findall(r"Busiest hour: .* · n ([\d,]+)", said)
    assert caption == cards == chart


def test_every_latency_has_a_card_and_the_one_that_an_alert_is_about_a_chart() -> None:
    """Of four measured ones those are drawn that an alert is about, then those that changed most."""
    before = _summary(e2e_latency_ms=1_800, llm_latency_ms=900, asr_latency_ms=700, tts_latency_ms=300)
    now = _summary(e2e_latency_ms=1_850, llm_latency_ms=950, asr_latency_ms=710, tts_latency_ms=2_900)
    assert most_telling(now, before, {"asr_latency_ms"}) == ["asr_latency_ms", "tts_latency_ms"]
    slow = _summary(e2e_latency_ms=2_800, llm_latency_ms=900, asr_latency_ms=2_900, tts_latency_ms=320)
    # A rule of two fields is about the one that is slow.
    speech = {"asr_latency_ms", "tts_latency_ms"}
    assert most_telling(slow, before, speech) == ["e2e_latency_ms", "asr_latency_ms"]
    assert most_telling(before, before, ()) == ["e2e_latency_ms", "llm_latency_ms"]


def test_all_measured_latencies_have_a_card(database: Database[Document], start: Start) -> None:
    """Also speech recognition and synthesis where model and end to end are measured."""
    now = utc_now()
    fields = dict.fromkeys(LATENCIES, 900)
    write_calls(database, [make_call(n, now - timedelta(minutes=n + 1), **fields) for n in range(20)])
    labels = {metric.label for metric in start().metric}
    assert {"End-to-end p95", "LLM p95", "ASR p95", "TTS p95"} <= labels


def test_a_past_period_says_how_many_alerts_fired_in_it(
    calls_of_today: Database[Document], start: Start
) -> None:
    """No active alerts now, but three then."""
    then = utc_now() - timedelta(hours=6)
    for number in range(3):
        line: Document = {"at": then, "event": "firing", "alert_id": f"a{number}", "name": "x"}
        calls_of_today[ALERT_EVENTS].insert_one(line | {"severity": "critical", "key": number})
    zone = get_settings().tz

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes")

    past = start("overview", period="custom", from_=local(then - timedelta(hours=1)), to=local(utc_now()))
    assert not past.exception
    assert "3 alerts fired from" in text_of(past).replace("\\", "") or "3 alerts fired on" in text_of(past)


def test_a_hundred_alerts_leave_the_figures_on_the_first_screen(
    calls_of_today: Database[Document], start: Start
) -> None:
    """As of a rule by campaign: the worst are listed, the others counted, with a link; the CSV has all."""
    for number in range(100):
        keep(calls_of_today, f"rule-{number}", labels={"campaign": str(number)})
    app = start()
    ((*rows,),) = tables_of(app)
    assert len(rows) == MOST_SHOWN
    assert "[90 more alerts firing: see all on Alerts](alerts" in text_of(app)


def test_one_call_of_the_future_does_not_hide_that_calls_stopped_coming(
    database: Database[Document], start: Start
) -> None:
    """Its machine's clock is ahead; the newest call is the one that came three hours ago."""
    write_calls(database, [make_call(1, utc_now() - timedelta(hours=3, minutes=5))])
    write_calls(database, [make_call(2, utc_now() + timedelta(days=400))])
    assert "Newest call 3 h ago" in text_of(start())


def test_calls_of_the_future_alone_are_said_to_be_and_can_be_shown(
    database: Database[Document], start: Start
) -> None:
    first = utc_now() + timedelta(days=400)
    write_calls(database, [make_call(n, first + timedelta(minutes=n)) for n in range(3)])
    day = formats.day(first.astimezone(get_settings().tz).date())
    app = start()
    assert f"Newest call {day}, in the future" in text_of(app)
    assert f"The newest call is from {day}, in the future" in text_of(app)
    app.button(key="jump-to-data").click().run()
    assert not app.exception
    assert {one.label: one.value for one in app.metric}["Calls"] == "3"
