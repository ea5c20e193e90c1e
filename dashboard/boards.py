"""The boards of charts that pages show, drawn once for all readers of the same view.

They are kept as resources: shared, not copied, and never changed after they are made.
"""

from dataclasses import dataclass

import streamlit as st

from core.aggregation import series, tables
from core.aggregation.cube import load_cube
from core.aggregation.definitions import LATENCIES
from core.aggregation.figures import summarise
from core.clock import utc_now
from core.models.metrics import CallSummary
from core.settings import get_settings
from core.storage import get_sync_database
from dashboard import formats, panels, theme
from dashboard.filters import Selection, Window
from dashboard.panel import Panel

BOARDS_KEPT = 48


@dataclass(frozen=True)
class Board:
    """The panels of a period and its figures; no panels where there are no calls."""

    summary: CallSummary
    panels: tuple[Panel, ...] = ()


def _view(window: Window, selection: Selection, mode: theme.Mode) -> panels.View:
    filling = window.start < utc_now() <= window.end
    return panels.View(window, selection, theme.palette_of(mode), filling)


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def overview(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """Volume by outcome, and the latencies' percentiles."""
    cube = load_cube(get_sync_database(), window.start, window.end, selection.filters, bucket=window.bucket)
    summary = summarise(cube)
    if not cube.total:
        return Board(summary)
    view = _view(window, selection, mode)
    latencies = (
        panels.latency(
            view,
            field,
            series.percentile_series(cube, field, window.bucket),
            getattr(summary, field),
            shown=("p50", "p95"),
        )
        for field in LATENCIES
    )
    return Board(
        summary, (panels.volume(view, "status", series.volume(cube, "status", window.bucket)), *latencies)
    )


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def analytics(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """Volume, rates, percentiles and distributions."""
    cube = load_cube(get_sync_database(), window.start, window.end, selection.filters, bucket=window.bucket)
    summary = summarise(cube)
    if not cube.total:
        return Board(summary)
    view, zone = _view(window, selection, mode), get_settings().tz
    courses = {
        field: series.percentile_series(cube, field, window.bucket)
        for field in (*LATENCIES, "duration_seconds")
    }
    return Board(
        summary,
        (
            panels.volume(view, "status", series.volume(cube, "status", window.bucket)),
            panels.volume(view, "direction", series.volume(cube, "direction", window.bucket)),
            *(panels.latency(view, field, courses[field], getattr(summary, field)) for field in LATENCIES),
            panels.rates(view, series.rates(cube, window.bucket), summary),
            panels.duration_course(view, courses["duration_seconds"], summary.duration_seconds),
            panels.durations(view, tables.histogram(cube, "duration_seconds"), summary.duration_seconds),
            panels.sentiment(view, tables.sentiment_histogram(cube), summary),
            panels.languages(view, summary),
            panels.hours(view, series.by_hour_of_week(cube), summary, formats.zone_name(window.end, zone)),
        ),
    )


def forget() -> None:
    """Draw all boards afresh: what they say of an empty store is no longer true."""
    overview.clear()
    analytics.clear()
