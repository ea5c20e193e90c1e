"""Analytics: how do calls, outcomes, latencies and callers' moods develop?"""

import streamlit as st

from core.aggregation.definitions import LATENCIES
from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, formats, panels, queries, renewal, states, theme
from dashboard.panel import Panel, show

PAGE_HEIGHT = 1600


def analysis() -> None:
    """All panels, two a row."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    window = selection.window(now, zone, renewal.CHARTS_EVERY)
    with states.guarded(speak=True), states.loading("analysis", PAGE_HEIGHT):
        answer = queries.ask(selection, queries.analysis, window, selection.filters)
        found = answer.value
        states.stale(answer.stale_since)
        if not found.summary.total_calls:
            newest = queries.ask("pulse", queries.pulse).value.newest_call
            states.no_calls(selection, newest) if newest else states.no_calls_at_all()
            return
        zone_words = formats.zone_name(now, zone)
        total = formats.number(found.summary.total_calls, "calls")
        st.caption(f"{total} calls · {states.span(window, zone)} {zone_words}")
        view = panels.View(window, selection, theme.palette_of(theme.mode()), now)
        summary, spreads = found.summary, found.percentiles
        _rows(
            panels.volume(view, "status", found.volume["status"]),
            panels.volume(view, "direction", found.volume["direction"]),
            *(panels.latency(view, field, spreads[field], getattr(summary, field)) for field in LATENCIES),
            panels.rates(view, found.rates, summary),
            panels.duration_course(view, spreads["duration_seconds"], summary.duration_seconds),
            panels.durations(view, found.durations, summary.duration_seconds),
            panels.sentiment(view, found.sentiment, summary),
            panels.languages(view, summary),
            panels.hours(view, found.hours, summary, zone_words),
        )


def _rows(*row: Panel) -> None:
    for left, right in zip(row[::2], row[1::2], strict=True):
        columns = st.columns(2)
        for column, panel in zip(columns, (left, right), strict=True):
            with column:
                show(panel)


renewal.renew(analysis, renewal.CHARTS_EVERY)
