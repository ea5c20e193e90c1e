"""Marks of alerts on the charts over time."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import plotly.graph_objects as go
import pytest

from core.aggregation.rollups.call_frames import CallFilters
from core.alerting.board import Fired
from core.models.alerts import Severity
from dashboard.filters import Selection, Window
from dashboard.panels.view import MOST_MARKS, View
from dashboard.theme import palette_of

START = datetime(2026, 11, 24, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1), START, START, "1h")
SELECTION = Selection("24h", START, START, CallFilters())


def _view(count: int) -> View:
    severities = (Severity.WARNING, Severity.CRITICAL)
    fired = [
        Fired(START + timedelta(days=number / count), f"<b>rule {number}</b>", severities[number % 2])
        for number in range(count)
    ]
    return View(WINDOW, SELECTION, palette_of("light"), is_filling=False, fired=tuple(fired))


def _seconds(count: int) -> float:
    view, began = _view(count), time.perf_counter()
    view.annotate(go.Figure())
    return time.perf_counter() - began


@pytest.mark.alone
def test_many_alerts_cost_a_chart_no_more_than_a_few() -> None:
    """Ten times the alerts take about as long: what is drawn is bounded, and drawn at once."""
    few = min(_seconds(MOST_MARKS) for _ in range(3))
    assert min(_seconds(10 * MOST_MARKS) for _ in range(3)) < 3 * few


def test_alerts_close_to_each_other_share_a_mark_that_names_them() -> None:
    """The mark has the worst severity and the names, and says how many more there are."""
    figure = _view(10 * MOST_MARKS).annotate(go.Figure())
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert len(figure.layout.annotations) == len(lines) == MOST_MARKS
    words = figure.layout.annotations[0].hovertext
    assert words.count("started firing") == 5
    assert words.endswith("and 5 more")
    assert "&lt;b&gt;rule 0" in words
    assert figure.layout.annotations[0].font.color == palette_of("light").severities["critical"]


def test_a_single_alert_stands_where_it_began() -> None:
    """Its mark is at the local time of its beginning."""
    figure = _view(1).annotate(go.Figure())
    (mark,) = figure.layout.annotations
    assert mark.x.isoformat() == "2026-11-24T05:30:00"


def test_the_night_is_shaded_behind_charts_of_hours_and_not_of_days() -> None:
    """Five calls of a night are no rate to worry about; a bar of a day has its night within."""
    figure = _view(1).annotate(go.Figure({"layout": {"shapes": [{"type": "line", "y0": 2_000}]}}))
    assert figure.layout.shapes[0].y0 == 2_000, "a limit that was drawn before"
    grounds = [(str(shape.x0), str(shape.x1)) for shape in figure.layout.shapes if shape.type == "rect"]
    assert grounds == [
        ("2026-11-24 05:30:00", "2026-11-24 09:00:00"),
        ("2026-11-24 21:00:00", "2026-11-25 05:30:00"),
    ]
    days = replace(WINDOW, bucket="1D")
    by_day = View(days, SELECTION, palette_of("light"), is_filling=False).annotate(go.Figure())
    assert not by_day.layout.shapes
