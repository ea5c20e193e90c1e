"""Overview: is everything all right now?"""

import streamlit as st

from core.aggregation.definitions import LATENCIES
from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, panels, parts, queries, renewal, states, theme
from dashboard.panel import show

KPI_HEIGHT, CHARTS_HEIGHT = 420, 380


def figures() -> None:
    """Signs of life, active alerts and key figures."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    with states.guarded(speak=True), states.loading("figures", KPI_HEIGHT):
        pulse = queries.ask("pulse", queries.pulse)
        if pulse.value.newest_call is None:
            states.no_calls_at_all()
            return
        answer = queries.ask(selection, queries.figures, selection.window(now, zone), selection.filters)
        states.stale(answer.stale_since)
        parts.signs_of_life(pulse.value, now, zone)
        parts.alert_list(pulse.value.alerts, now, zone)
        if answer.value.now.total_calls:
            parts.key_figures(answer.value, selection)
        else:
            states.no_calls(selection, pulse.value.newest_call)


def course() -> None:
    """Volume and latency over the period."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    window = selection.window(now, zone, renewal.CHARTS_EVERY)
    with states.guarded(speak=False), states.loading("course", CHARTS_HEIGHT):
        answer = queries.ask(selection, queries.course, window, selection.filters).value
        if not answer.summary.total_calls:
            return
        view = panels.View(window, selection, theme.palette_of(theme.mode()), now)
        left, middle, right = st.columns(3)
        with left:
            show(panels.volume(view, "status", answer.outcome))
        for column, field in zip((middle, right), LATENCIES, strict=True):
            with column:
                show(panels.latency(view, field, answer.latency[field], getattr(answer.summary, field)))


renewal.renew(figures, renewal.FIGURES_EVERY)
renewal.renew(course, renewal.CHARTS_EVERY)
