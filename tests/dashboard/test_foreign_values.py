"""Stored values that no call or turn has, as other tools write them: no page is lost for one of them."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pandas as pd
import pytest
from bson import Decimal128
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.search.call_rows import rows_of
from core.clock import utc_now
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import ALERT_EVENTS, ALERTS, CALLS, SERVICE_MINUTES, TURNS
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from dashboard.calls.call_list import ORDERS, to_csv
from tests.dashboard.conftest import calls_listed, make_call, scrolled, text_of

Start = Callable[..., AppTest]
ODD = "call_7"
NAN, INFINITE = float("nan"), float("inf")


def change(database: Database[Document], **fields: Any) -> None:
    """Write into a stored call what no call has."""
    database[CALLS].update_one({"_id": ODD}, {"$set": fields})


def pages_of(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("field", ["language", "campaign"])
@pytest.mark.parametrize("value", [7, ["hindi"], Decimal128("1.5")])
def test_a_language_that_is_no_text_takes_no_page_away(
    calls_of_today: Database[Document], start: Start, field: str, value: object
) -> None:
    change(calls_of_today, **{field: value})
    app = start()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Calls"] == "119"


UNREADABLE: list[tuple[str, object]] = [
    ("duration_seconds", "120"),
    ("duration_seconds", NAN),
    ("e2e_latency_ms", Decimal128("900")),
    ("sentiment_score", "good"),
    ("cost", {"llm": "free"}),
    ("cost", 1.5),
    ("cost", {"llm": NAN}),
    ("errors", "llm_timeout"),
    ("errors", [503]),
    ("error_types", 503),
    ("end_reason", 17),
]


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_a_list_shows_a_call_without_the_value_it_cannot_read_and_names_it(
    calls_of_today: Database[Document], start: Start, field: str, value: object
) -> None:
    change(calls_of_today, **{field: value})
    app = start("calls", q=ODD)
    assert not app.exception
    assert calls_listed(app) == [ODD, *sorted(f"call_{number}" for number in range(70, 80))]
    assert f"<small>cannot be read: {field}</small>" in pages_of(app)


@pytest.mark.parametrize("order", ORDERS)
def test_a_list_holds_in_every_order_whatever_other_tools_wrote(
    calls_of_today: Database[Document], start: Start, order: str
) -> None:
    for number, (field, value) in enumerate(UNREADABLE):
        calls_of_today[CALLS].update_one({"_id": f"call_{number}"}, {"$set": {field: value}})
    app = start("calls", order=order)
    assert not app.exception
    assert "120 calls" in text_of(app)


def test_the_csv_of_a_list_has_every_call(calls_of_today: Database[Document]) -> None:
    """As many rows as the page says; the value that cannot be read is empty."""
    change(calls_of_today, duration_seconds="2 min", cost=7, errors=[503])
    rows = rows_of(calls_of_today[CALLS].find())
    table = pd.read_csv(StringIO(to_csv(rows, get_settings().tz)))
    assert len(table) == 120
    assert table[table["Call"] == ODD][["Duration (s)", "Errors"]].isna().all(axis=None)


@pytest.mark.parametrize("value", [INFINITE, -INFINITE])
def test_an_infinite_value_is_unknown_and_spoils_no_figure(
    calls_of_today: Database[Document], start: Start, value: float
) -> None:
    change(calls_of_today, duration_seconds=value, asr_latency_ms=value, cost={"llm": value})
    for page in ("analytics", "conversion", "latency"):
        app = scrolled(start(page))
        assert not app.exception, page
        assert "inf" not in text_of(app).replace("info", "")


def test_a_call_page_lists_the_leads_calls_although_another_tool_wrote_one(
    calls_of_today: Database[Document], start: Start
) -> None:
    """One without a start, one with an ending that is no text."""
    calls = calls_of_today[CALLS]
    calls.update_many({"_id": {"$in": ["call_1", "call_2", ODD]}}, {"$set": {"lead_id": "lead_1"}})
    calls.insert_one({"_id": "begun", "lead_id": "lead_1", "state": "open"})
    change(calls_of_today, end_reason=b"nothing known", attempt="third")
    for page, link in (("calls", {"call_id": "call_1"}), ("lead", {"lead_id": "lead_1"})):
        app = start(page, **link)
        assert not app.exception, page
    app = start("calls", call_id=ODD)
    assert not app.exception
    assert "is no call" in text_of(app)


def test_a_turn_that_cannot_be_read_is_set_apart_from_the_others(
    calls_of_today: Database[Document], start: Start
) -> None:
    """On the page of its call, on Latency and on Conversion."""
    now = utc_now()
    turns = [
        TurnMetrics(call_id=ODD, turn=number, start_time=now, language="hindi", e2e_ms=900)
        for number in range(1, 5)
    ]
    write(calls_of_today, [Record.now(turn) for turn in turns], fresh=True)
    odd = {"call_id": ODD, "start_time": now, "language": "hindi"}
    calls_of_today[TURNS].insert_many(
        [
            odd | {"_id": "a", "turn": 5, "e2e_ms": "soon"},
            odd | {"_id": "b", "turn": "six", "e2e_ms": 900.0},
            odd | {"_id": "c", "e2e_ms": 900.0},
        ]
    )
    for page in ("latency", "conversion"):
        app = scrolled(start(page))
        assert not app.exception, page
    app = start("calls", call_id=ODD)
    assert not app.exception
    assert "3 turns of this call cannot be read" in text_of(app)


def test_an_alert_or_minute_that_cannot_be_read_takes_no_page_away(
    calls_of_today: Database[Document], start: Start
) -> None:
    now = utc_now()
    calls_of_today[ALERTS].insert_one(
        {"_id": "odd", "state": "firing", "severity": "dire", "started_at": now}
    )
    calls_of_today[ALERT_EVENTS].insert_one({"at": now, "event": "firing", "severity": "dire"})
    calls_of_today[SERVICE_MINUTES].insert_one({"minute": now, "service": "asr"})
    for page, link in (
        ("overview", {}),
        ("alerts", {}),
        ("alerts", {"view": "History"}),
        ("system", {}),
    ):
        app = scrolled(start(page, **link))
        assert not app.exception, page


def test_a_lead_has_as_many_calls_as_are_stored_although_one_cannot_be_read(
    database: Database[Document], start: Start
) -> None:
    """One unreadable among the newest 200 made it a lead of 199 calls in all."""
    now = utc_now()
    calls = [make_call(n, now - timedelta(minutes=5 * n + 1), lead_id="lead_1") for n in range(260)]
    write_calls(database, calls)
    change(database, status="lost")
    app = start("lead", lead_id="lead_1")
    assert not app.exception
    assert "260 calls since" in text_of(app)
    assert "the newest 199 are shown" in text_of(app)
