"""The boards of panels that pages show, made once for all readers of the same view.

Cached as resources: shared, not copied, and never changed.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from core.aggregation import funnel, series, tables
from core.aggregation.cube import Cube
from core.aggregation.rollups.buckets import SECONDS, Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search.slowest import SlowCall
from core.clock import utc_now
from core.models.definitions import LATENCIES, Dimension
from core.models.hours import Hours
from core.models.metrics import CallSummary
from core.settings import get_settings
from dashboard import formats, theme
from dashboard.filters import Selection, Window
from dashboard.panels import comparison, conversion, latency, service_requests, volume
from dashboard.panels.conversations import handoffs, language_changes, silences
from dashboard.panels.panel import Panel
from dashboard.panels.view import View
from dashboard.queries import alert_queries, call_queries, story_queries, system_queries
from dashboard.queries.cache import KEPT_SECONDS
from dashboard.queries.call_queries import Figures

BOARDS_KEPT = 48
OVERVIEW_LATENCIES = 2
MOST_POINTS = 2_000
SERVICES_WITHIN = timedelta(days=7)
"""Requests are stored by the minute, so longer periods show only their last days."""
BY: tuple[Dimension, ...] = ("language", "campaign")


@dataclass(frozen=True)
class Board:
    """A period's figures and panels; no panels if there are no calls."""

    summary: CallSummary
    panels: tuple[Panel, ...] = ()
    at: datetime = field(kw_only=True)
    """When its calls were read."""
    shaded: bool = field(default=False, kw_only=True)
    """Whether its charts over time shade the hours outside calling hours."""


@dataclass(frozen=True)
class FiguresBoard(Board):
    """A board with key figures, those of the compared period, and their trend."""

    figures: Figures = field(kw_only=True)
    spent: pd.Series = field(kw_only=True)
    """Rupees by outcome."""


@dataclass(frozen=True)
class ComparedBoard(Board):
    """A board with the figures of the compared period."""

    before: CallSummary = field(kw_only=True)
    slowest: Sequence[SlowCall] = ()


def measured(summary: CallSummary) -> list[str]:
    """Return the latencies recorded in the period; all of them if there are none."""
    return [field for field in LATENCIES if getattr(summary, field).n] or list(LATENCIES)


def most_telling(now: CallSummary, before: CallSummary, alerting: Collection[str]) -> list[str]:
    """Return the two latencies to draw: first one with an alert, then those that changed most.

    Args:
        now: figures of the period.
        before: figures of the compared period.
        alerting: fields that firing rules watch.
    """

    def changed(name: str) -> float:
        value, was = getattr(now, name).p95, getattr(before, name).p95
        return abs(math.log(value / was)) if value and was else 0.0

    # Sorting is stable, so ties keep the usual order.
    ordered = sorted(measured(now), key=changed, reverse=True)
    first = next((name for name in ordered if name in alerting), ordered[0])
    chosen = [first, *(name for name in ordered if name != first)][:OVERVIEW_LATENCIES]
    return [name for name in LATENCIES if name in chosen]


def _earlier(window: Window, filters: CallFilters, cube: Cube) -> pd.Series:
    """Return the calls of the compared period, in the buckets of this one."""
    before = call_queries.cube(window.before, window.before_end, filters, call_queries.BEFORE_BUCKET)
    return comparison.aligned(cube, before, window.bucket)


def fitting_bucket(window: Window, wanted: Bucket | None) -> Bucket:
    """Return the wanted bucket, or the default if that makes too many points to draw."""
    if wanted is None:
        return window.bucket
    seconds = (window.end - window.start).total_seconds()
    return wanted if seconds / SECONDS.get(wanted, 86_400) <= MOST_POINTS else window.bucket


