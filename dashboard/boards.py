"""The boards of charts that pages show, drawn once for all readers of the same view.

They are kept as resources: shared, not copied, and never changed after they are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd
import streamlit as st

from core.aggregation import funnel, series, tables
from core.aggregation.cube import Cube, load_cube
from core.aggregation.definitions import LATENCIES
from core.aggregation.rollups.buckets import BUCKETS, SECONDS, Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.series import Dimension
from core.aggregation.service_requests import load_requests
from core.aggregation.slowest import SlowCall, slowest_calls
from core.alerting.board import fired_between
from core.alerting.evaluation.active_hours import Hours
from core.clock import utc_now
from core.models.metrics import CallSummary
from core.settings import get_settings
from core.storage import get_sync_database
from dashboard import (
    comparison_panels,
    conversion_panels,
    formats,
    latency_panels,
    panels,
    queries,
    service_panels,
    theme,
)
from dashboard.filters import Selection, Window
from dashboard.panel import Panel

BOARDS_KEPT = 48
OVERVIEW_LATENCIES = 2
MOST_POINTS = 2_000
SERVICES_WITHIN = timedelta(days=7)
"""Requests are kept by the minute: of a longer period the last days are read."""
BY: tuple[Dimension, ...] = ("language", "campaign")


@dataclass(frozen=True)
class Board:
    """A period's panels, its figures and those of the compared one; no panels where there are no calls."""

    summary: CallSummary
    before: CallSummary
    panels: tuple[Panel, ...] = ()
    slowest: Sequence[SlowCall] = ()


def measured(summary: CallSummary) -> list[str]:
    """The latencies that calls of the period carry; all where none is."""
    return [field for field in LATENCIES if getattr(summary, field).n] or list(LATENCIES)


def _cube(
    window: Window,
    filters: CallFilters,
    bucket: Bucket,
    fields: Sequence[str] = (),
    *,
    campaigns: bool = False,
) -> Cube:
    """The calls of the period with the percentiles that are asked for; all that is left out saves time."""
    return load_cube(
        get_sync_database(),
        window.start,
        window.end,
        filters,
        bucket=bucket,
        fields=fields,
        campaigns=campaigns,
    )


def _course(window: Window, filters: CallFilters) -> Cube:
    """The calls of the period in the buckets of its charts."""
    return queries.cube(window.start, window.end, filters, window.bucket)


def _earlier(window: Window, filters: CallFilters, cube: Cube, bucket: Bucket) -> pd.Series:
    """The calls of the compared period in the buckets of this one."""
    before = queries.cube(window.before, window.before_end, filters, queries.BEFORE_BUCKET)
    return comparison_panels.aligned(cube, before, bucket)


def fitting_bucket(window: Window, wanted: Bucket | None) -> Bucket:
    """The bucket that the reader wants, or the usual one where that makes too many points to draw."""
    if wanted is None:
        return window.bucket
    seconds = (window.end - window.start).total_seconds()
    return wanted if seconds / SECONDS.get(wanted, 86_400) <= MOST_POINTS else window.bucket


