"""Conversion's rows about single calls, costs and hours: each with n, an interval, and its calls."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import orjson
import pytest
import streamlit as st
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.clock import utc_now
from core.models.calls.parts import CallCost
from core.models.definitions import COST_PARTS
from core.models.metrics import CallMetrics, TurnMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from dashboard.panels import boards
from dashboard.panels.panel import Panel
from dashboard.theme import palette_of
from tests.dashboard.conftest import make_call, scrolled, text_of
from tests.dashboard.panels.test_boards import SELECTION

CALLS = 200
MOST_PIXELS_OF_NAMES = 220
"""On a phone a chart is 330 pixels wide."""


def some_call(number: int) -> CallMetrics:
    """Every 4th qualifies, of those every 2nd is handed over; every 5th hangs up, in a silence."""
    qualified, hung_up = number % 4 == 0, number % 5 == 1
    silent = {"by": "agent", "seconds": 4.6 if hung_up else 1.0, "ended_call": hung_up}
    return make_call(
        number,
        utc_now() - timedelta(minutes=3 + 5 * number),
        language="hindi" if number % 2 else "hinglish",
        qualification_completed=qualified,
        handoff_triggered=number % 8 == 0,
        handoff_wait_seconds=10.0 if number % 8 == 0 else None,
        handoff_answered_at=utc_now() if number % 16 == 0 else None,
        end_reason="hung_up" if hung_up else "agent_goodbye",
        silences=[silent],
        cost={"llm": 2.0, "telephony": 1.0},
    )


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    """Boards of one test are none of the next."""
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def panels(database: Database[Document]) -> dict[str, Panel]:
    calls = [some_call(number) for number in range(CALLS)]
    write_calls(database, calls)
    turns = [
        TurnMetrics(call_id=call.call_id, turn=turn, language="hindi" if turn == 2 else "english", e2e_ms=900)
        for call in calls[:50]
        for turn in (1, 2)
    ]
    write(database, [Record.now(turn) for turn in turns])
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    return {panel.key: panel for panel in boards.conversion_board(window, SELECTION, "light").panels}


def test_each_row_says_n_and_an_interval_and_leads_to_its_calls(panels: dict[str, Panel]) -> None:
    point = {"x": "10\N{EN DASH}15", "y": 0, "point_index": 0, "curve_number": 0}
    for key, said, facets in (
        ("handoff-waits", "A person answers 52.0 % (33.5 to 70.0), within 20 s", {"stage": "handed_off"}),
        ("silences", "Of 40 hang-ups 100.0 % (91.2 to 100.0) came", {"end_reason": "customer_hung_up"}),
    ):
        panel = panels[key]
        assert said in panel.caption
        assert " · n " in panel.caption
        assert panel.drilldown is not None
        target = panel.drilldown(point)
        assert target is not None
        assert target.facets == facets
    changes = panels["language-changes"]
    assert changes.caption.startswith("100.0 % (92.9 to 100.0) of calls change language")
    assert changes.page is not None
    assert "](calls?call_id=call_0)" in changes.page["Newest calls"].iloc[0]
    assert "all calls of the period" in panels["silences"].caption


def test_a_qualified_lead_costs_what_all_calls_cost(panels: dict[str, Panel]) -> None:
    """Component by component; the parts make up the sum."""
    table = panels["lead-costs-language"].table
    assert table is not None
    (row,) = table[table["Language"] == "Hinglish"].to_dict("records")
    assert (row["Model (₹/lead)"], row["Telephony (₹/lead)"], row["₹ per qualified lead"]) == (4.0, 2.0, 6.0)
    assert row["from"] < 6.0 < row["to"]
    assert row["Qualified leads"] == CALLS // 4


def test_the_largest_part_of_the_cost_is_that_of_all_calls(database: Database[Document]) -> None:
    """One dear call of a rare language outweighs nothing: most of the money went to the carrier."""
    cheap = {"llm": 0.1, "telephony": 2.0}
    calls = [some_call(number).model_copy(update={"cost": CallCost(**cheap)}) for number in range(40)]
    rare = {"language": "tamil", "cost": CallCost(llm=50.0), "qualification_completed": True}
    write_calls(database, [*calls, some_call(41).model_copy(update=rare)])
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    panels = {panel.key: panel for panel in boards.conversion_board(window, SELECTION, "light").panels}
    for key in ("costs-language", "lead-costs-language"):
        assert "largest part: telephony" in panels[key].caption, panels[key].caption


@pytest.mark.parametrize("rare", [1, 60])
def test_no_campaign_is_called_the_dearest_or_slowest_by_a_call_or_two(
    database: Database[Document], rare: int
) -> None:
    """One lead of a new campaign says little of what its leads cost, or how slow its calls are."""
    qualified = {"qualification_completed": True, "llm_latency_ms": 900.0}
    calls = [
        some_call(number).model_copy(update={**qualified, "campaign": "usual"}) for number in range(CALLS)
    ]
    dear = {"campaign": "rare", "cost": CallCost(llm=9.0), "llm_latency_ms": 2_000.0}
    calls += [some_call(CALLS + n).model_copy(update={**qualified, **dear}) for n in range(rare)]
    write_calls(database, calls)
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    conversion = {one.key: one for one in boards.conversion_board(window, SELECTION, "light").panels}
    latency = {one.key: one for one in boards.latency_board(window, SELECTION, "LLM", "light").panels}
    for panel in (conversion["costs-campaign"], conversion["lead-costs-campaign"]):
        assert ("(from usual ₹3.00 to rare ₹9.00)" in panel.caption) == (rare > 1)
    slowest = latency["latency-campaign"].caption
    assert slowest.startswith("Slowest p95: rare" if rare > 1 else "Slowest p95: usual")


def test_the_funnel_by_hour_and_language_adds_up_to_the_funnel(panels: dict[str, Panel]) -> None:
    table = panels["funnel-hours"].table
    assert table is not None
    assert table["Dialled"].sum() == CALLS
    assert table["Qualified"].sum() == CALLS // 4
    assert "Qualified per call dialled" in panels["funnel-hours"].title


def test_calls_that_cost_nothing_take_conversion_not_away(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    """As on a free tier: every recorded part of the cost is zero."""
    calls = [some_call(number).model_copy(update={"cost": CallCost(llm=0.0)}) for number in range(4)]
    write_calls(database, calls)
    app = scrolled(start("conversion"))
    assert not app.exception
    assert "All recorded costs are \N{INDIAN RUPEE SIGN}0.00 · n 4" in text_of(app)


def test_what_a_platform_and_other_things_cost_is_drawn_on_conversion_and_compare(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    """A platform's minutes took the whole page away; each component has one colour on both pages."""
    cost = CallCost(**{part: 1.0 + at for at, part in enumerate(COST_PARTS)})
    calls = [
        some_call(number).model_copy(update={"cost": cost, "agent_version": f"2.{number % 2}"})
        for number in range(40)
    ]
    write_calls(database, calls)
    wanted = {COST_PARTS[part]: palette_of("light").colours[part] for part in COST_PARTS}
    assert len(set(wanted.values())) == len(COST_PARTS)
    for page, chart in (("conversion", "costs-language"), ("questions/compare", "compare-cost")):
        app = scrolled(start(page))
        assert not app.exception
        (drawn,) = (one for one in app.get("plotly_chart") if one.proto.id.endswith(f"plot-{chart}"))
        bars = orjson.loads(drawn.proto.spec)["data"]
        assert {bar["name"]: bar["marker"]["color"] for bar in bars} == wanted
    assert palette_of("dark").colours.keys() >= COST_PARTS.keys()