def view_of(window: Window, selection: Selection, mode: theme.Mode) -> View:
    """Return what the panels of a page share, including marks for alerts of its period."""
    filling = window.start < utc_now() <= window.end
    fired = alert_queries.fired_between(window.start, window.end)
    targets = alert_queries.targets().targets
    return View(window, selection, theme.palette_of(mode), filling, fired, targets)


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=BOARDS_KEPT, show_spinner=False)
def overview_board(window: Window, selection: Selection, mode: theme.Mode) -> FiguresBoard:
    """Return key figures, volume by outcome, and the two most telling latencies."""
    cube = call_queries.course(window, selection.filters)
    figures = call_queries.figures(cube, window, selection.filters)
    summary, spent = figures.now, tables.costs(cube, "status")["total"]
    if not summary.total_calls:
        return FiguresBoard(summary, figures=figures, spent=spent, at=cube.read_at)
    # Load
    by_outcome = series.volume(cube, "status", window.bucket)
    earlier = _earlier(window, selection.filters, cube)
    fields = most_telling(figures.now, figures.before, alert_queries.alerting_fields())
    courses = {name: series.percentile_series(cube, name, window.bucket) for name in fields}
    # Panels
    view = view_of(window, selection, mode)
    outcomes = volume.volume(view, "status", by_outcome, earlier)
    latencies = (
        volume.latency(view, name, course, getattr(summary, name), shown=("p50", "p95"))
        for name, course in courses.items()
    )
    # Board
    shaded = bool(view.nights)
    return FiguresBoard(
        summary, (outcomes, *latencies), figures=figures, spent=spent, at=cube.read_at, shaded=shaded
    )


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=BOARDS_KEPT, show_spinner=False)
def analytics_board(
    window: Window, selection: Selection, by: Dimension, wanted: Bucket | None, mode: theme.Mode
) -> ComparedBoard:
    """Return volume, rates, durations and what changed, by a dimension."""
    bucket, fields = fitting_bucket(window, wanted), ("duration_seconds",)
    window = replace(window, bucket=bucket)
    reads = [lambda: call_queries.load(window, selection.filters, bucket, fields, campaigns=True)]
    cubes = call_queries.together(window, selection.filters, *(reads if by == "campaign" else ()))
    course, cube = cubes[0], cubes[-1]
    summary, before = call_queries.summary(course), call_queries.before(window, selection.filters)
    if not summary.total_calls:
        return ComparedBoard(summary, before=before, at=course.read_at)
    zone_words = formats.zone_name(window.end, get_settings().tz)
    split: Dimension = "direction" if by == "status" else by  # rates are made of outcomes
    durations = series.percentile_series(cube, "duration_seconds", bucket)
    earlier = _earlier(window, selection.filters, cube)
    view = view_of(window, selection, mode)
    panels = (
        volume.volume(view, by, series.volume(cube, by, bucket), earlier),
        comparison.changes(view, summary, before),
        volume.rates(view, series.rates(cube, bucket), summary),
        comparison.rates_by(view, split, tables.breakdown(cube, split)),
        volume.duration_course(view, durations, summary.duration_seconds),
        volume.durations(view, tables.histogram(cube, "duration_seconds"), summary.duration_seconds),
        volume.languages(view, summary),
        service_requests.ends(view, tables.ends(cube), summary),
        volume.hours(view, series.by_hour_of_week(cube), summary, zone_words),
    )
    return ComparedBoard(summary, panels, before=before, at=course.read_at, shaded=bool(view.nights))


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=BOARDS_KEPT, show_spinner=False)
def conversion_board(window: Window, selection: Selection, mode: theme.Mode) -> ComparedBoard:
    """Return the funnel and its leaks, conversion over time, sentiment, best time to call, costs."""
    reads = [lambda: call_queries.load(window, selection.filters, "1D", campaigns=True)]
    if window.bucket not in SECONDS:
        reads.append(lambda: call_queries.load(window, selection.filters, "1h"))
    cubes = call_queries.together(window, selection.filters, *reads)
    course, cube, hourly = cubes[0], cubes[1], cubes[2] if cubes[2:] else cubes[0]
    summary, before = call_queries.summary(course), call_queries.before(window, selection.filters)
    if not summary.total_calls:
        return ComparedBoard(summary, before=before, at=course.read_at)
    zone, found = get_settings().tz, call_queries.newest_conversations(window, selection.filters)
    allowed = Hours.parse(get_settings().calling_hours, zone)
    _, outside = tables.outside_hours(cube, allowed.cover)
    zone_words = formats.zone_name(window.end, zone)
    view = view_of(window, selection, mode)
    panels = (
        conversion.funnel(view, funnel.funnel(cube)),
        conversion.conversions(view, series.rates(course, window.bucket), summary),
        *(conversion.leaks(view, name, funnel.funnel(cube, name)) for name in BY),
        conversion.leaks(view, "attempt", funnel.attempts(cube)),
        conversion.best_time(view, *series.answers_by_hour_of_week(cube), outside, zone_words),
        volume.sentiment(view, tables.sentiment_histogram(cube), summary),
        conversion.by_hour(view, funnel.by_hour(hourly)),
        *(conversion.costs(view, name, tables.costs(cube, name), summary) for name in BY),
        *(conversion.lead_costs(view, name, tables.costs(cube, name), summary) for name in BY),
        handoffs.handoffs(view, found),
        silences.silences(view, found),
        language_changes.changes_of_language(view, found),
    )
    return ComparedBoard(summary, panels, before=before, at=course.read_at, shaded=bool(view.nights))


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=BOARDS_KEPT, show_spinner=False)
def latency_board(window: Window, selection: Selection, stage: str, mode: theme.Mode) -> ComparedBoard:
    """Return the percentiles of all stages, and one stage in detail."""
    name = latency.STAGES[stage]
    # Hours of long periods have many cells, and campaigns more, so both are read for one field only.
    reads = [lambda: call_queries.load(window, selection.filters, "1D", (name,), campaigns=True)]
    if window.bucket not in SECONDS:
        reads.append(lambda: call_queries.load(window, selection.filters, "1h", (name,), counts=False))
    cubes = call_queries.together(window, selection.filters, *reads, alike=lambda cube: cube.measured(name))
    cube, whole, hourly = cubes[0], cubes[1], cubes[2] if cubes[2:] else cubes[0]
    summary, before = call_queries.summary(cube), call_queries.before(window, selection.filters)
    if not summary.total_calls:
        return ComparedBoard(summary, before=before, at=cube.read_at)
    values, counts = series.percentile_by_hour_of_week(hourly, name)
    view, zone_words = view_of(window, selection, mode), formats.zone_name(window.end, get_settings().tz)
    panels = (
        *(
            volume.latency(
                view, each, series.percentile_series(cube, each, window.bucket), getattr(summary, each)
            )
            for each in LATENCIES
        ),
        latency.per_turn(view, call_queries.turns(window, selection.filters), summary),
        latency.distribution(view, name, tables.histogram(cube, name), getattr(summary, name)),
        latency.hours(view, name, values, counts, zone_words),
        *(latency.by_dimension(view, name, by, tables.breakdown(whole, by, (name,))) for by in BY),
    )
    slowest = call_queries.slowest(hourly, name, selection.filters)
    return ComparedBoard(
        summary, panels, before=before, slowest=slowest, at=cube.read_at, shaded=bool(view.nights)
    )


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=BOARDS_KEPT, show_spinner=False)
def system_board(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """Return services, and errors by type and fault; the summary has each value's coverage."""
    zone = get_settings().tz
    cube = call_queries.course(window, selection.filters)
    summary = call_queries.summary(cube)
    first = max(window.start, window.end - SERVICES_WITHIN)
    requests = system_queries.requests(first, window.end)
    since = f"since {formats.clock(first, zone, window.end)}"
    since += ", whatever the filters" if selection.filters.query() else ""
    view = view_of(window, selection, mode)
    panels = (
        service_requests.operations(view, requests, since),
        service_requests.service_latency(view, requests),
        service_requests.service_errors(view, requests),
        service_requests.errors(view, tables.errors(cube), summary),
        service_requests.ends(view, tables.ends(cube), summary),
    )
    return Board(summary, panels, at=cube.read_at, shaded=bool(view.nights))


def forget() -> None:
    """Clear all boards, because what they show is no longer true."""
    call_queries.forget_figures()
    story_queries.story.clear()
    for board in (overview_board, analytics_board, conversion_board, latency_board, system_board):
        board.clear()