def _view(window: Window, selection: Selection, mode: theme.Mode) -> panels.View:
    filling = window.start < utc_now() <= window.end
    fired = fired_between(get_sync_database(), window.start, window.end)
    return panels.View(window, selection, theme.palette_of(mode), filling, fired)


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def overview(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """Volume by outcome, and the percentiles of the latencies that matter most."""
    summary = queries.summary(window, selection.filters)
    if not summary.total_calls:
        return Board(summary, summary)
    view, bucket, fields = (
        _view(window, selection, mode),
        window.bucket,
        measured(summary)[:OVERVIEW_LATENCIES],
    )
    cube = _course(window, selection.filters)
    earlier = _earlier(window, selection.filters, cube, bucket)
    latencies = (
        panels.latency(
            view,
            field,
            series.percentile_series(cube, field, bucket),
            getattr(summary, field),
            shown=("p50", "p95"),
        )
        for field in fields
    )
    volume = panels.volume(view, "status", series.volume(cube, "status", bucket), earlier)
    return Board(summary, summary, (volume, *latencies))


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def analytics(
    window: Window, selection: Selection, by: Dimension, wanted: Bucket | None, mode: theme.Mode
) -> Board:
    """Volume, rates, durations and what changed, by a dimension."""
    window = replace(window, bucket=fitting_bucket(window, wanted))
    summary, earlier = queries.summaries(window, selection.filters)
    if not summary.total_calls:
        return Board(summary, earlier)
    if by == "campaign":
        cube = _cube(window, selection.filters, window.bucket, ("duration_seconds",), campaigns=True)
    else:
        cube = _course(window, selection.filters)
    view, zone, bucket = _view(window, selection, mode), get_settings().tz, window.bucket
    split: Dimension = "direction" if by == "status" else by  # rates are made of outcomes
    durations = series.percentile_series(cube, "duration_seconds", bucket)
    aligned = _earlier(window, selection.filters, cube, bucket)
    return Board(
        summary,
        earlier,
        (
            comparison_panels.changes(view, summary, earlier),
            panels.volume(view, by, series.volume(cube, by, bucket), aligned),
            panels.rates(view, series.rates(cube, bucket), summary),
            comparison_panels.rates_by(view, split, tables.breakdown(cube, split)),
            panels.duration_course(view, durations, summary.duration_seconds),
            panels.durations(view, tables.histogram(cube, "duration_seconds"), summary.duration_seconds),
            panels.languages(view, summary),
            service_panels.ends(view, tables.ends(cube), summary),
            panels.hours(view, series.by_hour_of_week(cube), summary, formats.zone_name(window.end, zone)),
        ),
    )


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def conversion(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """The funnel and its leaks, conversion over time, sentiment, the best time to call, costs."""
    summary, earlier = queries.summaries(window, selection.filters)
    if not summary.total_calls:
        return Board(summary, earlier)
    course = _course(window, selection.filters)
    cube = _cube(window, selection.filters, "1D", campaigns=True)
    view, zone = _view(window, selection, mode), get_settings().tz
    return Board(
        summary,
        earlier,
        (
            conversion_panels.funnel(view, funnel.funnel(cube)),
            conversion_panels.conversions(view, series.rates(course, window.bucket), summary),
            *(conversion_panels.leaks(view, name, funnel.funnel(cube, name)) for name in BY),
            conversion_panels.leaks(view, "attempt", funnel.attempts(cube)),
            conversion_panels.best_time(
                view,
                *series.answers_by_hour_of_week(cube),
                tables.outside_hours(cube, Hours.parse(get_settings().calling_hours, zone).cover)[1],
                formats.zone_name(window.end, zone),
            ),
            panels.sentiment(view, tables.sentiment_histogram(cube), summary),
            *(conversion_panels.costs(view, name, tables.costs(cube, name), summary) for name in BY),
        ),
    )


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def latency(window: Window, selection: Selection, stage: str, mode: theme.Mode) -> Board:
    """All stages' percentiles, and one stage looked at closely."""
    summary, earlier = queries.summaries(window, selection.filters)
    if not summary.total_calls:
        return Board(summary, earlier)
    field = latency_panels.STAGES[stage]
    cube = _course(window, selection.filters)
    view, zone = _view(window, selection, mode), get_settings().tz
    courses = (
        panels.latency(
            view, name, series.percentile_series(cube, name, window.bucket), getattr(summary, name)
        )
        for name in LATENCIES
    )
    # Hours of long periods are many cells, and campaigns more: both are read of the one field alone.
    coarse = BUCKETS.index(window.bucket) > BUCKETS.index("1h")
    hourly = _cube(window, selection.filters, "1h", (field,)) if coarse else cube
    whole = _cube(window, selection.filters, "1D", (field,), campaigns=True)
    values, counts = series.percentile_by_hour_of_week(hourly, field)
    return Board(
        summary,
        earlier,
        (
            *courses,
            latency_panels.distribution(view, field, tables.histogram(cube, field), getattr(summary, field)),
            latency_panels.hours(view, field, values, counts, formats.zone_name(window.end, zone)),
            *(
                latency_panels.by_dimension(view, field, name, tables.breakdown(whole, name, (field,)))
                for name in BY
            ),
        ),
        slowest_calls(get_sync_database(), hourly, field, selection.filters.query()),
    )


@st.cache_resource(ttl=120, max_entries=BOARDS_KEPT, show_spinner=False)
def system(window: Window, selection: Selection, mode: theme.Mode) -> Board:
    """Services, errors by type and fault; the summary says how many calls carry each value."""
    zone = get_settings().tz
    cube = _course(window, selection.filters)
    view = _view(window, selection, mode)
    summary = queries.summary(window, selection.filters)
    first = max(window.start, window.end - SERVICES_WITHIN)
    requests = load_requests(get_sync_database(), first, window.end, zone)
    since = f"since {formats.clock(first, zone, window.end)}"
    return Board(
        summary,
        summary,
        (
            service_panels.operations(view, requests, since),
            service_panels.service_latency(view, requests),
            service_panels.service_errors(view, requests),
            service_panels.errors(view, tables.errors(cube), summary),
            service_panels.ends(view, tables.ends(cube), summary),
        ),
    )


def forget() -> None:
    """Draw all boards afresh: what they say of an empty store is no longer true."""
    queries.forget_figures()
    for board in (overview, analytics, conversion, latency, system):
        board.clear()
