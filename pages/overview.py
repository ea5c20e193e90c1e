"""Overview: is everything all right now?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, formats, placeholders, theme
from dashboard.overview.active_alerts import alert_list
from dashboard.overview.signs_of_life import signs_of_life
from dashboard.panels import auto_refresh, boards, kpi_tiles
from dashboard.panels.panel import show
from dashboard.queries import cache, call_queries, system_queries

FIGURES_HEIGHT, CHARTS_HEIGHT = 420, 380


def figures() -> None:
    """Signs of life, active alerts and key figures."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    with placeholders.guarded(speak=True), placeholders.loading("figures", FIGURES_HEIGHT):
        pulse = cache.ask("pulse", system_queries.pulse).value
        if pulse.newest_call is None:
            placeholders.no_calls_at_all()
            return
        window = selection.window(now, zone)
        answer = cache.ask(selection, call_queries.figures, window, selection.filters)
        placeholders.stale(answer.stale_since)
        signs_of_life(pulse, now, zone)
        alert_list(pulse.alerts, now, zone)
        st.caption(f"Calls started {placeholders.span(window, zone)} {formats.zone_name(now, zone)}")
        if answer.value.now.total_calls:
            cards = (
                *kpi_tiles.CARDS,
                *kpi_tiles.latency_cards(boards.measured(answer.value.now)[: boards.OVERVIEW_LATENCIES]),
            )
            kpi_tiles.key_figures(
                cards, answer.value.now, answer.value.before, selection, answer.value.course
            )
        else:
            placeholders.no_calls(selection, pulse.newest_call)


def charts() -> None:
    """Volume and latency over the period."""
    selection = filters.selected()
    window = selection.window(utc_now(), get_settings().tz, auto_refresh.CHARTS_EVERY)
    with placeholders.guarded(speak=False), placeholders.loading("charts", CHARTS_HEIGHT):
        board = cache.ask(selection, boards.overview_board, window, selection, theme.mode()).value
        if board.panels:
            for column, panel in zip(st.columns((1.2, 1, 1)), board.panels, strict=True):
                with column:
                    show(panel)


auto_refresh.watch()
auto_refresh.renew(figures, auto_refresh.FIGURES_EVERY)
auto_refresh.renew(charts, auto_refresh.CHARTS_EVERY)
