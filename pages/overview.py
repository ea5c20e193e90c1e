"""Overview: is everything all right now?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import boards, filters, formats, parts, queries, renewal, states, theme
from dashboard.panel import show

FIGURES_HEIGHT, CHARTS_HEIGHT = 420, 380


def figures() -> None:
    """Signs of life, active alerts and key figures."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    with states.guarded(speak=True), states.loading("figures", FIGURES_HEIGHT):
        pulse = queries.ask("pulse", queries.pulse).value
        if pulse.newest_call is None:
            states.no_calls_at_all()
            return
        window = selection.window(now, zone)
        answer = queries.ask(selection, queries.figures, window, selection.filters)
        states.stale(answer.stale_since)
        parts.signs_of_life(pulse, now, zone)
        parts.alert_list(pulse.alerts, now, zone)
        st.caption(f"Calls started {states.span(window, zone)} {formats.zone_name(now, zone)}")
        if answer.value.now.total_calls:
            cards = (
                *parts.CARDS,
                *parts.latency_cards(boards.measured(answer.value.now)[: boards.OVERVIEW_LATENCIES]),
            )
            parts.key_figures(cards, answer.value.now, answer.value.before, selection, answer.value.course)
        else:
            states.no_calls(selection, pulse.newest_call)


def charts() -> None:
    """Volume and latency over the period."""
    selection = filters.selected()
    window = selection.window(utc_now(), get_settings().tz, renewal.CHARTS_EVERY)
    with states.guarded(speak=False), states.loading("charts", CHARTS_HEIGHT):
        board = queries.ask(selection, boards.overview, window, selection, theme.mode()).value
        if board.panels:
            for column, panel in zip(st.columns((1.2, 1, 1)), board.panels, strict=True):
                with column:
                    show(panel)


renewal.watch()
renewal.renew(figures, renewal.FIGURES_EVERY)
renewal.renew(charts, renewal.CHARTS_EVERY)