def test_no_hour_outside_calling_hours_is_the_best_for_qualified_leads(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many qualify at night: the product never recommends what its own rules forbid."""
    monkeypatch.setenv("CALLING_HOURS", "09:00-21:00")
    get_settings.cache_clear()
    night = utc_now().astimezone(get_settings().tz).replace(hour=2, minute=5) - timedelta(days=1)
    calls = [
        make_call(number, start + timedelta(seconds=number), qualification_completed=number % every == 0)
        for start, every, numbers in ((night, 1, range(40)), (night.replace(hour=10), 4, range(40, 80)))
        for number in numbers
    ]
    write_calls(database, calls)
    selection = replace(SELECTION, period="7d")
    window = selection.window(utc_now(), get_settings().tz, 60)
    found = {panel.key: panel for panel in boards.conversion_board(window, selection, "light").panels}
    assert found["funnel-hours"].caption.startswith("Best: 10:00, Hinglish, 25.0 %")


def test_a_campaign_with_any_name_leads_to_its_calls_and_leaves_room_for_its_bar(
    database: Database[Document],
) -> None:
    """An ampersand took the link away; 128 letters, the most it may have, all of the chart on a phone."""
    names = ("Home & Auto <loan>", "x" * 128, "दिवाली गृह ऋण अभियान — सितंबर 2026")
    calls = [
        make_call(
            number, utc_now() - timedelta(minutes=9), campaign=name, cost={"llm": 2.0}, llm_latency_ms=9
        )
        for number, name in enumerate(names)
    ]
    write_calls(database, calls)
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    conversion = {one.key: one for one in boards.conversion_board(window, SELECTION, "light").panels}
    latency = {one.key: one for one in boards.latency_board(window, SELECTION, "LLM", "light").panels}
    for panel in (conversion["costs-campaign"], latency["latency-campaign"]):
        assert panel.figure is not None
        for name in names:
            assert urlencode({"of_campaign": name}) in unescape(panel.links())
        layout = panel.figure.to_dict()["layout"]
        assert layout["margin"]["l"] < MOST_PIXELS_OF_NAMES
        assert f"{'x' * 14}\N{HORIZONTAL ELLIPSIS}{'x' * 9}  " in layout["yaxis"]["ticktext"]


def test_a_campaign_named_by_a_number_or_a_day_has_its_own_row(database: Database[Document]) -> None:
    """Plotly took such names for places on the axis: all bars fell on one line, their sums on others."""
    names = ("2026", "1", "0", "2026-11-01", "1e3")
    calls = [
        some_call(number).model_copy(update={"campaign": names[at], "llm_latency_ms": 900.0 + at})
        for at in range(len(names))
        for number in range(12 * at, 12 * at + 12 - at)
    ]
    write_calls(database, calls)
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    conversion = {one.key: one for one in boards.conversion_board(window, SELECTION, "light").panels}
    latency = {one.key: one for one in boards.latency_board(window, SELECTION, "LLM", "light").panels}
    rows = list(range(len(names)))
    for panel in (
        conversion["costs-campaign"],
        conversion["lead-costs-campaign"],
        latency["latency-campaign"],
    ):
        assert panel.figure is not None
        figure = panel.figure.to_dict()
        axis = figure["layout"]["yaxis"]
        assert (axis["type"], axis["tickvals"]) == ("linear", rows), panel.key
        assert [text.strip() for text in axis["ticktext"]] == list(names)
        assert all(list(trace["y"]) == rows for trace in figure["data"])
        assert [note["y"] for note in figure["layout"].get("annotations", ())] in (rows, [])
        assert panel.drilldown is not None
        target = panel.drilldown({"x": 1.0, "y": 3, "point_index": 3, "curve_number": 0})
        assert target is not None
        assert target.filters == {"campaign": "2026-11-01"}


def test_hours_without_enough_calls_are_no_rows_without_dots(database: Database[Document]) -> None:
    """Few calls at every hour drew 24 names over each other, beside nothing."""
    hour_ago = utc_now() - timedelta(hours=1)
    calls = [make_call(number, hour_ago - timedelta(hours=number)) for number in range(23)]
    write_calls(database, calls)
    window = SELECTION.window(utc_now(), get_settings().tz, 60)
    found = {one.key: one for one in boards.conversion_board(window, SELECTION, "light").panels}
    few = found["funnel-hours"]
    assert few.figure is None
    assert few.caption.startswith("No hour has 20 outbound calls of one language yet · n 23")
    assert few.table is not None
    assert few.table["Dialled"].sum() == len(calls)
